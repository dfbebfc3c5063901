"""Studies: what closed review studies found and how far their votes can be trusted; how far open ones are."""

import shlex
from typing import Any

import polars as pl
import streamlit as st

from curation.people import Person
from curation.store.reviews import Study
from curation.store.waves import Waves
from dashboard import queries, study_charts
from dashboard import study_queries as asked
from dashboard.plain import plain
from dashboard.views import house, looks
from judges.review import ReviewService
from judges.standing import StandingService
from judges.standing_chart import SeriesChart, StandingReport, standing_report
from judges.standing_words import drift_words, holds, wave_words
from judges.study_words import share

QUESTION = "What did people say, and how far can their votes be trusted?"


def render() -> None:
    """Draw the page."""
    st.title("Studies", anchor=False)
    st.caption(QUESTION)
    who = house.person()
    newest = ReviewService(house.store(), who).studies()[::-1]
    studies = {s.name: s for s in sorted(newest, key=lambda s: s.closed is None)}  # closed ones first
    if not studies:
        house.empty("There is no study yet", f"stillhouse -C {house.root()} review create NAME --kind pairwise -n 60")
        _standing(who)
        return
    name = st.selectbox("Study", list(studies), key="study", bind="query-params", width=280)
    study = studies[name]
    st.text(study.question)
    if not study.closed:
        _open(study, who)
    elif not who.may("unblind", study.name):
        st.warning("What a closed study found names the sources; that takes another role.")
    else:
        _closed(study)
    _standing(who)


# --- open ------------------------------------------------------------------------------------------------------


def _open(study: Study, who: Person) -> None:
    st.info(
        "This study is open: until it is closed, nobody is shown what was said, so that nobody is led by it.",
        icon=":material/visibility_off:",
    )
    status = ReviewService(house.store(), who).status(study.name)
    looks.figures(
        [
            ("Votes", f"{status.given:,}", f"of {status.wanted:,} wanted"),
            ("Complete items", f"{status.complete_items:,}", f"of {study.items:,}, {study.overlap} raters each"),
            ("Opened", queries.moment(study.opened)[:16], "UTC"),
        ]
    )
    with looks.card("Pace of each rater"):
        config: dict[str, Any] = {
            "rater": st.column_config.TextColumn("Rater"),
            "votes": st.column_config.NumberColumn("Votes", format="localized"),
            "median_s": st.column_config.NumberColumn("Median seconds", format="%.1f"),
            "an_hour": st.column_config.NumberColumn("Votes an hour", format="%.0f", help="Breaks do not count."),
            "last": st.column_config.TextColumn("Last vote (UTC)"),
        }
        _table(asked.progress_rows(house.store(), study), config, "Votes and pace of each rater")
    st.code(f"stillhouse -C {house.root()} review close {shlex.quote(study.name)}", language=None)


# --- closed ----------------------------------------------------------------------------------------------------


def _closed(study: Study) -> None:
    report = asked.report_of(study)
    if alarm := (report.get("position") or {}).get("alarm"):
        st.error(f"Alarm: {alarm}.", icon=":material/warning:")
    looks.figures(asked.figures(study))
    _scores(study)
    _raters(study)
    left, right = st.columns(2, gap="small")
    with left:
        _judges(study, report)
    with right:
        _pairs(study)
    _criteria(study)
    _guidelines(study)
    _shown(report)
    _passed(study)


def _scores(study: Study) -> None:
    pairwise = study.kind == "pairwise"
    title = "Whose answers were preferred" if pairwise else "How many answers were taken as they stand"
    rows = asked.score_rows(study)
    with looks.card(title):
        if not rows.is_empty():
            st.altair_chart(study_charts.scores(rows, line=0.5 if pairwise else None), alt=_told(rows))
        for note in asked.score_notes(study):
            st.text(note)  # it names teachers
        here = study.version in house.store().versions.list()
        with st.container(horizontal=True, gap="small"):
            for teacher in asked.teachers(study) if here else ():
                house.link("samples", f"Samples of {plain(teacher)}", teacher=teacher, version=study.version)


