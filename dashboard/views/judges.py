"""Judges: who has earned a vote on gold, what the panel is worth, and the samples it leaves to people."""

from pathlib import Path
from typing import Any

import streamlit as st

from curation.errors import UnknownRecord
from curation.store.reviews import Reviews
from dashboard import judge_charts, judge_queries, queries
from dashboard.views import doubts, house
from judges.acceptance import acceptance
from judges.aggregate import Fit
from judges.bias import Gap
from judges.panel import newest_report
from judges.trial import PanelReport

QUESTION = "Which judges have earned a vote, what is the panel worth, and where must a person decide?"
BIAS: dict[judge_queries.Bias, tuple[str, judge_charts.Scale]] = {
    "length": ("Longer answers", judge_charts.LENGTH),
    "leniency": ("Leniency", judge_charts.LENIENCY),
    "order": ("Order of two answers", judge_charts.ORDER),
}


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Judges", QUESTION)
    try:
        report, at = newest_report(house.store())
    except UnknownRecord:
        house.empty(
            "No judge was asked here yet",
            f"stillhouse -C {house.root()} run",
            "A run asks the judges that task.toml declares under [[judges]]; reload this page when it is done.",
        )
        return
    _source(report, at)
    if report.fit is None:
        house.empty(
            "No row of a gold set says what people think of an answer",
            f"stillhouse -C {house.root()} gold start -n 50",
            "Until one does, no judge has a vote: verdicts are advice and drop nothing. This opens a review of 50 "
            "samples, and shows after each ten what is known about each judge.",
        )
    else:
        _alarm(report.fit)
        _qualification(report.fit)
        _worth(report.fit)
        _bias(report.fit, _lenient(house.root(), at, report))
    _agreement(report)
    _refused(report)
    _people()
    if manifest is not None:
        doubts.queue(manifest)


def _source(report: PanelReport, at: str) -> None:
    """What the figures were found on, and when."""
    gold = ", ".join(f"{name} version {number}" for name, number in report.gold.items())
    rows = f"{report.rows:,} rows that people judged ({gold})" if gold else "no row that people judged"
    left = f"; {report.unusable:,} more are of another kind than it can ask about" if report.unusable else ""
    st.text(f"As of {queries.moment(at)} UTC, on {rows}{left}. Way of asking: {report.grader.replace('_', '-')}.")


@st.cache_data(show_spinner=False, max_entries=8)
def _lenient(folder: Path, at: str, _report: PanelReport) -> dict[str, Gap]:
    """Rates alone: what is cached holds no text."""
    return judge_queries.leniencies(house.store(), _report)


def _alarm(fit: Fit) -> None:
    if not fit.alarm:
        return
    with st.container(border=True):
        st.error("Alarm: on gold, the judges' agreement points away from what people say.", icon=":material/warning:")
        st.text(fit.alarm)


# --- qualification ---------------------------------------------------------------------------------------------


def _qualification(fit: Fit) -> None:
    left, right = st.columns([1, 2], gap="small")
    with left, st.container(border=True, height="stretch"):
        st.header("How often each judge is right", anchor=False)
        rows = judge_queries.accuracies(fit)
        if rows.is_empty():
            st.caption("No judge has a readable verdict on a gold row.")
        else:
            st.altair_chart(
                judge_charts.forest(rows, judge_charts.ACCURACY),
                alt="Accuracy of each judge on gold with its 95 % interval, and its role",
            )
    with right, st.container(border=True, height="stretch"):
        st.header("Who votes", anchor=False)
        _standings(fit)
    _slices(fit)


def _standings(fit: Fit) -> None:
    small = {
        name: st.column_config.TextColumn(label, width=width, help=told)
        for name, label, width, told in (
            ("judge", "Judge", 130, "As task.toml calls it."),
            ("informedness", "Informedness", 122, "Sensitivity + specificity - 1; 0 for a constant verdict."),
            (
                "longer",
                "Prefers longer",
                125,
                "How often it prefers the longer answer, beside people on the same rows.",
            ),
            ("canaries", "Canaries", 70, "Planted bad answers that it accepted."),
            ("unreadable", "Unreadable", 80, "Verdicts on gold that could not be read."),
            ("flipped", "Flipped", 75, "Pairs on which it says otherwise when the answers change places."),
        )
    }
    config: dict[str, Any] = {
        **small,
        "role": st.column_config.MultiselectColumn(
            "Role", options=list(judge_queries.ROLES.values()), color=["green", "orange", "red"], width=95
        ),
        "weight": st.column_config.NumberColumn(
            "Weight", format="%.2f", width=60, help="Log-odds of its accuracy on gold, shrunk; 0 without a vote."
        ),
        "rows": st.column_config.NumberColumn("Rows", width=55, help="Gold rows with a readable verdict."),
    }
    st.dataframe(
        judge_queries.standing_rows(fit),
        column_config=config,
        hide_index=True,
        alt="Judges with role, weight and what each showed on gold",
    )
    for standing in judge_queries.overall(fit):
        if standing.reasons:
            st.text(f"{standing.judge}, {judge_queries.ROLES[standing.role]}: {'; '.join(standing.reasons)}.")
    if all(s.role == "votes" for s in judge_queries.overall(fit)):
        st.caption("Every judge has shown on gold that its vote is worth something.")


