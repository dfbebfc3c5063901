"""Anthropic's Message Batches: requests inline, no progress until all has ended, results as one stream of lines."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from curation.llm.practice.batches import Batch, Desk, Item, Order, Outcome, Phase
from curation.llm.practice.listening import Answer, Call, told
from curation.llm.practice.wires import refuse
from curation.records import text_digest

MOST_REQUESTS = 100_000
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
DAY = 86_400
KINDS = ("succeeded", "errored", "canceled", "expired")


@dataclass
class MessageBatches:
    """The pages under /v1/messages/batches; `start` begins the work on a batch, `wait` sleeps."""

    desk: Desk
    start: Callable[[Iterator[None]], None]
    wait: Callable[[float], Awaitable[None]]
    url: str = ""

    async def answer(self, call: Call, parts: list[str]) -> Answer:
        """The page `parts` under the base url."""
        if not parts:
            return await self._create(call) if call.method == "POST" else self._list(call)
        batch = self.desk.held.get(parts[0])
        if batch is None or batch.order.dialect != "anthropic":
            return _refused(404, f"Message batch {parts[0]} not found.")
        match (call.method, *parts[1:]):
            case ("GET",):
                return told(self._told_once(batch))
            case ("DELETE",):
                return self._delete(batch)
            case ("POST", "cancel"):
                self.desk.cancel(batch)
                return told(self._told(batch, "cancelling" if batch.ended_at is None else None))
            case ("GET", "results"):
                if self.desk.look(batch) not in ("ended", "cancelled"):
                    return _refused(404, "The results of this batch are not there yet.")
                return Answer(200, batch.output, media="application/x-jsonl")
            case _:
                return _refused(404, f"there is no {call.method} {call.path}")

    async def _create(self, call: Call) -> Answer:
        try:
            items = [Item(row["custom_id"], row["params"]) for row in json.loads(call.body)["requests"]]
        except (ValueError, KeyError, TypeError) as error:
            return _refused(400, f"requests: {error!s} is missing or wrong")
        wrong = _wrong(items)
        if wrong:
            return _refused(400, wrong)
        digest = text_digest(call.body.decode("utf-8", "replace"))
        hangs = self.desk.faults.create_hangs
        order = Order("anthropic", "anthropic", iter(items), _line, digest, "/v1/messages", requests=len(items))
        batch = self.desk.open(order)
        self.start(self.desk.work(batch))
        if hangs:
            await self.wait(hangs)
        return told(self._told(batch))

    def _list(self, call: Call) -> Answer:
        mine = [b for b in reversed(self.desk.held.values()) if b.order.dialect == "anthropic"]
        ids = [b.id for b in mine]
        limit = int(call.query.get("limit", "20"))
        if (before := call.query.get("before_id")) in ids:
            page = mine[max(0, ids.index(before) - limit) : ids.index(before)]
            more = ids.index(before) > limit
        else:
            after = call.query.get("after_id")
            start = ids.index(after) + 1 if after in ids else 0
            page, more = mine[start : start + limit], start + limit < len(mine)
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        return told({"data": [self._told(b) for b in page], "has_more": more, **ends})

    def _delete(self, batch: Batch) -> Answer:
        if self.desk.look(batch) not in ("ended", "cancelled"):
            return _refused(400, "A batch that is processed cannot be deleted.")
        del self.desk.held[batch.id]
        return told({"id": batch.id, "type": "message_batch_deleted"})

    def _told_once(self, batch: Batch) -> dict[str, Any]:
        body = self._told(batch)
        if not batch.looked_at:
            batch.looked_at = True
            body["processing_status"] = batch.faults.status_once or body["processing_status"]
        return body

    def _told(self, batch: Batch, phase: Phase | None = None) -> dict[str, Any]:
        phase = phase or self.desk.look(batch)
        over = batch.ended_at is not None
        counts = {kind: batch.counts[kind] if over else 0 for kind in KINDS}
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if over else "canceling" if phase == "cancelling" else "in_progress",
            "request_counts": {"processing": 0 if over else batch.order.requests, **counts},
            "created_at": _stamp(batch.created),
            "expires_at": _stamp(batch.created + DAY),
            "ended_at": _stamp(batch.ended_at),
            "cancel_initiated_at": _stamp(batch.cancelled_at),
            "archived_at": None,
            "results_url": f"{self.url}/v1/messages/batches/{batch.id}/results" if over else None,
        }


def _wrong(items: list[Item]) -> str | None:
    """What is wrong with a list of requests as a whole; their parameters are looked at later."""
    if not items or len(items) > MOST_REQUESTS:
        return f"requests: between 1 and {MOST_REQUESTS} are needed, not {len(items)}"
    bad = next((i.custom_id for i in items if not CUSTOM_ID.fullmatch(str(i.custom_id))), None)
    if bad is not None:
        return f"requests.custom_id: {bad!r} should match '^[a-zA-Z0-9_-]{{1,64}}$'"
    if len({i.custom_id for i in items}) < len(items):
        return "requests: custom_ids must be unique"
    return None


def _line(outcome: Outcome) -> bytes:
    result: dict[str, Any] = {"type": outcome.kind}
    if outcome.kind == "succeeded":
        result["message"] = outcome.body
    elif outcome.kind == "errored":
        result["error"] = outcome.body
    return told({"custom_id": outcome.custom_id, "result": result}).body + b"\n"


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _refused(status: int, message: str) -> Answer:
    return told(refuse("anthropic", status, message), status)
