"""bespokelabs-curator: one `LLM` over a data set, its limits set so high that only the places in flight count."""

import importlib.util
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

bundled = Path(importlib.util.find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
os.environ["TIKTOKEN_CACHE_DIR"] = str(bundled)  # it would fetch its tokenizer, of which litellm brings a copy

from bespokelabs import curator  # noqa: E402

from tests.bench.peers.rows import MODEL, Ask, measured  # noqa: E402


class Teacher(curator.LLM):
    """Asks a row's text and keeps it beside the answer."""

    def prompt(self, input: dict) -> str:
        return input["text"]

    def parse(self, input: dict, response: str) -> dict:
        return {"text": input["text"], "answer": response}


@contextmanager
def opened(url: str, folder: Path, flight: int) -> Generator[Ask]:
    """One `LLM` for all prompts; each call is a data set of its own, journalled as its JSON Lines of responses."""
    teacher = Teacher(
        model_name=MODEL,
        backend="openai",
        generation_params={"max_tokens": 64},
        backend_params={
            "base_url": f"{url}/v1",
            "api_key": "sk-bench",
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 1_000_000_000,
            "max_concurrent_requests": flight,
        },
    )

    def ask(texts: list[str]) -> list[tuple[str, str]]:
        came = teacher([{"text": text} for text in texts], working_dir=str(folder / "curator"))
        return list(zip(came.dataset["text"], came.dataset["answer"], strict=True))

    yield ask


if __name__ == "__main__":
    measured(opened)
