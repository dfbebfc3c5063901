"""What the Studies page asks: plain figures and frames of studies and their reports, no streamlit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any, cast

import polars as pl

from curation.shares import percent
from curation.store.reviews import Ballot, Reviews, Study
from curation.store.store import Store
from judges.control import Mark
from judges.standing_chart import SeriesChart
from judges.study_words import share

Row = Mapping[str, Any]
PAUSE_SECONDS = 300
"""A gap between two votes longer than this is a break, and no pace."""
NUMBER = pl.Float64
RATERS = {
    "rater": pl.String, "votes": pl.Int64, "median_s": NUMBER, "fast": pl.String, "gold": pl.String,
    "again": pl.String, "pane_a": pl.String, "longer": pl.String, "settled": pl.String,
}  # fmt: skip


# --- while a study is open -------------------------------------------------------------------------------------


def progress_rows(store: Store, study: Study) -> pl.DataFrame:
    """rater, votes, passed, median_s, an_hour: how far and how fast each rater is, and nothing of what was said."""
    reviews = Reviews(store.state)
    by_rater: dict[str, list[Ballot]] = {name: [] for name in study.raters or ()}
    for ballot in [*reviews.ballots(study.name), *reviews.planted(study.name)]:
        by_rater.setdefault(ballot.rater, []).append(ballot)
    rows = [
        {
            "rater": rater,
            "votes": len(given),
            "median_s": median(b.dwell_ms for b in given) / 1000 if given else None,
            "an_hour": _an_hour([b.at for b in given]),
            "last": max((b.at[:16].replace("T", " ") for b in given), default=None),
        }
        for rater, given in sorted(by_rater.items())
    ]
    schema = {"rater": pl.String, "votes": pl.Int64, "median_s": NUMBER, "an_hour": NUMBER, "last": pl.String}
    return pl.DataFrame(rows, schema=schema)


def _an_hour(times: Sequence[str]) -> float | None:
    """Votes an hour while somebody was at work: breaks do not count."""
    moments = sorted(datetime.fromisoformat(at) for at in times)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    worked = [gap for gap in gaps if gap <= PAUSE_SECONDS]
    return 3600 * len(worked) / sum(worked) if sum(worked) > 0 else None


# --- once it is closed -----------------------------------------------------------------------------------------


def report_of(study: Study) -> dict[str, Any]:
    """A closed study's report; figures that older reports lack are not in it."""
    return cast("dict[str, Any]", study.report or {})


def figures(study: Study) -> list[tuple[str, str, str]]:
    """(label, value, explanation) of a closed study: how far its votes can be trusted."""
    report = report_of(study)
    found = [
        ("Votes", f"{report.get('votes', 0):,}", _passed(report, study)),
        ("Agreement α", _decimal(report.get("alpha")), _alpha_words(report)),
    ]
    if strength := report.get("strength"):
        found.append(("Strength α, ordinal", _decimal(strength["alpha"]["value"]), _coefficient(strength["alpha"])))
    if (position := report.get("position")) and position.get("share") is not None:
        found.append(("Pane A chosen", percent(position["share"]), f"{_bounds(position['ci'])}; 50 % is fair"))
    for key, label in (("self_consistency", "Same again"), ("gold", "Right on gold")):
        if (row := (report.get(key) or {}).get("all")) and row["n"]:
            found.append((label, percent(row["share"]), f"{_bounds(row['ci'])}, n = {row['n']}{_shows(row)}"))
    if (blind := report.get("blinding")) and blind.get("index") is not None:
        held = "blinding held" if blind["held"] else "sources could be told"
        found.append(("Blinding index", _decimal(blind["index"]), f"{_points(blind['ci'])}, n = {blind['n']}; {held}"))
    return found


def _passed(report: Row, study: Study) -> str:
    flagged = f", {report['flagged']} flagged" if report.get("flagged") else ""
    return f"{report.get('skipped', 0)} skipped{flagged}, {study.items:,} items"


def _alpha_words(report: Row) -> str:
    n = report.get("items_with_two_votes", 0)
    return str(report.get("note") or f"{_points(report.get('alpha_ci'))}, {n:,} items with two votes")


