"""OpenAI's files and batches, and a compatible service that calls the same things by other names."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from time import time
from typing import Any

from curation.llm.practice.batches import Batch, Desk, Dialect, Item, LineError, Order, Outcome, Phase, Unacceptable
from curation.llm.practice.listening import Answer, Call, told
from curation.llm.practice.reading import PATHS
from curation.llm.practice.wires import refuse
from curation.records import text_digest

MOST_REQUESTS = 50_000
ENDPOINTS = ("/v1/chat/completions", "/v1/responses")
DAY = 86_400
STATUSES: dict[str, dict[Phase, str]] = {
    "openai": {"running": "in_progress", "ended": "completed"},
    "compat": {"finalizing": "running", "ended": "done"},
}


@dataclass(frozen=True)
class StoredFile:
    """A file as it was uploaded, or as a batch left it."""

    id: str
    name: str
    purpose: str
    content: bytes
    created: int

    def told(self) -> dict[str, Any]:
        """As the wire lists it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "expires_at": self.created + 30 * DAY,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass
class FilesAndBatches:
    """The pages under one base url; `start` begins the work on a batch, `wait` sleeps."""

    desk: Desk
    dialect: Dialect
    start: Callable[[Iterator[None]], None]
    wait: Callable[[float], Awaitable[None]]
    files: dict[str, StoredFile] = field(default_factory=dict[str, StoredFile])

    async def answer(self, call: Call, parts: list[str]) -> Answer:
        """The page `parts` under the base url."""
        match (call.method, *parts):
            case ("POST", "files"):
                return self._upload(call)
            case ("POST", "batches"):
                return await self._create(call)
            case ("GET", "files"):
                return _listed([f.told() for f in reversed(self.files.values())], call)
            case ("GET", "batches"):
                mine = [b for b in self.desk.held.values() if b.order.dialect == self.dialect]
                return _listed([self._told(b) for b in reversed(mine)], call)
            case (_, "files", name, *rest):
                return self._file(call.method, name, rest)
            case (_, "batches", name, *rest):
                return self._batch(call.method, name, rest)
            case _:
                return _missing("page", call.path)

    def _file(self, method: str, name: str, rest: list[str]) -> Answer:
        file = self.files.get(name)
        if file is None:
            return _missing("File", name)
        if method == "DELETE":
            del self.files[name]
            return told({"id": name, "object": "file", "deleted": True})
        if rest == ["content"]:
            return Answer(200, file.content, media="application/octet-stream")
        return told(file.told())

    def _batch(self, method: str, name: str, rest: list[str]) -> Answer:
        batch = self.desk.held.get(name)
        if batch is None or batch.order.dialect != self.dialect:
            return _missing("Batch", name)
        if method == "POST" and rest == ["cancel"]:
            self.desk.cancel(batch)
            return told(self._told(batch, "cancelling" if batch.ended_at is None else None))
        body = self._told(batch)
        if not batch.looked_at:
            batch.looked_at = True
            unknown = "validated" if self.dialect == "compat" and body["status"] == "running" else None
            body["status"] = batch.faults.status_once or unknown or body["status"]
        return told(body)

    def _upload(self, call: Call) -> Answer:
        form = _form(call)
        purpose = form.get("purpose", ("", b""))[1].decode()
        if "file" not in form or purpose != "batch":
            return _bad("a file and the purpose 'batch' are needed", "purpose" if "file" in form else "file")
        name, content = form["file"]
        seed = f"{self.desk.seed}|{self.dialect}|{len(self.files)}|"
        file = StoredFile(f"file-{_short(seed, content)}", name, purpose, content, int(time()))
        self.files[file.id] = file
        return told(file.told())

    async def _create(self, call: Call) -> Answer:
        try:
            wanted = json.loads(call.body)
            file, endpoint = self.files.get(wanted["input_file_id"]), wanted["endpoint"]
        except (ValueError, KeyError, TypeError) as error:
            return _bad(f"the body cannot be read: {error}", None)
        metadata = wanted.get("metadata") or {}
        if file is None or file.purpose != "batch":
            return _bad(f"No such File object: {wanted['input_file_id']}", "input_file_id")
        if endpoint not in ENDPOINTS:
            return _bad(f"endpoint {endpoint!r} cannot be used in batches", "endpoint")
        if wanted.get("completion_window") != "24h":
            return _bad("completion_window: only '24h' is supported", "completion_window")
        if len(metadata) > 16 or any(len(k) > 64 or len(str(v)) > 512 for k, v in metadata.items()):
            return _bad("metadata: at most 16 pairs of 64 and 512 characters", "metadata")
        items = _items(file.content, endpoint)
        line_of = _openai_line if self.dialect == "openai" else _compatible_line
        hangs = self.desk.faults.create_hangs
        batch = self.desk.open(Order(self.dialect, PATHS[endpoint], items, line_of, file.id, endpoint, metadata))
        self.start(self.desk.work(batch))
        if hangs:
            await self.wait(hangs)
        return told(self._told(batch, "validating"))

    def _told(self, batch: Batch, phase: Phase | None = None) -> dict[str, Any]:
        phase = phase or self.desk.look(batch)
        status = STATUSES[self.dialect].get(phase, phase)
        if phase == "ended" and batch.counts["expired"]:
            status = "expired"
        over = batch.ended_at is not None
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.order.endpoint,
            "model": batch.model or None,
            "errors": None if batch.error is None else {"object": "list", "data": [vars(batch.error)]},
            "input_file_id": batch.order.input_file,
            "completion_window": "24h",
            "status": status,
            "output_file_id": self._left(batch, "output", batch.output),
            "error_file_id": self._left(batch, "error", batch.errors),
            "created_at": int(batch.created),
            "in_progress_at": int(batch.created) if batch.validated else None,
            "expires_at": int(batch.created) + DAY,
            "finalizing_at": _stamp(batch.ended_at),
            "completed_at": _stamp(batch.ended_at) if status in ("completed", "done") else None,
            "failed_at": int(batch.created) if batch.error else None,
            "expired_at": _stamp(batch.ended_at) if status == "expired" else None,
            "cancelling_at": _stamp(batch.cancelled_at),
            "cancelled_at": _stamp(batch.ended_at) if phase == "cancelled" else None,
            "request_counts": _counts(batch, phase),
            "usage": _usage(batch) if over else None,
            "metadata": batch.order.metadata or None,
        }

    def _left(self, batch: Batch, what: str, content: bytes) -> str | None:
        """The id of a file that a batch left behind; there is none with nothing in it."""
        if not content:
            return None
        name = f"file-{_short(batch.id, what.encode())}"
        if name not in self.files:
            file = StoredFile(name, f"{batch.id}_{what}.jsonl", "batch_output", content, int(batch.ended_at or 0))
            self.files[name] = file
        return name


