"""The dataset card of a version: what it is, where it came from, what became of every sample, how to verify it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from curation.store.durable import write_durably
from curation.store.keys import fingerprint
from curation.store.store import Store
from curation.store.versions import HEAD, Manifest, steps_of


def write_card(store: Store, version: str = HEAD) -> Path:
    """Write `cards/<version>.md` from the manifest and the decisions alone; its path."""
    manifest = store.versions.manifest(version)
    path = store.layout.cards / f"{manifest.version}.md"
    path.parent.mkdir(exist_ok=True)
    write_durably(path, render(manifest, store.versions.decisions(manifest.version)).encode())
    return path


def render(manifest: Manifest, decisions: pl.DataFrame) -> str:
    """The card as Markdown; equal versions give equal cards."""
    facts = manifest.facts
    parts = [
        f"# {_text(facts.get('task', 'dataset'))}, version {manifest.version}",
        _about(manifest),
        "## What became of the samples",
        _table(("state", "samples"), manifest.counts.items()),
        "## Why samples left or changed",
        _table(("step", "decision", "reason", "samples"), funnel(manifest, decisions)),
        "## Teachers",
        _models(facts.get("teachers")),
        "## Judges",
        _judges(manifest),
        "## Personal data",
        _scrub(facts.get("scrub")),
        "## How to verify it",
        _verify(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def funnel(manifest: Manifest, decisions: pl.DataFrame) -> list[tuple[str, str, str, int]]:
    """(step, action, reason, samples), steps in the order they ran, most frequent reason first."""
    order = {name: place for place, name in enumerate(steps_of(manifest))}
    counts = decisions.group_by("step", "action", "reason").agg(pl.col("sample").n_unique().alias("n"))
    rows = cast("list[tuple[str, str, str, int]]", counts.rows())
    return sorted(rows, key=lambda r: (order.get(r[0], -1), r[0], -r[3], r[1], r[2]))


def _about(manifest: Manifest) -> str:
    facts = manifest.facts
    kept = manifest.counts.get("kept", 0)
    lines = [
        f"- Kind of task: {_text(facts.get('kind') or 'not stated')}",
        f"- Stated use: {_text(facts.get('use') or 'not stated')}",
        f"- Samples: {manifest.records}, of which {kept} are kept for training",
        f"- Answer: {_text(_named(facts.get('answer')))}",
        f"- Made on top of: {', '.join(manifest.parents) or 'nothing; this is the first version'}",
        "- The answers were written by models (see Teachers); they are synthetic data.",
    ]
    return "\n".join(lines)


def _models(models: JsonValue) -> str:
    columns = ("name", "provider", "model", "family", "terms")
    rows = [
        (*(m.get(c) for c in columns[:3]), _family(m), m.get("terms"))
        for m in cast("Sequence[Mapping[str, Any]]", models or [])
    ]
    return _table(columns, rows)


def _family(model: Mapping[str, Any]) -> str:
    if override := model.get("family_override"):
        return f"{override} (stated in task.toml)"
    return str(model.get("family") or "unknown")


def _judges(manifest: Manifest) -> str:
    facts = manifest.facts
    unjudged = cast("Mapping[str, Any]", facts.get("unjudged") or {})
    kept = unjudged.get("kept", 0)
    rule = unjudged.get("rule", "keep")
    said = f"No judge that may vote and has earned a vote decided on {kept} kept samples (rule: {rule})."
    graded = said if kept else "Every kept sample was accepted by judges that earned their votes."
    return "\n\n".join([_models(facts.get("judges")), graded, *_relations(manifest)])


def _relations(manifest: Manifest) -> Iterable[str]:
    """Which judges were refused for which teacher and why, and which families were stated by hand."""
    step = next((s for s in manifest.steps if "refused" in s), {})
    refused = [
        (r["judge"], r["other"] if r["role"] == "teacher" else "everyone", r["words"]) for r in _rows(step, "refused")
    ]
    if refused:
        yield f"Judges that were refused:\n\n{_table(('judge', 'for the answers of', 'because'), refused)}"
    for o in _rows(step, "stated_families"):
        yield _text(f"Family stated by hand: {o['role']} {o['name']} ({o['model']}) is of the family {o['family']}.")


def _rows(step: Mapping[str, JsonValue], name: str) -> Sequence[Mapping[str, Any]]:
    return cast("Sequence[Mapping[str, Any]]", step.get(name) or ())


def _scrub(scrub: JsonValue) -> str:
    table = cast("Mapping[str, Any]", scrub or {})
    entities = ", ".join(map(str, table.get("entities", ()))) or "nothing"
    allowed = [f"`{_text(a.get('pattern'))}` (owner: {_text(a.get('owner'))})" for a in table.get("allow", ())]
    return (
        f"Looked for before asking and after: {entities}. Left alone on purpose: {'; '.join(allowed) or 'nothing'}. "
        "Detectors miss some personal data; this set is not claimed to be anonymous."
    )


def _verify(manifest: Manifest) -> str:
    key = fingerprint(bytes.fromhex(manifest.public_key))
    return (
        f"- Merkle root: `{manifest.root}`\n- Signed by key: `{key}`\n\n"
        f"```\nstillhouse verify {manifest.version} --key {key}\n```\n\n"
        "`stillhouse prove ID` proves one sample in or out of this version to someone who has only this page."
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    if not body:
        return "None."
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *body])


def _named(value: JsonValue) -> str:
    table = cast("Mapping[str, Any]", value or {})
    return ", ".join(f"{k} {v}" for k, v in table.items() if v) or "text"


def _text(value: Any) -> str:
    """One cell of a table: no line break or bar in it can end the cell."""
    return " ".join(str("" if value is None else value).split()).replace("|", "\\|").replace("<", "&lt;")