def score_rows(study: Study) -> pl.DataFrame:
    """who, what, value, low, high, n, mde, label: wins as they are and at equal length, or what was accepted."""
    report, rows = report_of(study), list[dict[str, Any]]()
    for name, row in ((report.get("win_rates") or {}).get("teachers") or {}).items():
        rows.append(_score(name, "as it is", row["rate"], row["ci"], row))
        rows.append(_score(name, "at equal length", row["controlled"], row["controlled_ci"], row))
    accepted = report.get("acceptance") or {}
    for name, row in [("all answers", accepted.get("all")), *(accepted.get("teachers") or {}).items()]:
        if row:
            rows.append(_score(name, "accepted", row["share"], row["ci"], row))
    schema = {
        "who": pl.String, "what": pl.String, "value": NUMBER, "low": NUMBER, "high": NUMBER, "n": pl.Int64,
        "mde": NUMBER, "label": pl.String,
    }  # fmt: skip
    return pl.DataFrame([r for r in rows if r["value"] is not None and r["low"] is not None], schema=schema)


def _score(who: str, what: str, value: float | None, ci: Sequence[float] | None, row: Row) -> dict[str, Any]:
    low, high = ci or (None, None)
    return {
        "who": who, "what": what, "value": value, "low": low, "high": high, "n": row["n"], "mde": row.get("mde"),
        "label": "" if value is None else percent(value),
    }  # fmt: skip


def score_notes(study: Study) -> list[str]:
    """What so many votes could have shown, and why a figure is missing where one is."""
    report = report_of(study)
    wins = report.get("win_rates") or {}
    rows = [*(wins.get("teachers") or {}).items(), *((report.get("acceptance") or {}).get("teachers") or {}).items()]
    notes = [f"{name}: {row['n']:,} votes{_shows(row)}" for name, row in rows]
    notes += [f"{name}, at equal length: {row['why']}" for name, row in rows if row.get("why")]
    missing = [part["why"] for part in (wins, report.get("acceptance") or {}) if part.get("why")]
    return [f"{note}." for note in [*notes, *(sentence(why) for why in missing)]]


def teachers(study: Study) -> list[str]:
    """The teachers whose answers were rated, whose samples have rows."""
    return sorted(report_of(study).get("teachers") or {})


def rater_rows(study: Study) -> pl.DataFrame:
    """One row a rater: votes, pace, and each figure that was hidden from them, with its interval and n."""
    report = report_of(study)
    rows = [
        {
            "rater": rater,
            "votes": pace["votes"],
            "median_s": pace["median_dwell_ms"] / 1000,
            "fast": _of(pace.get("under_1s")),
            "gold": _of(_rater(report, "gold", rater)),
            "again": _of(_rater(report, "self_consistency", rater)),
            "pane_a": _of(_rater(report, "position", rater), "decided"),
            "longer": _correlation(_rater(report, "verbosity", rater)),
            "settled": _of(_rater(report, "adjudicated", rater)),
        }
        for rater, pace in (report.get("raters") or {}).items()
    ]
    return pl.DataFrame(rows, schema=RATERS)


def _rater(report: Row, key: str, rater: str) -> Row | None:
    return ((report.get(key) or {}).get("raters") or {}).get(rater)


def _of(row: Row | None, n: str = "n") -> str:
    return f"{share(row)} of {row[n]}" if row and row.get("share") is not None else ""


def _correlation(row: Row | None) -> str:
    return f"{row['value']:+.2f} {_points(row['ci'])}" if row and row["value"] is not None else ""


def judge_rows(study: Study) -> pl.DataFrame:
    """judge, same, kappa, undecided: how often the panel and each judge ruled as most raters."""
    found = report_of(study).get("judges") or {}
    pairs = [("the panel", found["panel"]), *found["by_judge"].items()] if found.get("panel") else []
    rows = [
        {"judge": name, "same": _of(row), "kappa": _coefficient(row["kappa"]), "undecided": row["judge_undecided"]}
        for name, row in pairs
    ]
    schema = {"judge": pl.String, "same": pl.String, "kappa": pl.String, "undecided": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def pair_rows(study: Study) -> pl.DataFrame:
    """raters, n, kappa, ac1: how far every two raters agree."""
    rows = [
        {"raters": " and ".join(p["raters"]), "n": p["n"], "kappa": _coefficient(p["kappa"]),
         "ac1": _coefficient(p["ac1"])}
        for p in report_of(study).get("pairs") or ()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"raters": pl.String, "n": pl.Int64, "kappa": pl.String, "ac1": pl.String})


