"""Brings together what speaks against the labels of a gold set, and opens a blind review of the doubtful rows."""

from collections import defaultdict
from collections.abc import Sequence

from curation.errors import InputError, UnknownRecord
from curation.pilot.draw import right_label
from curation.store.reviews import Kind, Study
from curation.store.store import Store
from curation.store.verdicts import VerdictRow, Verdicts
from curation.task import AnswerTable
from judges.gold import GoldService
from judges.gold_planted import said_of_copies
from judges.gold_rows import gold_name
from judges.label_errors import Suspect, label_errors
from judges.planting import is_pair, item_of_row
from judges.review import QUESTIONS, ReviewService

RIGHT = "Is this the right answer?"
"""What is asked about a row that only states an answer."""


def suspects_of(store: Store, name: str, answer: AnswerTable) -> list[Suspect]:
    """The rows of a gold set's newest version whose label raters, judges or a nearly equal row speak against.

    Raters of planted copies are heard once their study is closed.
    """
    rows = GoldService(store).items(name)
    said: dict[tuple[str, str, tuple[int, ...]], VerdictRow] = {}
    subjects = {gold_name(name, row): row for row in rows}
    for verdict in Verdicts(store.replies_db).read("gold", list(subjects)):
        said[verdict.subject, verdict.judge, verdict.order] = verdict  # the newest of each order counts
    votes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (subject, judge), given in _by_judge(said).items():
        if len(given) == 1 and "" not in given:  # else it said otherwise when the order was swapped
            votes[subjects[subject].id].append((judge, next(iter(given))))
    copies = said_of_copies(store, name, rows)
    return label_errors(rows, votes, _weights(store), lambda row: right_label(row.answer, answer), copies)


def _by_judge(said: dict[tuple[str, str, tuple[int, ...]], VerdictRow]) -> dict[tuple[str, str], set[str]]:
    """What each judge said about each row, with the order undone; an empty word where it took no side."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (subject, judge, order), verdict in said.items():
        match verdict.verdict:
            case "accept" | "reject" as words:
                found[subject, judge].add(words)
            case "A" | "B" as place:
                found[subject, judge].add(("first", "second")[order["AB".index(place)]])
            case _:
                found[subject, judge].add("")  # neither, or none that can be read
    return found


def _weights(store: Store) -> dict[str, float]:
    """What each judge's vote weighs by the newest report; nothing where no judge was asked yet."""
    from judges.panel import newest_report

    try:
        report, _ = newest_report(store)
    except UnknownRecord:
        return {}
    return dict(report.fit.weights) if report.fit else {}


def open_again(
    store: Store, name: str, study: str, suspects: Sequence[Suspect], *, overlap: int = 2, actor: str = "engine"
) -> tuple[Study, int]:
    """Open a blind study on doubtful rows, in the order given, and how many of another kind it had to leave out.

    A study asks about single answers or about pairs; the kind of most rows is taken. Closed, it becomes gold as any
    study does, and its verdicts take the place of the old ones. InputError where no row is in doubt.
    """
    if not suspects:
        raise InputError(f"nothing speaks against a label of gold set {name!r}, so there is nothing to review again")
    pairs = [s.row for s in suspects if is_pair(s.row)]
    rows = [s.row for s in suspects if not is_pair(s.row)]
    kind: Kind = "single" if len(rows) >= len(pairs) else "pairwise"
    chosen, left = (rows, pairs) if kind == "single" else (pairs, rows)
    version = GoldService(store).versions(name)[-1].number
    question = QUESTIONS[kind] if any(row.judged for row in chosen) else RIGHT
    items = [item_of_row(name, row) for row in chosen]
    made = ReviewService(store).open_on(
        study, f"gold/{name}/{version}", items, kind=kind, question=question, overlap=overlap, actor=actor
    )
    return made, len(left)
