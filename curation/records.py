"""The records that flow through the house, their identities, and the Arrow schema of each table.

Four identities are frozen; changing any of them re-buys every reply or breaks every sealed version:

* the **request key** (`Request.key`): SHA-256 of the canonical JSON of everything that can change an answer;
* the **canonical row** (`canonical_row`): the bytes of one sample that a version's content digest covers;
* the **sample id** (`sample_id`): HMAC-SHA256(workspace key, request key | index), first 32 hex;
* the **version id** (`version_id`): first 32 hex of SHA-256(content | recipe | parents).

`docs/formats.md` states them byte by byte, and `tests/curation/test_records.py` holds golden values.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, JsonValue

Role = Literal["system", "user", "assistant", "tool"]
State = Literal["kept", "dropped", "quarantined", "failed"]
Action = Literal["keep", "drop", "edit", "quarantine", "fail"]
Mode = Literal["native", "plain", "repaired", "reasked"]
"""How an answer became readable: as the provider enforced it, as it came, mended here, or asked again."""
Stop = Literal["end", "length", "refusal", "tool_call", "filtered", "other"]


class Record(BaseModel):
    """A frozen record; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolCall(Record):
    """One function call a model made: its name and its arguments as the JSON text the model wrote."""

    name: str
    arguments: str
    id: str = ""


class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Prompt(Record):
    """What is asked, before any teacher is chosen.

    `id` names it for people and is unique in the workspace; `group` is the customer, conversation or template it
    belongs to (whole groups stay on one side of a split); `fields` are the user's other columns, passed through;
    `source` is `file:line`; `parent` the prompt it was varied from and `variant` which variant it is; `masked` says
    what scrubbing found in it, without the values.
    """

    id: str
    messages: tuple[Message, ...]
    group: str | None = None
    tags: tuple[str, ...] = ()
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    source: str = ""
    parent: str | None = None
    variant: int | None = None
    masked: tuple[JsonValue, ...] = ()

    @property
    def text(self) -> str:
        """The last user turn: what a rater or a check means by "the prompt"."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


class Request(Record):
    """A prompt addressed to one model with every parameter that can change the answer.

    `provider` is the wire format's plugin name, `host` the host and port asked (`practice` for the practice
    server, whose port changes), `template` the digest of the way of asking, `index` which of n samples this is.
    """

    provider: str
    host: str
    api_version: str
    model: str
    messages: tuple[Message, ...]
    params: dict[str, JsonValue] = Field(default_factory=dict)
    answer_schema: dict[str, JsonValue] | None = None
    tools: tuple[dict[str, JsonValue], ...] = ()
    index: int = 0
    template: str = ""

    @property
    def key(self) -> str:
        """The request key, 64 hex digits: equal keys are the same purchase."""
        return self.key_and_size[0]

    @property
    def size(self) -> int:
        """Bytes of its canonical JSON: more than what is sent."""
        return self.key_and_size[1]

    @cached_property
    def key_and_size(self) -> tuple[str, int]:
        """Both at once, worked out when first asked for."""
        written = canonical(self.model_dump(mode="json"))
        return hashlib.sha256(written).hexdigest(), len(written)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy never carries the key that was worked out for the original."""
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop("key_and_size", None)
        return copied


class Usage(Record):
    """Tokens as the provider reported them; None where it did not."""

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    reasoning: int | None = None
    cache_write: int | None = None


class TokenLogprob(Record):
    """One generated token with its log-probability (nats) and the alternatives reported beside it."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Alternative(Record):
    """One more choice of a reply that was asked for several at once."""

    text: str
    stop: Stop
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None


class Reply(Record):
    """What came back for one request: terminal, so it is journalled once and never bought again.

    `tier` is the service tier the provider says it used; `ignored` names parameters that were asked for and that the
    server silently left out; `others` are the choices after the first.
    """

    key: str
    text: str
    stop: Stop
    model: str
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    usage: Usage = Usage()
    provider_id: str = ""
    fingerprint: str | None = None
    tier: str | None = None
    ignored: tuple[str, ...] = ()
    others: tuple[Alternative, ...] = ()


class Sample(Record):
    """One row of the dataset as a check sees it: prompt and one answer, from one reply.

    `labels` is the parsed answer (the JSON object, or `{"label": ...}` for a label task), None where it could not
    be parsed; `signal` is what the teacher knew beyond the text: a probability per label.
    """

    id: str
    request_key: str
    position: int
    prompt_id: str
    teacher: str
    index: int
    messages: tuple[Message, ...]
    answer: str | None
    labels: dict[str, JsonValue] | None = None
    signal: dict[str, float] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    stop: Stop | None = None
    logprob: float | None = None
    mode: Mode | None = None
    rationale: str | None = None
    confidence: float | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    source: str = ""

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")


class Decision(Record):
    """What one step decided about one sample: the reason as a code for counting, in words for reading,
    with the number that decided and whatever else a person would ask for (the twin, the votes)."""

    sample: str
    step: str
    action: Action
    reason: str
    words: str
    number: float | None = None
    evidence: dict[str, JsonValue] | None = None


def canonical(value: JsonValue | Mapping[str, Any] | Sequence[Any]) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8, integral floats written as integers; NaN and infinity are refused.

    >>> canonical({"b": 1.0, "a": ["é"]}).decode()
    '{"a":["é"],"b":1}'
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, str):  # nearly all there is: this is on the way of every request
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def digest(value: JsonValue | Mapping[str, Any] | Sequence[Any]) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def text_digest(text: str) -> str:
    """SHA-256 of a message's text without surrounding white space: how recordings and practice answers are found."""
    return hashlib.sha256(text.strip().encode()).hexdigest()


