"""Where raters disagree and how far: what an item is worth to an adjudicator, and how it is shown without any name.

>>> flipped("a_much"), flipped("tie"), seen("first", 2, swap=True)
('b_much', 'tie', 'b_much')
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, groupby

from curation.records import Record
from curation.store.adjudications import Adjudication, Category, View
from curation.store.review_records import Ballot, Item, Kind, Pane, Span, Study

CONFLICT = 0.2
"""Items worth this much and more are conflicts; on those worth less raters agreed, if not to the same degree."""
FLAGGED = 2.0
"""Items that a rater flagged are worth this and more, above any disagreement: somebody may be harmed by them."""
STRENGTH = 0.01
"""Items worth this much and more have votes that are not all the same."""
FLIP = {"a": "b", "b": "a", "a_much": "b_much", "b_much": "a_much"}
SIDES = {"first": ("a", "b"), "second": ("b", "a")}


class Opinion(Record):
    """What one rater said of an item, the panes named as this adjudicator sees them; `rater` is R1, R2, ..."""

    rater: str
    choice: str
    reason: str | None
    comment: str | None
    dwell_ms: int
    scores: dict[str, int]
    edit: str | None
    spans: tuple[Span, ...]


class Decision(Record):
    """The decision that stands on an item, as this adjudicator sees the panes."""

    choice: str
    category: Category | None
    note: str
    gold: str | None
    edit: str | None = None


class Conflict(Record):
    """A disputed item as one adjudicator's browser gets it: an opaque token, texts and votes, no name of anybody.

    `votes` holds everybody who skipped or flagged it too, with their reason; `value` is FLAGGED and more where one did.
    """

    token: str
    kind: Kind
    question: str
    prompt: str
    a: str
    b: str | None
    votes: tuple[Opinion, ...]
    value: float
    deferred: int
    decision: Decision | None = None

    @property
    def flagged(self) -> bool:
        """Whether a rater flagged the item."""
        return self.value >= FLAGGED

    @property
    def edits(self) -> dict[str, list[str]]:
        """The raters' edits, each text once, with whose it is: R1, R2, ..."""
        found: dict[str, list[str]] = {}
        for vote in self.votes:
            if vote.choice == "edit" and vote.edit:
                found.setdefault(vote.edit, []).append(vote.rater)
        return found

    @property
    def apart(self) -> float:
        """How far its votes are apart, from 0 to 1, flags aside."""
        return round(self.value - FLAGGED, 4) if self.flagged else self.value


def by_item(ballots: Sequence[Ballot]) -> dict[int, list[Ballot]]:
    """The votes on each item, by position, those passed on included."""
    ordered = sorted(ballots, key=lambda b: b.position)
    return {position: list(given) for position, given in groupby(ordered, key=lambda b: b.position)}


def value_of(ballots: Sequence[Ballot]) -> float | None:
    """What an item is worth to an adjudicator: how far its votes are apart, from 0 (all the same) to 1, and FLAGGED
    more where a rater flagged it. None with fewer than two votes and no flag; an item that was only skipped has none.

    The mean distance of every two votes decides. Where raters disagree the value is at least CONFLICT, and where they
    only differ in how strongly they prefer the same answer it is below, so that no strong feeling outranks a conflict.
    """
    apart = _apart([b for b in ballots if not b.passed])
    return FLAGGED + (apart or 0.0) if any(b.choice == "flag" for b in ballots) else apart


def _apart(votes: Sequence[Ballot]) -> float | None:
    if len(votes) < 2:
        return None
    apart = [distance(x, y) for x, y in combinations(votes, 2)]
    mean = sum(apart) / len(apart)
    disputed = len({b.winner for b in votes}) > 1 or max(apart) > 0.5
    return CONFLICT + (1 - CONFLICT) * mean if disputed else CONFLICT * mean


def distance(one: Ballot, other: Ballot) -> float:
    """How far two votes on one item are apart: 0 the same, 1 as far as can be.

    Of five points, the share of the way from one end to the other; `both bad` is half of it from any of them. Two
    marked texts are as far apart as their marks do not overlap (one less Dice's coefficient over characters).
    """
    if one.points is not None and other.points is not None:
        return abs(one.points - other.points) / 4
    if one.winner != other.winner:
        return 0.5 if "both_bad" in (one.winner, other.winner) else 1.0
    if one.winner == "marked":
        return _marks_apart(one, other)
    return 0.25 if one.details.edit != other.details.edit else 0.0


def _marks_apart(one: Ballot, other: Ballot) -> float:
    first, second = _marked(one), _marked(other)
    total = len(first) + len(second)
    return 1 - 2 * len(first & second) / total if total else 0.0


def _marked(ballot: Ballot) -> set[tuple[str, int, str]]:
    """Every marked character, with the mark it has, in the order of the item."""
    return {
        (_pane(span.pane, ballot.swap), place, span.tag)
        for span in ballot.details.spans
        for place in range(span.start, span.end)
    }


def flipped(choice: str) -> str:
    """A choice as somebody would make it who sees the answers the other way round."""
    return FLIP.get(choice, choice)


def seen(verdict: str, points: int | None, *, swap: bool) -> str:
    """A verdict with the order undone, as a choice in the order shown."""
    if verdict not in SIDES:
        return verdict
    return SIDES[verdict][swap] + ("_much" if points is not None and abs(points) == 2 else "")


def shown_to(
    view: View, study: Study, item: Item, ballots: Sequence[Ballot], settled: Mapping[int, Adjudication]
) -> Conflict:
    """An item with its votes, as the adjudicator of this view sees it."""
    if item.second is None:  # there is no other side on which a mark could lie
        view = view.model_copy(update={"swap": False})
    a, b = (item.second, item.first) if view.swap and item.second is not None else (item.first, item.second)
    number: Callable[[Ballot], int] = lambda ballot: view.raters.index(ballot.rater)  # noqa: E731 - used as a key twice
    decided = settled.get(view.position)
    return Conflict(
        token=view.token,
        kind=study.kind,
        question=study.question,
        prompt=item.prompt,
        a=a,
        b=b,
        votes=tuple(_opinion(ballot, view, number(ballot)) for ballot in sorted(ballots, key=number)),
        value=round(value_of(ballots) or 0.0, 4),
        deferred=view.deferred,
        decision=None if decided is None else _decision(decided, view),
    )


def _opinion(ballot: Ballot, view: View, number: int) -> Opinion:
    turned = ballot.swap != view.swap
    said = ballot.details
    return Opinion(
        rater=f"R{number + 1}",
        choice=flipped(ballot.choice) if turned else ballot.choice,
        reason=ballot.reason,
        comment=said.comment,
        dwell_ms=ballot.dwell_ms,
        scores=said.scores,
        edit=said.edit,
        spans=tuple(span.model_copy(update={"pane": _pane(span.pane, turned)}) for span in said.spans),
    )


def _decision(found: Adjudication, view: View) -> Decision:
    choice = seen(found.verdict, found.points, swap=view.swap)
    return Decision(choice=choice, category=found.category, note=found.note, gold=found.gold, edit=found.edit)


def _pane(pane: Pane, turned: bool) -> Pane:
    other: dict[Pane, Pane] = {"a": "b", "b": "a"}
    return other.get(pane, pane) if turned else pane
