"""distilabel: one TextGeneration step over a list, batches as large as the places in flight, its cache on."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from tests.bench.peers.rows import MODEL, Ask, measured


@contextmanager
def opened(url: str, folder: Path, flight: int) -> Generator[Ask]:
    """A pipeline per call, because one is run once; its processes end with it and are counted."""

    def ask(texts: list[str]) -> list[tuple[str, str]]:
        llm = OpenAILLM(model=MODEL, base_url=f"{url}/v1", api_key="sk-bench", generation_kwargs={"max_new_tokens": 64})
        with Pipeline(name=f"bench-{len(texts)}", cache_dir=folder / "distilabel") as pipeline:
            load = LoadDataFromDicts(data=[{"instruction": text} for text in texts], batch_size=flight)
            load >> TextGeneration(llm=llm, input_batch_size=flight)
        rows = pipeline.run(use_cache=True)["default"]["train"]
        return list(zip(rows["instruction"], rows["generation"], strict=True))

    yield ask


if __name__ == "__main__":
    measured(opened)
