"""The provider `replay`: recorded replies, found by the digest of the last user message, scrubbed; asks nobody.

A recording is JSONL, one reply per line: the prompt (`messages`, `text`, `prompt`, `instruction` or `digest`), the
answer (`answer` or `response`), and where known `model`, `index`, `stop`, `usage`, `logprobs`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.errors import AskFailed, InputError, ProviderError
from curation.llm.limits import Pace
from curation.records import Record, Reply, Request, Stop, TokenLogprob, ToolCall, Usage, text_digest
from curation.task import ModelTable


class Recorded(Record):
    """One recorded reply; `digest` names the last user message it answers."""

    digest: str
    answer: str
    model: str | None = None
    index: int = 0
    stop: Stop = "end"
    usage: Usage = Usage()
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None


class Replay:
    """A recording, ready to be looked up."""

    name = "replay"
    host = "replay"
    api_version = "1"

    def __init__(self, model: str, recorded: list[Recorded], path: Path) -> None:
        self.pace = Pace()
        self._path = path
        self._model = model
        self._found: dict[tuple[str, int], Recorded] = {}
        for row in recorded:
            if row.model in (None, model):
                self._found.setdefault((row.digest, row.index), row)

    async def ask(self, request: Request, attempt: int, wire: str) -> Reply:
        """The recorded reply; AskFailed when there is none, which fails this row alone."""
        text = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
        row = self._found.get((text_digest(text), request.index))
        if row is None:
            raise AskFailed(
                "invalid_parameter",
                f"{self._path.name} holds no reply number {request.index} of {self._model} to this prompt",
            )
        return Reply(
            key=request.key,
            text=row.answer,
            stop=row.stop,
            model=self._model,
            tool_calls=row.tool_calls,
            logprobs=row.logprobs,
            usage=row.usage,
        )

    async def close(self) -> None:
        """Nothing to give back."""


def open_model(model: ModelTable, scrub: Callable[[str], str] = str) -> Replay:
    """The recording a task.toml table names in `path`; its replies of other models are left out.

    `scrub` is what prompts go through before they are asked, so that a recording of raw prompts is found.
    """
    if model.path is None:
        raise ProviderError(f"{model.name!r} is a replay: task.toml must name its recording with path = 'FILE.jsonl'")
    path = Path(model.path).expanduser()
    return Replay(model.model, read_recording(path, scrub), path)


def read_recording(path: Path, scrub: Callable[[str], str] = str) -> list[Recorded]:
    """Every reply in a recording; InputError names the first line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"recording {path}: {error}") from error
    return [_recorded(line, f"{path.name}:{number}", scrub) for number, line in enumerate(lines, 1) if line.strip()]


def _recorded(line: str, where: str, scrub: Callable[[str], str]) -> Recorded:
    try:
        row: Any = json.loads(line)
        return recorded_of(row, scrub)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{where}: not a recorded reply: {error}") from error


def recorded_of(row: dict[str, Any], scrub: Callable[[str], str] = str) -> Recorded:
    """A recorded reply from a row; other columns are ignored."""
    answer = next((row[k] for k in ("answer", "response") if isinstance(row.get(k), str)), None)
    if answer is None:
        raise KeyError("no 'answer' or 'response' with text")
    known = {k: row[k] for k in Recorded.model_fields if k in row and row[k] is not None}
    return Recorded.model_validate({**known, "digest": _digest(row, scrub), "answer": answer})


def _digest(row: dict[str, Any], scrub: Callable[[str], str]) -> str:
    if isinstance(row.get("digest"), str):
        return row["digest"]
    if isinstance(row.get("messages"), list):
        users = [m["content"] for m in row["messages"] if m.get("role") == "user"]
        if users:
            return text_digest(scrub(users[-1]))
    for name in ("text", "prompt", "instruction"):
        if isinstance(row.get(name), str):
            return text_digest(scrub(row[name]))
    raise KeyError("no 'messages', 'text', 'prompt' or 'digest'")
