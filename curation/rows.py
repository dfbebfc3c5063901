"""Reads the rows of files people already have: JSONL, CSV, OpenAI and Anthropic request logs, chats."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from curation.errors import InputError
from curation.plugins import nearest

Format = Literal["auto", "jsonl", "csv", "openai-log", "anthropic-log", "chats"]
FORMATS: tuple[Format, ...] = ("auto", "jsonl", "csv", "openai-log", "anthropic-log", "chats")

Row = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One row of a file: its line number and what it holds, or the reason why it cannot be read."""

    number: int
    row: Row | None
    reason: str = ""


def read_rows(path: Path, format: Format = "auto", mapping: Mapping[str, str] | None = None) -> list[Line]:
    """Every row of a file with its columns renamed by `mapping`; InputError for a file that cannot be read."""
    if format not in FORMATS:
        raise InputError(f"no format {format!r}{nearest(format, FORMATS)} Known: {', '.join(FORMATS)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    lines = _csv(data) if (format == "csv" or (format == "auto" and path.suffix in (".csv", ".tsv"))) else _json(data)
    _require_columns(lines, mapping or {}, path)
    return [_shaped(line, format, mapping or {}) for line in lines]


# --- files -----------------------------------------------------------------------------------------------------


def _json(data: bytes) -> list[Line]:
    """JSON lines, or one JSON array of rows."""
    if data.lstrip().startswith(b"["):
        return _array(data)
    return [_json_line(number, raw) for number, raw in enumerate(data.split(b"\n"), 1) if raw.strip()]


def _array(data: bytes) -> list[Line]:
    try:
        rows = json.loads(data)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    return [
        Line(n, row) if isinstance(row, dict) else Line(n, None, "not a JSON object") for n, row in enumerate(rows, 1)
    ]


def _json_line(number: int, raw: bytes) -> Line:
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Line(number, None, f"not UTF-8 (byte {error.start})")
    except ValueError as error:
        return Line(number, None, f"not JSON: {error}")
    return Line(number, row) if isinstance(row, dict) else Line(number, None, "not a JSON object")


def _csv(data: bytes) -> list[Line]:
    """Rows of a CSV file; a bad byte costs its own row, a quoted field may hold line ends."""
    text = data.decode("utf-8-sig", errors="surrogateescape")
    sample = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=sample.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    header = next(reader, [])
    found: list[Line] = []
    for record in reader:
        if record:
            found.append(_csv_row(reader.line_num, header, record))
    return found


def _csv_row(number: int, header: Sequence[str], record: Sequence[str]) -> Line:
    if any("\udc80" <= c <= "\udcff" for value in record for c in value):
        return Line(number, None, "not UTF-8; save the file as UTF-8")
    if len(record) != len(header):
        return Line(number, None, f"{len(record)} columns, the header has {len(header)}")
    return Line(number, dict(zip(header, record, strict=True)))


def _require_columns(lines: Iterable[Line], mapping: Mapping[str, str], path: Path) -> None:
    """A column that no row has is a mistake in the mapping, named at once with the nearest one."""
    seen = {column for line in lines if line.row for column in line.row}
    for column in mapping:
        if seen and column not in seen:
            raise InputError(
                f"{path.name} has no column {column!r}{nearest(column, seen)} It has {', '.join(sorted(seen))}"
            )


# --- shapes ----------------------------------------------------------------------------------------------------


def _shaped(line: Line, format: Format, mapping: Mapping[str, str]) -> Line:
    if line.row is None:
        return line
    row = {mapping.get(k, k): v for k, v in line.row.items()}
    shape = _shape_of(row) if format == "auto" else format
    try:
        return Line(line.number, SHAPES[shape](row))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return Line(line.number, line.row, f"not a row of {shape}: {type(error).__name__} {error}")


def _shape_of(row: Row) -> str:
    """What a row looks like: a logged pair, a chat, or plain columns."""
    request = row.get("request") or row.get("body")
    if isinstance(request, dict) and isinstance(row.get("response"), dict):
        return "anthropic-log" if _is_anthropic(request, row["response"]) else "openai-log"
    if "conversations" in row or ("messages" in row and "text" not in row):
        return "chats"
    return "jsonl"


def _is_anthropic(request: Row, response: Row) -> bool:
    body = response.get("body", response)
    return "stop_reason" in body or body.get("type") == "message" or "anthropic_version" in request


def _plain(row: Row) -> Row:
    return row


def _chat(row: Row) -> Row:
    """A conversation; when it ends with the assistant, that turn is the answer."""
    turns = [_turn(t) for t in row.get("messages") or row["conversations"]]
    rest = {k: v for k, v in row.items() if k not in ("messages", "conversations")}
    if turns[-1]["role"] == "assistant" and "answer" not in rest:
        return {**rest, "messages": turns[:-1], "answer": turns[-1]["content"]}
    return {**rest, "messages": turns}


ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "developer": "system"}


def _turn(turn: Row) -> Row:
    """A turn in this project's words; ShareGPT's from and value are known too."""
    role = str(turn.get("role") or turn["from"])
    content = turn.get("content", turn.get("value"))
    shaped: Row = {"role": ROLES.get(role, role), "content": _text(content)}
    calls = [c["function"] | {"id": c.get("id", "")} for c in turn.get("tool_calls") or ()]
    if calls:
        shaped["tool_calls"] = [{k: c[k] for k in ("name", "arguments", "id")} for c in calls]
    if turn.get("tool_call_id"):
        shaped["tool_call_id"] = turn["tool_call_id"]
    return shaped


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") in ("text", "input_text", "output_text"))
    return content or ""


def _openai_log(row: Row) -> Row:
    """A logged chat completion or response with its request."""
    request: Row = row.get("request") or row["body"]
    request = request.get("body", request)
    response: Row = row["response"].get("body", row["response"])
    given = request["messages"] if "messages" in request else request["input"]
    turns: list[Row] = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    if request.get("instructions"):
        turns = [{"role": "system", "content": request["instructions"]}, *turns]
    return _pair(row, turns, response.get("model") or request.get("model"), _openai_answer(response))


def _openai_answer(response: Row) -> str:
    if "choices" in response:
        return _text(response["choices"][0]["message"]["content"])
    parts = [p for item in response["output"] if item["type"] == "message" for p in item["content"]]
    return _text(parts)


def _anthropic_log(row: Row) -> Row:
    """A logged message with its request."""
    request: Row = row.get("request") or row["body"]
    request = request.get("body", request)
    response: Row = row["response"].get("body", row["response"])
    system = _text(request.get("system"))
    turns = [*([{"role": "system", "content": system}] if system else []), *request["messages"]]
    return _pair(row, turns, response.get("model") or request.get("model"), _text(response["content"]))


def _pair(row: Row, turns: Sequence[Row], model: str | None, answer: str) -> Row:
    rest = {k: v for k, v in row.items() if k not in ("request", "response", "body")}
    return {**rest, "messages": [_turn(t) for t in turns], "answer": answer, "model": model}


SHAPES: dict[str, Callable[[Row], Row]] = {
    "jsonl": _plain, "csv": _plain, "chats": _chat, "openai-log": _openai_log, "anthropic-log": _anthropic_log,
}  # fmt: skip