def _told(rows: pl.DataFrame) -> str:
    columns = rows.select("who", "what", "label", "low", "high").iter_rows()
    return "; ".join(f"{who} {what} {label} [{low:.2f}, {high:.2f}]" for who, what, label, low, high in columns)


def _raters(study: Study) -> None:
    with looks.card("Raters", "Hidden from them while the study was open. Shares with 95 % intervals and n."):
        words = {
            "rater": ("Rater", ""),
            "fast": ("Under one second", "Votes sooner than anybody can have read the answers."),
            "gold": ("Right on gold", "Of rows whose verdict was known, seeded among the items."),
            "again": ("Same again", "Of items that came back with their sides changed."),
            "pane_a": ("Pane A", "Of decided votes; 50 % is fair."),
            "longer": ("Length", "Correlation of the vote with how much longer an answer is."),
            "settled": ("As settled", "Of items that were adjudicated."),
        }
        rows = asked.rater_rows(study)
        empty = [c for c in words if c != "rater" and not any(rows[c])]
        config: dict[str, Any] = {
            name: st.column_config.TextColumn(label, help=told or None) for name, (label, told) in words.items()
        }
        config["votes"] = st.column_config.NumberColumn("Votes", format="localized")
        config["median_s"] = st.column_config.NumberColumn("Median seconds", format="%.1f")
        _table(rows.drop(empty), config, "Each rater with votes, pace and what was hidden from them")
        if missing := ", ".join(words[c][0].lower() for c in empty):
            st.caption(f"Nothing is known of: {missing}.")


def _judges(study: Study, report: dict[str, Any]) -> None:
    with looks.card("Judges beside people", stretch=True):
        rows = asked.judge_rows(study)
        if rows.is_empty():
            why = (report.get("judges") or {}).get("why") or "nothing is known of judges here"
            st.caption(f"{asked.sentence(str(why))}.")
            return
        config = {
            "judge": st.column_config.TextColumn("Judge"),
            "same": st.column_config.TextColumn("Ruled as most raters"),
            "kappa": st.column_config.TextColumn("Kappa"),
            "undecided": st.column_config.NumberColumn("Undecided"),
        }
        _table(rows, config, "How often the panel and each judge ruled as most raters")
        house.link("judges", "Open judges")


def _pairs(study: Study) -> None:
    with looks.card("How far every two raters agree", stretch=True):
        rows = asked.pair_rows(study)
        if rows.is_empty():
            st.caption("Nobody shared an item with anybody.")
            return
        config = {
            "raters": st.column_config.TextColumn("Raters"),
            "n": st.column_config.NumberColumn("Items", format="localized"),
            "kappa": st.column_config.TextColumn("Kappa"),
            "ac1": st.column_config.TextColumn("AC1"),
        }
        _table(rows, config, "Kappa and AC1 of every two raters")
        house.link("adjudicate", "Open what they disagree on", study=study.name)


def _criteria(study: Study) -> None:
    rows = asked.criterion_rows(study)
    if not rows.is_empty():
        with looks.card("Scores on each criterion"):
            config = {
                "criterion": st.column_config.TextColumn("Criterion"),
                "of": st.column_config.TextColumn("Of"),
                "mean": st.column_config.TextColumn("Mean, 95 % interval"),
                "n": st.column_config.NumberColumn("Scores", format="localized"),
                "alpha": st.column_config.TextColumn("Agreement α, ordinal"),
            }
            _table(rows, config, "Mean score and agreement on each criterion")


def _guidelines(study: Study) -> None:
    rows = asked.guideline_rows(study)
    if not rows.is_empty():
        with looks.card("Agreement before and after the guideline was changed"):
            config = {
                "guideline": st.column_config.TextColumn("Guideline"),
                "since": st.column_config.TextColumn("Since (UTC)"),
                "votes": st.column_config.NumberColumn("Votes", format="localized"),
                "alpha": st.column_config.TextColumn("Agreement α"),
            }
            _table(rows, config, "Agreement of the votes under each guideline")