def criterion_rows(study: Study) -> pl.DataFrame:
    """criterion, of, mean, n, alpha: all answers, then each teacher's."""
    rows: list[dict[str, Any]] = []
    for name, row in (report_of(study).get("criteria") or {}).items():
        for of, found in [("all answers", row), *row["teachers"].items()]:
            if found["n"]:
                alpha = _coefficient(row["alpha"]) if found is row else ""
                mean = f"{found['value']:.2f} {_points(found['ci'])}" + (
                    f" of {row['points']}" if row["points"] else ""
                )
                rows.append({"criterion": name, "of": of, "mean": mean, "n": found["n"], "alpha": alpha})
    schema = {"criterion": pl.String, "of": pl.String, "mean": pl.String, "n": pl.Int64, "alpha": pl.String}
    return pl.DataFrame(rows, schema=schema)


def passed_rows(study: Study) -> pl.DataFrame:
    """what, reason, n: items that were skipped and flagged, by reason."""
    rows = [
        {"what": what, "reason": reason, "n": n}
        for what, reasons in (report_of(study).get("passed") or {}).items()
        for reason, n in reasons.items()
    ]
    return pl.DataFrame(rows, schema={"what": pl.String, "reason": pl.String, "n": pl.Int64})


def guideline_rows(study: Study) -> pl.DataFrame:
    """guideline, since, votes, alpha: agreement under each guideline, where it was changed."""
    found = report_of(study).get("guidelines") or ()
    rows = [
        {"guideline": g["guideline"][:12], "since": g["since"][:16].replace("T", " "), "votes": g["votes"],
         "alpha": _coefficient(g["alpha"])}
        for g in (found if len(found) > 1 else ())
    ]  # fmt: skip
    schema = {"guideline": pl.String, "since": pl.String, "votes": pl.Int64, "alpha": pl.String}
    return pl.DataFrame(rows, schema=schema)


# --- standing studies ------------------------------------------------------------------------------------------


def wave_rows(series: SeriesChart) -> pl.DataFrame:
    """wave, about, value, low, high, line, lower, upper, state, label: the charted waves of a series, in order."""
    return _charted((w.number, w.study, w.mark, w.mark.alarm) for w in series.waves if w.mark is not None)


def drift_rows(series: SeriesChart) -> pl.DataFrame:
    """The same of the anchors that each rater answered as the first time; `about` is the rater, `label` the counts."""
    rows = _charted((d.wave, d.rater, d.mark, d.alarm) for d in series.drift)
    return rows.with_columns(pl.Series("label", [_of(d.same) for d in series.drift], dtype=pl.String))


def _charted(marks: Iterable[tuple[int, str, Mark, str | None]]) -> pl.DataFrame:
    rows = [
        {
            "wave": wave, "about": about, "value": mark.share, "low": mark.ci.low, "high": mark.ci.high,
            "line": mark.line, "lower": mark.low, "upper": mark.high,
            "state": "alarm" if alarm else "as expected", "label": alarm or "",
        }
        for wave, about, mark, alarm in marks
    ]  # fmt: skip
    numbers = dict.fromkeys(("value", "low", "high", "line", "lower", "upper"), NUMBER)
    schema = {"wave": pl.Int64, "about": pl.String, **numbers, "state": pl.String, "label": pl.String}
    return pl.DataFrame(rows, schema=schema)


# --- in words --------------------------------------------------------------------------------------------------


def sentence(words: str) -> str:
    """Words of a report as the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def _decimal(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"


def _bounds(ci: Sequence[float] | None) -> str:
    return f"{100 * ci[0]:.0f} to {percent(ci[1])}" if ci else "no interval"


def _points(ci: Sequence[float] | None) -> str:
    return f"[{ci[0]:.2f}, {ci[1]:.2f}]" if ci else ""


def _coefficient(row: Row) -> str:
    return "not defined" if row["value"] is None else f"{row['value']:.2f} {_points(row['ci'])}, n = {row['n']}"


def _shows(row: Row) -> str:
    if "mde" not in row:
        return ""
    return (
        ", too few to show any difference" if row["mde"] is None else f", shows {100 * row['mde']:.0f} points or more"
    )