def sample_id(workspace_key: bytes, request_key: str, index: int) -> str:
    """A sample's public name, 32 hex: keyed, so that no id confirms a guess about its prompt.

    >>> sample_id(b"k" * 32, "ab" * 32, 0)
    'be83791d00024b40d240663264d527b0'
    """
    return hmac.new(workspace_key, f"{request_key}|{index}".encode(), hashlib.sha256).hexdigest()[:32]


def version_id(content: str, recipe: str, parents: Iterable[str]) -> str:
    """First 32 hex of SHA-256("content|recipe|parent,parent,...")."""
    return hashlib.sha256(f"{content}|{recipe}|{','.join(parents)}".encode()).hexdigest()[:32]


def canonical_row(row: Mapping[str, Any]) -> bytes:
    """The bytes of one sample that a version's content digest covers, from a row of the samples table.

    Prompt messages, answer, labels, group, state, reason; no id, time, attempt, cost or float.
    """
    return canonical(
        {
            "messages": [{k: v for k, v in m.items() if v is not None} for m in row["messages"]],
            "answer": row["answer"],
            "labels": None if row["labels"] is None else json.loads(row["labels"]),
            "group": row["group"],
            "state": row["state"],
            "reason": row["reason"],
        }
    )


def draw(seed: int, *identity: str | int) -> float:
    """A number in [0, 1) that depends on nothing but the task's seed and the identity of a record.

    >>> draw(7, "select", "p1") == draw(7, "select", "p1")
    True
    """
    text = "|".join([str(seed), *map(str, identity)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


MESSAGE = pl.Struct({"role": pl.String, "content": pl.String, "tool_calls": pl.String, "tool_call_id": pl.String})

SAMPLES: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "position": pl.Int64,  # of the prompt in the plan
    "teacher": pl.String,  # as named in task.toml
    "index": pl.Int64,  # which of the teacher's n samples
    "prompt_id": pl.String,
    "parent": pl.String,  # the prompt this one was varied from
    "request_key": pl.String,
    "messages": pl.List(MESSAGE),
    "answer": pl.String,  # null when the request failed
    "labels": pl.String,  # canonical JSON object, null when the answer could not be parsed
    "signal": pl.String,  # canonical JSON {label: probability}
    "tool_calls": pl.String,  # JSON list of the answer's calls
    "stop": pl.String,
    "logprob": pl.Float64,  # mean per token, nats
    "mode": pl.String,  # Mode, null when the request failed
    "rationale": pl.String,  # why, in the teacher's words, where it was asked for or reported
    "confidence": pl.Float64,  # as the teacher stated it, 0 to 1
    "model": pl.String,  # as the provider named it in the reply
    "fingerprint": pl.String,  # of the provider's backend, where it reports one
    "group": pl.String,
    "tags": pl.List(pl.String),
    "fields": pl.String,  # canonical JSON of the user's other columns
    "source": pl.String,  # file:line
    "state": pl.String,  # State
    "reason": pl.String,  # code of the deciding decision, null when kept
    "step": pl.String,  # step that decided, null when kept
    "edited": pl.Boolean,
    "judged": pl.String,  # agreed | rejected | split | unjudged
    "control": pl.Boolean,  # drawn into the size-matched random arm
}
"""Schema of the samples table: one row per (prompt, teacher, index), in that order."""

DECISIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "sample": pl.String,
    "step": pl.String,
    "action": pl.String,
    "reason": pl.String,
    "words": pl.String,
    "number": pl.Float64,  # rounded to six digits
    "evidence": pl.String,  # canonical JSON
}
"""Schema of the decisions table: what each step decided, where it decided anything but a silent keep."""


def message_row(message: Message) -> dict[str, str | None]:
    """One message as a row of the MESSAGE struct."""
    calls = [c.model_dump() for c in message.tool_calls]
    return {
        "role": message.role,
        "content": message.content,
        "tool_calls": canonical(calls).decode() if calls else None,
        "tool_call_id": message.tool_call_id,
    }


def message_of(row: Mapping[str, Any]) -> Message:
    """The message a MESSAGE struct holds."""
    calls = json.loads(row["tool_calls"]) if row.get("tool_calls") else []
    return Message(
        role=row["role"],
        content=row["content"],
        tool_calls=tuple(ToolCall(**c) for c in calls),
        tool_call_id=row.get("tool_call_id"),
    )


def sample_of(row: Mapping[str, Any]) -> Sample:
    """The sample a row of the samples table holds."""
    return Sample(
        id=row["id"],
        request_key=row["request_key"],
        position=row["position"],
        prompt_id=row["prompt_id"],
        teacher=row["teacher"],
        index=row["index"],
        messages=tuple(message_of(m) for m in row["messages"]),
        answer=row["answer"],
        labels=_loads(row["labels"]),
        signal=_loads(row["signal"]),
        tool_calls=tuple(ToolCall(**c) for c in _loads(row["tool_calls"]) or ()),
        stop=row["stop"],
        logprob=row["logprob"],
        mode=row["mode"],
        rationale=row["rationale"],
        confidence=row["confidence"],
        group=row["group"],
        tags=tuple(row["tags"] or ()),
        fields=_loads(row["fields"]) or {},
        source=row["source"] or "",
    )


def _loads(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def decisions_frame(decisions: Iterable[Decision]) -> pl.DataFrame:
    """Decisions as a table with the DECISIONS schema (typed even when empty)."""
    rows = [
        {
            **d.model_dump(exclude={"evidence", "number"}),
            "number": None if d.number is None else round(d.number, 6),
            "evidence": None if d.evidence is None else canonical(d.evidence).decode(),
        }
        for d in decisions
    ]
    return pl.DataFrame(rows, schema=DECISIONS)