def _items(content: bytes, endpoint: str) -> Iterator[Item]:
    """The requests in an input file; raises where the real service would let the batch fail."""
    seen: set[str] = set()
    models: set[str] = set()
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        item, url = _item(line, number)
        models.add(str(item.body.get("model")))
        if url != endpoint:
            raise _wrong("mismatched_endpoint", f"The url is not {endpoint}.", number, "url")
        if item.custom_id in seen:
            raise _wrong("duplicate_custom_id", f"The custom_id {item.custom_id!r} is not unique.", number, "custom_id")
        if len(models) > 1:
            raise _wrong("mismatched_model", "One batch is for one model.", number, "body.model")
        seen.add(item.custom_id)
        if len(seen) > MOST_REQUESTS:
            raise _wrong("too_many_tasks", f"A batch holds at most {MOST_REQUESTS} requests.", None, None)
        yield item
    if not seen:
        raise _wrong("empty_file", "The input file has no requests.", None, None)


def _item(line: bytes, number: int) -> tuple[Item, str]:
    try:
        row = json.loads(line)
        custom_id, body, url, method = row["custom_id"], row["body"], row["url"], row["method"]
    except ValueError:
        raise _wrong("invalid_json_line", "This line is not JSON.", number, None) from None
    except (KeyError, TypeError) as error:
        raise _wrong("missing_required_parameter", f"Missing {error}.", number, str(error)) from None
    if not isinstance(custom_id, str) or not isinstance(body, dict) or method != "POST":
        raise _wrong("invalid_request", "custom_id is text, body an object, method POST.", number, None)
    return Item(custom_id, body), str(url)