def _shown(report: dict[str, Any]) -> None:
    found = report.get("shown")
    if not found:
        return
    with looks.card("What was rated is what is trained on"):
        if not found["checked"]:
            st.caption(f"Not checked: {found['why']}.")
            return
        st.text(f"{found['equal']:,} of {found['checked']:,} votes were on exactly the texts that the version holds.")
        for row in found["differ"][:20]:
            st.text(f"Item {row['item']}, {row['rater']}: other text in {', '.join(row['panes'])}.")
            with st.container(horizontal=True, gap="small"):
                for sample in row["samples"]:
                    house.link("samples", f"Sample {sample[:8]}", id=sample)


def _passed(study: Study) -> None:
    rows = asked.passed_rows(study)
    if not rows.is_empty():
        with looks.card("What was passed on"):
            config = {
                "what": st.column_config.TextColumn("What"),
                "reason": st.column_config.TextColumn("Reason"),
                "n": st.column_config.NumberColumn("Votes", format="localized"),
            }
            _table(rows, config, "Skipped and flagged items by reason")


# --- standing --------------------------------------------------------------------------------------------------


def _standing(who: Person) -> None:
    if who.study is not None or not who.may("unblind"):
        return
    names = sorted({s.name for s in Waves(house.store().state).declared()})
    st.header("Standing studies", anchor=False)
    if not names:
        house.empty(
            "Nothing is asked again and again yet",
            f"stillhouse -C {house.root()} review standing NAME --every-new 200 -n 40",
            "A standing study asks the same of what is new, wave by wave, and says when the answers or raters change.",
        )
        return
    name = st.selectbox("Standing study", names, key="standing", bind="query-params", width=280)
    due = StandingService(house.store(), who).due(name)
    st.text(f"{holds(Waves(house.store().state).now(name))}.")
    st.text(f"The next wave is {'due' if due.due else 'not due'}: {due.words}.")
    if due.due:
        st.code(f"stillhouse -C {house.root()} review wave {name}", language=None)
    _report(standing_report(house.store(), name, who))


def _report(report: StandingReport) -> None:
    newest, *older = report.series
    _series(newest)
    for series in older:
        with st.expander(f"Series {series.number}, under another rubric"):
            _series(series)


def _series(series: SeriesChart) -> None:
    rows = asked.wave_rows(series)
    with looks.card(f"Series {series.number}: the score of each wave", "Ticks: three-sigma limits."):
        st.text(asked.sentence(f"{series.meaning}."))
        if series.alarm:
            st.error(f"Alarm: {series.alarm}.", icon=":material/warning:")
        if rows.is_empty():
            st.caption("No wave of this series is closed yet.")
        else:
            st.altair_chart(study_charts.control(rows), alt="; ".join(wave_words(w) for w in series.waves))
        with st.container(horizontal=True, gap="small"):
            for wave in series.waves:
                house.link("studies", f"Wave {wave.number}", study=wave.study)
        with st.expander("Each wave in words"):
            for wave in series.waves:
                st.text(wave_words(wave))
    _drift(series)


def _drift(series: SeriesChart) -> None:
    rows = asked.drift_rows(series)
    if rows.is_empty():
        return
    about = "anchors answered as the first time, beside the rater's own first waves"
    with looks.card(f"Series {series.number}: do raters drift?", about):
        for words in drift_words(series):
            st.error(f"Alarm: {plain(words)}.", icon=":material/warning:")
        for rater in rows["about"].unique().sort():
            st.text(rater)
            told = [f"wave {d.wave}: {share(d.same)}" for d in series.drift if d.rater == rater]
            chart = study_charts.control(rows.filter(pl.col("about") == rater), "answered alike", 140)
            st.altair_chart(chart, alt=f"{rater}, {'; '.join(told)}")
        with st.expander("Each rater in numbers"):
            config = {
                "about": st.column_config.TextColumn("Rater"),
                "wave": st.column_config.NumberColumn("Wave"),
                "label": st.column_config.TextColumn("Anchors answered as the first time"),
                "state": st.column_config.TextColumn("State"),
            }
            shown = rows.select(config.keys())
            _table(shown, config, "How many anchors each rater answered as the first time")


def _table(rows: pl.DataFrame, config: dict[str, Any], alt: str) -> None:
    st.dataframe(rows, column_config=config, hide_index=True, alt=alt)
