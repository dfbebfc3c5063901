"""What each page asks the store: plain values and frames, no streamlit, so that every figure can be tested."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from curation.errors import StillhouseError
from curation.evaluation import Evaluation
from curation.scrub import overview
from curation.scrub.scrubber import Scrubber
from curation.store.evaluations import Evaluations
from curation.store.gates import GateRecord, Gates
from curation.store.query import Query
from curation.store.reviews import PASSED
from curation.store.store import Store
from curation.store.versions import Manifest
from judges.estimate import paired_difference
from judges.gate import evaluation_named
from judges.review import ReviewService

STATES = ("kept", "dropped", "quarantined", "failed")
ARMS = ("raw", "control", "curated")
PAGE_ROWS = 50


# --- overview --------------------------------------------------------------------------------------------------


def models_of(manifest: Manifest, part: str = "teachers") -> list[dict[str, JsonValue]]:
    """The teachers (or judges) a manifest names, with provider, model, family and terms."""
    return [m for m in cast("list[JsonValue]", manifest.facts.get(part) or []) if isinstance(m, dict)]


def moment(at: str) -> str:
    """A stored time for reading: `2026-11-22 04:58:02`, in UTC."""
    return at[:19].replace("T", " ")


def last_runs(store: Store, n: int = 8) -> pl.DataFrame:
    """The last runs, newest first: when, what, version, samples, kept, calls, cost, seconds."""
    columns = ("version", "samples", "kept", "calls", "cost_usd", "seconds")
    rows = [
        {
            "run": run["run"],
            "started": moment(run["started"]),
            "command": run["command"],
            "ended": "yes" if run["finished"] else "no",
            **{c: (run["report"] or {}).get(c) for c in columns},
        }
        for run in reversed(store.runs.list()[-n:])
    ]
    schema = {
        **dict.fromkeys(("run", "samples", "kept", "calls"), pl.Int64),
        **dict.fromkeys(("cost_usd", "seconds"), pl.Float64),
    }
    return pl.DataFrame(rows, schema_overrides=schema)


# --- samples ---------------------------------------------------------------------------------------------------


def last_user() -> pl.Expr:
    """The last thing the user said in a column of messages."""
    said = pl.element().filter(pl.element().struct.field("role") == "user").struct.field("content")
    return pl.col("messages").list.eval(said).list.last()


def without_open_votes(store: Store, card: dict[str, Any]) -> dict[str, Any]:
    """A sample's card without what people say in studies that are open; `hidden_votes` counts it."""
    closed = _closed_studies(store)
    shown = [vote for vote in card["reviews"] if vote["study"] in closed]
    return {**card, "reviews": shown, "hidden_votes": len(card["reviews"]) - len(shown)}


def _closed_studies(store: Store) -> set[str]:
    return {study.name for study in ReviewService(store).studies() if study.closed}


def evidence_line(evidence: JsonValue) -> str:
    """A step's evidence as one line: `twin 3f2a..., votes 2`."""
    if not isinstance(evidence, dict):
        return ""
    return ", ".join(
        f"{k.replace('_', ' ')} {v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}"
        for k, v in evidence.items()
    )


# --- scrub -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScrubFigures:
    """What scrubbing did in a version: zones (zone, n), types (type, part, n), and a row for every detector."""

    zones: pl.DataFrame
    types: pl.DataFrame
    detectors: pl.DataFrame
    settings: dict[str, JsonValue]


def scrub_figures(query: Query, manifest: Manifest, scrubber: Scrubber) -> ScrubFigures:
    """Counted from the decisions of step `scrub`, which hold no value; `scrubber` is the task's as it is now."""
    samples = query.sql("SELECT id, prompt_id, request_key FROM samples")
    decisions = query.sql("SELECT sample, action, reason, evidence FROM decisions WHERE step = 'scrub'")
    places = overview.found(samples, decisions)
    settings = next((dict(step) for step in manifest.steps if step.get("name") == "scrub"), {})
    return ScrubFigures(
        overview.zones(samples, decisions),
        overview.types(places),
        _detectors(overview.detectors(places), settings, scrubber),
        settings,
    )


