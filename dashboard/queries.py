"""What each page asks the store: plain values and frames, no streamlit, so that every figure can be tested."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
from pydantic import JsonValue

from curation.errors import StillhouseError
from curation.evaluation import Evaluation
from curation.provenance import why
from curation.scrub import overview
from curation.scrub.scrubber import Scrubber
from curation.store.evaluations import Evaluations
from curation.store.gates import GateRecord, Gates
from curation.store.ledger import Event
from curation.store.query import Query
from curation.store.reviews import Study
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


def arms(query: Query) -> dict[str, int]:
    """How many samples each training arm holds: all with an answer, the random control, those kept."""
    row = query.sql(
        "SELECT count(answer) AS raw, coalesce(sum(control::int), 0) AS control,"
        " coalesce(sum((state = 'kept')::int), 0) AS curated FROM samples"
    ).row(0, named=True)
    return {arm: int(row[arm]) for arm in ARMS}


def by_teacher(query: Query) -> pl.DataFrame:
    """teacher, state, n: what became of each teacher's samples."""
    return query.sql("SELECT teacher, state, count(*) AS n FROM samples GROUP BY ALL ORDER BY teacher, state")


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


def sample_card(store: Store, sample: str) -> dict[str, Any]:
    """Why one sample is in or out (`why`), without the votes of open studies: a rater may look here too.

    `hidden_votes` counts what was left out.
    """
    return without_open_votes(store, cast("dict[str, Any]", why(store, sample)))


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


def agreement_figures(study: Study) -> list[tuple[str, str, str]]:
    """(label, value, explanation) of a closed study's report; nothing about which teacher won."""
    report = study.report or {}
    alpha, position = report.get("alpha"), cast("dict[str, Any]", report.get("position") or {})
    figures = [
        ("Agreement α", _decimal(alpha), str(report.get("note") or _interval(report.get("alpha_ci")))),
        ("Votes", f"{report.get('votes', 0)}", f"{report.get('skipped', 0)} skipped, {study.items} items"),
    ]
    if isinstance(agreement := report.get("agreement"), float | int):
        figures.append(("Raters agree", f"{agreement:.0%}", f"Cohen's κ {_decimal(report.get('kappa'))}"))
    if position.get("share") is not None:
        low, high = position["ci"]
        figures.append(
            ("Pane A chosen", f"{position['share']:.0%}", f"95 % interval {low:.0%} to {high:.0%}; 50 % is fair")
        )
    return figures


def pace_rows(study: Study) -> pl.DataFrame:
    """rater, votes, median seconds per vote of a closed study."""
    raters = cast("dict[str, dict[str, int]]", (study.report or {}).get("raters") or {})
    rows = [{"rater": r, "votes": p["votes"], "median_s": p["median_dwell_ms"] / 1000} for r, p in raters.items()]
    return pl.DataFrame(rows, schema={"rater": pl.String, "votes": pl.Int64, "median_s": pl.Float64})


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
    if winner == "skip":
        return []
    samples = [("first", first)] + ([("second", second)] if second else [])
    return [(sample, winner in (side, "accept", "tie")) for side, sample in samples]


def _decimal(value: JsonValue) -> str:
    return f"{value:.2f}" if isinstance(value, float | int) else "not defined"


def _interval(ci: JsonValue) -> str:
    return f"95 % interval {ci[0]:.2f} to {ci[1]:.2f}" if isinstance(ci, list) and None not in ci else ""


# --- provenance ------------------------------------------------------------------------------------------------


def ledger_tail(store: Store, n: int = 30) -> pl.DataFrame:
    """The last events, newest first: seq, at, actor, kind, and what they say; votes of open studies say no more."""
    closed = _closed_studies(store)

    def says(event: Event) -> str:
        vote = event.kind.startswith("vote") and event.body.get("study") not in closed
        return evidence_line({"study": event.body.get("study")} if vote else event.body)[:160]

    rows = [
        {"seq": e.seq, "at": moment(e.at), "actor": e.actor, "kind": e.kind, "says": says(e)}
        for e in reversed(store.ledger.events()[-n:])
    ]
    return pl.DataFrame(rows, schema={"seq": pl.Int64, **dict.fromkeys(("at", "actor", "kind", "says"), pl.String)})


def timeline(card: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, outcome, words) of one sample from its request to its last reader, in order."""
    request = card.get("request") or {}
    asked = ", ".join(str(request[k]) for k in ("provider", "model", "host") if request.get(k))
    entries = [("asked", card["teacher"], asked or "the request is not in this workspace's journal")]
    entries += [(s["step"], s["decision"], s.get("words") or "passed") for s in card["steps"]]
    entries += [("review", v["choice"], f"{v['rater']} in study {v['study']}") for v in card.get("reviews") or []]
    entries += [
        ("gold", f"set {g['name']}", f"row {g['item']}, since version {g['opened']}") for g in card.get("gold") or []
    ]
    entries += [("sealed", v["state"], f"version {v['version']}") for v in reversed(card["versions"])]
    return entries


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