def _slices(fit: Fit) -> None:
    cells = judge_queries.slice_cells(fit)
    if not cells.is_empty():
        with st.expander("How often each judge is right, by slice of gold"):
            st.altair_chart(judge_charts.slices(cells), alt="Accuracy of each judge in each slice of gold")
            st.caption(f"Slices with {judge_queries.LEAST_ROWS} rows or more; point at a cell for its interval.")


# --- what the panel is worth -----------------------------------------------------------------------------------


def _worth(fit: Fit) -> None:
    with st.container(border=True):
        st.header("What the panel is worth", anchor=False)
        left, right = st.columns([2, 3], gap="medium")
        with left:
            _figures(fit)
        with right:
            rows = judge_queries.panel_rows(fit)
            if not rows.is_empty():
                st.altair_chart(
                    judge_charts.panel(rows), alt="The best judge alone, the panel, and the panel without each judge"
                )
            st.caption("Votes are weighted by gold of other conversations than the one they are tried on.")


def _figures(fit: Fit) -> None:
    effective = fit.effective
    voting = sum(1 for weight in fit.weights.values() if weight > 0)
    with st.grid(2, min_column_width=150, gap="small"):
        with st.container(gap="xxsmall"):
            st.metric("Judges with a vote", f"{voting} of {effective.judges}")
            st.caption("earned on all gold rows")
        with st.container(gap="xxsmall"):
            value = "not known" if effective.value is None else f"{effective.value:.2f}"
            st.metric(
                "Effective votes", value, help="Judges that err on the same samples count for less than one each."
            )
            if effective.low is not None and effective.high is not None:
                st.caption(f"95 % interval {effective.low:.2f} to {effective.high:.2f}")
    for sentence in judge_queries.worth(fit):
        st.text(sentence)


# --- bias, agreement, kinship ----------------------------------------------------------------------------------


def _bias(fit: Fit, lenient: dict[str, Gap]) -> None:
    measured = judge_queries.bias_rows(fit, lenient)
    with st.container(border=True):
        st.header("What judges like besides what people like", anchor=False)
        for column, (kind, rows) in zip(
            st.columns(max(2, len(measured)), gap="medium"), measured.items(), strict=False
        ):
            title, scale = BIAS[kind]
            with column:
                st.markdown(f"**{title}**")  # our own words
                st.altair_chart(
                    judge_charts.forest(rows, scale), alt=f"{title}: {scale.title}, each judge with its 95 % interval"
                )
        if not measured:
            st.caption("Nothing could be measured on these gold rows.")
        if "order" not in measured:
            st.caption("Order of two answers: this way of asking does not try it.")


def _agreement(report: PanelReport) -> None:
    if not report.agreement:
        return
    with st.container(border=True):
        st.header("How far judges agree with one another", anchor=False)
        left, right = st.columns([1, 2], gap="medium")
        with left:
            cells = judge_queries.agreement_cells(report.agreement)
            st.altair_chart(judge_charts.agreement(cells), alt="Cohen's kappa between every two judges")
        with right:
            config = {
                "judges": st.column_config.TextColumn("Judges", width=200),
                "samples": st.column_config.NumberColumn("Samples", width=65, format="localized"),
                **{
                    name: st.column_config.TextColumn(label, width=width, help=told)
                    for name, label, width, told in (
                        ("same", "Same verdict", 100, "Share of samples on which both say the same."),
                        ("kappa", "Kappa", 118, "Cohen's: 0 is what chance gives, 1 full agreement."),
                        ("alpha", "Alpha", 118, "Krippendorff's."),
                        ("ac1", "AC1", 118, "Gwet's: steady where nearly every verdict is the same."),
                        ("constant", "Constant", 85, "What a judge would reach with the second that always said this."),
                    )
                },
            }
            rows = judge_queries.agreement_rows(report.agreement)
            st.dataframe(rows, column_config=config, hide_index=True, alt="Every measure of agreement, by pair")
            st.caption(f"On {report.samples:,} samples of the last run, with 95 % intervals over conversations.")


def _people() -> None:
    """What people would make of the kept samples, from the newest closed review that allows an estimate."""
    closed = tuple(s.name for s in Reviews(house.store().state).studies() if s.closed and s.kind == "single")
    if closed and (words := _accepted(house.root(), closed)):
        with st.container(border=True):
            st.header("What people would accept", anchor=False)
            st.text(f"{words}.")


@st.cache_data(show_spinner=False, max_entries=8)
def _accepted(folder: Path, closed: tuple[str, ...]) -> str | None:
    found = acceptance(house.store())
    return None if found is None else found.words


def _refused(report: PanelReport) -> None:
    """Who may not judge whom, in words."""
    with st.container(border=True):
        st.header("Who may not judge whom", anchor=False)
        if not report.eligibility.refused:
            st.caption("No judge is related to a teacher, to the student's base or to the baseline.")
        for refusal in report.eligibility.refused:
            whom = f"answers of teacher {refusal.other}" if refusal.role == "teacher" else "any answer"
            st.text(f"{refusal.judge} may not judge {whom}: {refusal.words}.")
        if unjudged := [teacher for teacher, names in report.eligibility.by_teacher.items() if not names]:
            st.warning("Nobody may judge the answers of these teachers, so they stay unjudged:")
            st.text(", ".join(unjudged))