def _detectors(busy: pl.DataFrame, settings: dict[str, JsonValue], scrubber: Scrubber) -> pl.DataFrame:
    """The detectors that found something, then those that were looking and found nothing; with their settings."""
    used = [str(name) for name in cast("list[JsonValue]", settings.get("entities") or [])]
    # Settings are not in the manifest, only a digest of them: where it differs, others looked then.
    same = scrubber.describe()["detectors"] == settings.get("detectors")
    now = dict(scrubber.finder.detectors) if same else {}
    quiet = [name for name in used if name not in set(busy["detector"])]
    silent = pl.DataFrame(
        {"detector": quiet, "version": [str(now[n].version) if n in now else None for n in quiet]},
        schema={"detector": pl.String, "version": pl.String},
    ).with_columns(found=pl.lit(0, pl.Int64), prompts=pl.lit(0, pl.Int64), answers=pl.lit(0, pl.Int64))
    both = pl.concat([busy, silent], how="diagonal")
    written = [
        evidence_line(now[n].model_dump(mode="json", exclude_defaults=True)) if n in now else ""
        for n in both["detector"]
    ]
    return both.with_columns(pl.col("version").fill_null(""), settings=pl.Series(written, dtype=pl.String))


# --- review, gold ----------------------------------------------------------------------------------------------


def reviewed_samples(store: Store) -> pl.DataFrame:
    """Samples of closed studies that drew a decisive vote, with how they did: candidates for the gold set."""
    from curation.store.reviews import Reviews

    reviews, counts = Reviews(store.state), dict[str, dict[str, int]]()
    for study in (s for s in reviews.studies() if s.closed):
        for ballot in reviews.ballots(study.name):
            for sample, won in _fate(ballot.winner, ballot.first_sample, ballot.second_sample):
                seen = counts.setdefault(sample, {"liked": 0, "votes": 0})
                seen["votes"] += 1
                seen["liked"] += won
    rows = [{"id": sample, **seen} for sample, seen in counts.items()]
    return pl.DataFrame(rows, schema={"id": pl.String, "liked": pl.Int64, "votes": pl.Int64}).sort(
        "liked", "votes", "id", descending=[True, False, False]
    )


def _fate(winner: str, first: str, second: str | None) -> list[tuple[str, bool]]:
    if winner in PASSED:
        return []
    samples = [("first", first)] + ([("second", second)] if second else [])
    return [(sample, winner in (side, "accept", "tie")) for side, sample in samples]


# --- gate ------------------------------------------------------------------------------------------------------


def gate_rows(store: Store) -> list[GateRecord]:
    """Every gate decision, newest first."""
    return list(reversed(Gates(store.state).list()))


def arm_scores(store: Store) -> pl.DataFrame:
    """One row per arm (seeds pooled): accuracy with a cluster-robust 95 % interval, seeds, items, clusters, ms."""
    everything = Evaluations(store.state).list()
    names = list(dict.fromkeys(e.arm or e.student for e in everything))
    names.sort(key=lambda name: (ARMS.index(name) if name in ARMS else -1, name))
    rows = [row for name in names if (row := _score_row(store, name, everything)) is not None]
    return pl.DataFrame(rows, schema_overrides={"p50_ms": pl.Float64, "ece": pl.Float64})


def _score_row(store: Store, name: str, everything: Sequence[Evaluation]) -> dict[str, Any] | None:
    try:
        pooled = evaluation_named(store, name)
    except StillhouseError:
        return None  # its evaluations are of different items; they stay in the table below
    scored = [(i.score, i.cluster) for i in pooled.items if i.score is not None]
    if len({c for _, c in scored}) < 2:
        return None
    estimate = paired_difference([s for s, _ in scored], [c for _, c in scored], 0.025)
    parts = [e for e in everything if e.id in pooled.id.split("+")]
    return {
        "arm": name,
        "accuracy": estimate.mean,
        "low": max(0.0, estimate.low),
        "high": min(1.0, estimate.high),
        "seeds": len(parts),
        "items": estimate.n,
        "clusters": estimate.clusters,
        "ece": _mean([e.summary.get("ece") for e in parts]),
        "p50_ms": _mean([e.summary.get("p50_ms") for e in parts]),
    }


def _mean(values: Sequence[JsonValue]) -> float | None:
    numbers = [float(v) for v in values if isinstance(v, int | float)]
    return sum(numbers) / len(numbers) if numbers else None
