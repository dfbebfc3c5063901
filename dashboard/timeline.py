"""The story of one sample, from the line it came from to the versions that hold it; as a list and as a diagram."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from curation.store.replies import Replies
from curation.store.store import Store
from dashboard.queries import evidence_line, moment

SAFE = re.compile(r"[^\w .,:/()%-]+")
"""What a label of the diagram may not hold: Mermaid would read brackets, quotes and semicolons as its own."""
LABEL = 48
GONE = "its request is not in this workspace's journal"
SHOWN_PARAMS = 6


class Event(NamedTuple):
    """One thing that happened to a sample: what, with which outcome, in words, and when (empty where not recorded)."""

    what: str
    outcome: str
    words: str
    at: str = ""


def timeline(store: Store, card: Mapping[str, Any]) -> list[Event]:
    """Everything that is known of a sample's card (`sample_cards.card`), oldest first."""
    return [*_prompt(card), *_asked(store, card), *_decided(card), *_people(card), *_sealed(card)]


def _prompt(card: Mapping[str, Any]) -> Iterable[Event]:
    row = card["row"]
    group = f", group {row['group']}" if row["group"] else ""
    yield Event("prompt", row["prompt_id"], f"{row['source'] or 'of no file'}{group}")
    if row["parent"]:
        yield Event("varied", "from", f"prompt {row['parent']}")


def _asked(store: Store, card: Mapping[str, Any]) -> Iterable[Event]:
    key, request = card["row"]["request_key"], card.get("request") or {}
    if not key:
        yield Event("asked", "nobody", "the prompt was held before anybody was asked")
        return
    replies = Replies(store.replies_db)
    about: Mapping[str, Any] = replies.about(key) or {}
    if not request.get("model"):
        yield Event("asked", card["teacher"], GONE if not about else "the request was erased by [rules] keep_days")
        return
    if template := request.get("template"):
        yield Event("template", str(template)[:12], "the way of asking, by its digest")
    yield Event("asked", card["teacher"], _request(request, key), moment(str(about.get("at") or "")))
    if about.get("scrub"):
        yield Event("sent", "scrubbed" if about["scrub"] != "off" else "unscrubbed", str(about["scrub"]))
    yield from _replied(replies, key)
    if (mode := card["row"]["mode"]) in ("repaired", "reasked"):
        yield Event("read", mode, "its format was mended here" if mode == "repaired" else "it was asked again")


def _request(request: Mapping[str, Any], key: str) -> str:
    said = [f"{request['provider']}, {request['model']} at {request['host']}"]
    params = list((request.get("params") or {}).items())
    said += [f"{name} {evidence_line({'': value}).strip()}" for name, value in params[:SHOWN_PARAMS]]
    return ", ".join([*said, f"request {key[:12]}"])


def _replied(replies: Replies, key: str) -> Iterable[Event]:
    attempts = replies.attempts(key)
    failed = [a for a in attempts if a["outcome"] != "reply"]
    if failed:
        yield Event("tried", f"{len(failed)} failed", ", ".join(str(a["outcome"]) for a in failed))
    reply = replies.find([key]).get(key)
    if reply is None:
        yield Event("reply", "none", "no reply is in the journal")
        return
    tokens = "" if reply.usage.output is None else f", {reply.usage.output:,} tokens"
    named = f", request id {reply.provider_id}" if reply.provider_id else ""
    backend = f", backend {reply.fingerprint}" if reply.fingerprint else ""
    at = next((str(a["at"]) for a in reversed(attempts) if a["outcome"] == "reply"), "")
    yield Event("reply", reply.stop, f"{reply.model}{tokens}{named}{backend}", moment(at))


def _decided(card: Mapping[str, Any]) -> Iterable[Event]:
    for step in card["steps"]:
        yield Event(step["step"], step["decision"], step.get("words") or "passed")
        evidence = step.get("evidence")
        votes = evidence.get("votes") if isinstance(evidence, dict) else None
        for vote in votes if isinstance(votes, list) else ():
            yield Event("judge", str(vote.get("vote")), f"{vote.get('judge')}: {vote.get('reason')}")


def _people(card: Mapping[str, Any]) -> Iterable[Event]:
    for vote in card.get("reviews") or []:
        reason = f", {vote['reason']}" if vote.get("reason") else ""
        yield Event("review", vote["choice"], f"{vote['rater']} in study {vote['study']}{reason}", moment(vote["at"]))
    if hidden := card.get("hidden_votes"):
        yield Event("review", "hidden", f"{hidden} in a study that is open; shown when it is closed")
    for gold in card.get("gold") or []:
        yield Event("gold", f"set {gold['name']}", f"row {gold['item']}, since version {gold['opened']}")


def _sealed(card: Mapping[str, Any]) -> Iterable[Event]:
    row = card["row"]
    if row["edited"]:
        yield Event("edited", "edit", "the answer is not the reply word for word")
    arms = [name for name, there in _arms(row).items() if there]
    yield Event("split", ", ".join(arms) or "none", "the training arms that hold it")
    yield Event("sealed", card["state"], f"version {card['version'][:12]}")


def _arms(row: Mapping[str, Any]) -> dict[str, bool]:
    return {"raw": row["answer"] is not None, "control": bool(row["control"]), "curated": row["state"] == "kept"}


# --- as a diagram ----------------------------------------------------------------------------------------------


def diagram(events: Iterable[Event], versions: Iterable[str] = ()) -> str:
    """A Mermaid flowchart of a sample's story; every label is made of plain characters alone.

    >>> print(diagram([Event("prompt", "p1", "a.jsonl:1"), Event("dedup", "drop", "twin")]))
    flowchart TB
      n0["prompt: p1"]
      n1["dedup: drop"]
      n0 --> n1
    """
    told = [e for e in events if e.what not in ("judge", "sent", "tried")]
    lines = [f'  n{i}["{_label(f"{e.what}: {e.outcome}")}"]' for i, e in enumerate(told)]
    lines += [f"  n{i} --> n{i + 1}" for i in range(len(told) - 1)]
    for i, version in enumerate(versions):
        lines += [f'  v{i}[("{_label(version)}")]', f"  n{len(told) - 1} --> v{i}"]
    return "\n".join(["flowchart TB", *lines])


def _label(text: str) -> str:
    """A label that cannot end early or be read as anything but text.

    >>> _label('a"]; click b <img src=x>')
    'a click b img src x'
    """
    plain = " ".join(SAFE.sub(" ", text.replace("_", " ")).split())
    return plain if len(plain) <= LABEL else f"{plain[: LABEL - 3]}..."