def _wrong(code: str, message: str, line: int | None, param: str | None) -> Unacceptable:
    return Unacceptable(LineError(code, message, line, param))


def _openai_line(outcome: Outcome) -> bytes:
    request = text_digest(outcome.custom_id)[:24]
    row: dict[str, Any] = {"id": f"batch_req_{request}", "custom_id": outcome.custom_id}
    if outcome.kind == "expired":
        words = "This request could not be executed before the completion window expired."
        row |= {"response": None, "error": {"code": "batch_expired", "message": words}}
    else:
        answered = {"status_code": outcome.status, "request_id": f"req_{request}", "body": outcome.body}
        row |= {"response": answered, "error": None}
    return told(row).body + b"\n"


def _compatible_line(outcome: Outcome) -> bytes:
    row: dict[str, Any] = {"id": text_digest(outcome.custom_id)[:24], "custom_id": outcome.custom_id}
    if outcome.kind == "succeeded":
        row |= {"response": outcome.body, "error": None}
    elif outcome.kind == "expired":
        row |= {"response": None, "error": {"code": "batch_expired", "message": "not done in time"}}
    else:
        words = outcome.body["error"]["message"]
        row |= {"response": None, "error": {"code": str(outcome.status), "message": words}}
    return told(row).body + b"\n"


def _counts(batch: Batch, phase: Phase) -> dict[str, int]:
    total = len(batch.custom_ids) if batch.validated else 0
    if batch.ended_at is None:
        done = int(total * batch.share()) if phase != "validating" else 0
        return {"total": total, "completed": done, "failed": 0}
    return {"total": total, "completed": batch.counts["succeeded"], "failed": batch.counts["errored"]}


def _usage(batch: Batch) -> dict[str, Any]:
    spent = batch.spent
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"cached_tokens": spent.cached},
        "output_tokens": spent.output,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning},
        "total_tokens": spent.input + spent.output,
    }


def _stamp(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _short(name: str, content: bytes) -> str:
    return text_digest(name + text_digest(content.decode("utf-8", "replace")))[:24]


def _listed(rows: list[dict[str, Any]], call: Call) -> Answer:
    after, limit = call.query.get("after"), int(call.query.get("limit", "20"))
    ids = [row["id"] for row in rows]
    start = ids.index(after) + 1 if after in ids else 0
    page = rows[start : start + limit]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return told({"object": "list", "data": page, "has_more": start + limit < len(rows), **ends})


def _form(call: Call) -> dict[str, tuple[str, bytes]]:
    """Name -> (file name, content) of a multipart body."""
    boundary = re.search(r'boundary="?([^";]+)', call.headers.get("content-type", ""))
    form: dict[str, tuple[str, bytes]] = {}
    for piece in call.body.split(b"--" + boundary[1].encode())[1:-1] if boundary else ():
        head, _, content = piece.partition(b"\r\n\r\n")
        name = re.search(r'[ ;]name="([^"]*)"', head.decode())
        file = re.search(r'filename="([^"]*)"', head.decode())
        form[name[1] if name else ""] = (file[1] if file else "", content[:-2])
    return form


def _bad(message: str, param: str | None) -> Answer:
    return told(refuse("openai-chat", 400, message, "invalid_value", param), 400)


def _missing(what: str, name: str) -> Answer:
    return told(refuse("openai-chat", 404, f"No such {what} object: {name}", None, "id"), 404)
