"""The records of review studies: how a study is asked, what is shown, what was said."""

import hashlib
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, JsonValue, model_validator

from curation.records import Record

Kind = Literal["pairwise", "single", "edit", "spans"]

CHOICES: dict[str, tuple[str, ...]] = {
    "pairwise": ("a_much", "a", "tie", "b", "b_much", "both_bad", "skip", "flag"),
    "single": ("accept", "reject", "skip", "flag"),
    "edit": ("accept", "edit", "reject", "skip", "flag"),
    "spans": ("clean", "marked", "skip", "flag"),
}
"""What a rater may answer, by kind of study; `a` and `b` are the panes as shown to this rater."""
PASSED = ("skip", "flag")
"""Choices that are nobody's verdict: the item goes to another rater."""
NO_REASON = "no reason given"
POINTS = {"a_much": 2, "a": 1, "tie": 0, "b": -1, "b_much": -2}

Pane = Literal["prompt", "a", "b"]
Role = Literal["practice", "repeat", "gold"]


def undone(choice: str, *, swap: bool) -> str:
    """A choice with the order undone: `first`, `second`, or the choice itself where it names no side."""
    sides = ("second", "first") if swap else ("first", "second")
    return {"a": sides[0], "b": sides[1]}.get(choice.removesuffix("_much"), choice)


def exact_digest(text: str) -> str:
    """SHA-256 of a text to its last white space: whether two texts are the same bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


class Criterion(Record):
    """One thing an answer is scored on: what is asked, and what each point means, lowest first."""

    name: str
    question: str
    anchors: Annotated[tuple[str, ...], Field(min_length=2, max_length=7)]


class Span(Record):
    """A marked piece of a text as shown, in characters, with what it was marked as."""

    pane: Pane
    start: Annotated[int, Field(ge=0)]
    end: int
    tag: Annotated[str, Field(max_length=60)]

    @model_validator(mode="after")
    def _holds_something(self) -> "Span":
        if self.end <= self.start:
            raise ValueError("a span ends after it begins")
        return self


class Details(Record):
    """What a rater said beyond the choice."""

    comment: Annotated[str | None, Field(max_length=2_000)] = None
    scores: dict[str, int] = Field(default_factory=dict[str, int])
    edit: Annotated[str | None, Field(max_length=200_000)] = None
    spans: Annotated[tuple[Span, ...], Field(max_length=200)] = ()


class Draft(Details):
    """What a rater has begun to say about an item and not yet sent."""

    choice: Annotated[str | None, Field(max_length=20)] = None


class Said(Record):
    """One answer of a rater; `act` is their browser's name for the deed, which tells a repetition from a new one."""

    choice: str
    reason: str | None = None
    dwell_ms: int = 0
    details: Details = Details()
    act: str | None = None


class Design(Record):
    """How a study is asked, beyond its kind.

    `practice` items come before the first real one and do not count; `repeats` is the share of a rater's items that
    come back in the other order, `gold_share` the share that are rows of the gold set `gold`, neither told apart.
    """

    criteria: tuple[Criterion, ...] = ()
    guideline: str | None = None
    tags: tuple[str, ...] = ()
    practice: Annotated[int, Field(ge=0, le=50)] = 0
    repeats: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    gold: str | None = None
    gold_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    guesses: bool = False

    @property
    def plants(self) -> bool:
        """Whether anything is hidden among a rater's items."""
        return bool(self.repeats or self.gold_share)

    @model_validator(mode="after")
    def _gold_is_named(self) -> "Design":
        if self.gold_share and not self.gold:
            raise ValueError("name the gold set whose rows are seeded")
        names = [c.name for c in self.criteria]
        if len(set(names)) < len(names):
            raise ValueError(f"two criteria have one name: {', '.join(names)}")
        return self


class Study(Record):
    """One review study: what is asked about which version, of whom, and whether it is still open."""

    name: str
    version: str
    kind: Kind
    question: str
    overlap: int
    seed: int
    raters: tuple[str, ...] | None
    items: int
    opened: str
    closed: str | None = None
    report: dict[str, JsonValue] | None = None


class Item(Record):
    """One thing to be judged: a prompt with one answer, or with two of different teachers."""

    prompt: str
    first: str
    second: str | None = None
    first_sample: str
    second_sample: str | None = None
    first_teacher: str
    second_teacher: str | None = None


class Plant(Record):
    """An item that is not one of the study's own: to practise on, or a gold row whose verdict is known."""

    item: Item
    role: Role
    right: str | None = None


class Drawn(Record):
    """In words how the items of a study were drawn, and the probability of each, in item order."""

    how: str
    probabilities: tuple[float, ...]


class Presentation(Record):
    """One item as one rater sees it: an opaque token and texts, nothing that names where they came from."""

    token: str
    question: str
    prompt: str
    a: str
    b: str | None = None
    practice: bool = False
    draft: Draft | None = None


class Shown(Record):
    """A presentation as a study's owner sees it."""

    position: int
    rater: str
    swap: bool
    state: Literal["open", "done", "skipped", "surplus"]


class RaterProgress(Record):
    """How far one rater is: nothing about the others' votes, nothing about what is planted."""

    done: int
    skipped: int
    left: int
    practice_left: int = 0


class Past(Record):
    """A vote of one's own, as a rater finds it again."""

    token: str
    choice: str
    words: str
    at: str


class Ballot(Record):
    """One standing vote with everything needed to count it; it names the teachers, so raters never see it."""

    position: int
    rater: str
    choice: str
    swap: bool
    reason: str | None
    dwell_ms: int
    at: str
    first_sample: str
    second_sample: str | None
    first_teacher: str
    second_teacher: str | None
    details: Details = Details()
    guideline: str | None = None
    """Digest of the guideline in force when the vote was cast."""
    shown: dict[str, str] = Field(default_factory=dict[str, str])
    """SHA-256 of each text as it was shown, by pane."""

    @property
    def passed(self) -> bool:
        """Whether the rater passed the item on and said nothing about it."""
        return self.choice in PASSED

    @property
    def winner(self) -> str:
        """The vote with the order undone."""
        return undone(self.choice, swap=self.swap)

    @property
    def points(self) -> int | None:
        """How far the first answer is preferred, 2 to -2, with the order undone; None where nothing was compared."""
        found = POINTS.get(self.choice)
        return -found if found and self.swap else found


class PlantBallot(Ballot):
    """A vote on an item that is not the study's own; `of` is the position of the item that a repeat repeats."""

    role: Role
    of: int | None = None
    right: str | None = None


class CopyVote(NamedTuple):
    """A standing vote on a planted copy of a gold row, in a study that was closed at `closed`."""

    row: str
    """`gold/SET/ROW`."""
    rater: str
    swap: bool
    choice: str
    reason: str | None
    shown: dict[str, str]
    """SHA-256 of each text as it was shown, by pane."""
    closed: str

    @property
    def said(self) -> str:
        """The choice with the order undone."""
        return undone(self.choice, swap=self.swap)
