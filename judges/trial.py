"""Judges on trial: asked about rows that people judged, they earn their votes or do not, with reasons.

The report of a trial is what the Judges page, `stillhouse judges` and `gold start` show; every run makes one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, JsonValue

from curation.records import Message, Record, canonical
from curation.store.gold import GoldItem, Judged
from curation.task import Table
from judges.aggregate import Fit, fit
from judges.agreement import PairAgreement
from judges.asking import Bench, Judge, Said, Subject
from judges.family import Eligibility
from judges.grading import Unit
from judges.qualify import Rules, VoteTable

VALUE = {"accept": 1.0, "first": 1.0, "reject": -1.0, "second": -1.0}


class PanelTable(Table):
    """[panel]: how judges are asked, how they earn their votes on gold, and how these are counted."""

    grader: str = "pointwise"
    """Way of asking, a plugin in judges/graders/."""
    settings: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    """The grader's own settings: `settings = { longest = 8000 }`."""
    quorum: Annotated[int, Field(ge=1)] = 1
    """Fewer readable votes with weight than this on a sample put it into quarantine."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    """A weighted share of acceptance nearer to one half than this is a split, and a person decides."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Largest share of wrong rulings: below the certainty that gold shows to be needed for it, a person decides."""
    least_gold: Annotated[int, Field(ge=1)] = 20
    """A judge with fewer readable verdicts on gold than this gives advice and has no vote."""
    max_unreadable: Annotated[float, Field(ge=0, le=1)] = 0.02
    """A judge has no vote when more of its verdicts than this cannot be read, beyond doubt."""
    max_flipped: Annotated[float, Field(ge=0, le=1)] = 0.25
    """A judge has no vote when it says otherwise this often as soon as two answers change places, beyond doubt."""
    max_length_gap: Annotated[float, Field(ge=0, le=1)] = 0.1
    """A judge has no vote when it prefers the longer answer this much more often than people do, beyond doubt."""
    canaries: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    """Planted answers that must be rejected, as a share of what judges are asked; at least four where it is not 0."""
    max_canaries: Annotated[float, Field(ge=0, le=1)] = 0.05
    """A judge is excluded when it accepts more of them than this, beyond doubt."""
    reference: str | None = None
    """The column of the prompts that holds a reference answer, for the grader `reference`."""

    @property
    def rules(self) -> Rules:
        """What a judge must show on gold."""
        shared = set(Rules.model_fields) & set(type(self).model_fields)
        return Rules(**{name: getattr(self, name) for name in shared})


class PanelReport(Record):
    """What is known about a panel: who may judge whom, what gold says about each judge, how far they agree.

    `gold` names the gold sets and their versions; `rows` are the rows people judged that this way of asking can use,
    `unusable` those of another kind; `fit` is None where there is none yet, and then every verdict is advice.
    """

    grader: str
    gold: dict[str, int]
    rows: int
    unusable: int
    rubrics: dict[str, str]
    """The digest of each judge's rubric."""
    families: dict[str, str]
    eligibility: Eligibility
    fit: Fit | None
    canaries: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Of each judge: planted answers it did not reject, and how many it gave a readable verdict on."""
    samples: int = 0
    """Samples the judges were asked about."""
    agreement: tuple[PairAgreement, ...] = ()

    @property
    def voters(self) -> tuple[str, ...]:
        """The judges whose verdicts count."""
        return tuple(name for name, weight in (self.fit.weights if self.fit else {}).items() if weight > 0)


class GoldRow(Record):
    """A row people judged, with the set it is from."""

    set: str
    item: GoldItem

    @property
    def judged(self) -> Judged:
        """What was judged and what was said."""
        assert self.item.judged is not None
        return self.item.judged

    @property
    def name(self) -> str:
        """As the table of verdicts names it."""
        return f"gold/{self.set}/{self.item.id}"


@dataclass(frozen=True)
class Trial:
    """Rows people judged, put before judges as samples are put before them in a run."""

    bench: Bench
    judges: tuple[Judge, ...]
    table: PanelTable
    barred: Mapping[str, frozenset[str]]
    """For each teacher's name the judges that may not judge its answers, so that they are not measured on them."""
    system: str | None
    """What stands before every prompt of the task; rows that were imported as bare messages get it too."""
    scrub: Callable[[str], str]
    seed: int

    def usable(self, rows: Sequence[GoldRow]) -> list[GoldRow]:
        """The rows that this way of asking can use."""
        least, most = self.bench.grader.answers
        return [row for row in rows if least <= len(row.judged.answers) <= most]

    def pairs(self, rows: Sequence[GoldRow]) -> list[tuple[Subject, Judge]]:
        """Each row with each judge that may be measured on it."""
        return [(s, j) for row in rows for s in [self._subject(row)] for j in self.judges if self._may(j, row)]

    def votes(self, rows: Sequence[GoldRow], said: Said, canaries: Mapping[str, tuple[int, int]]) -> VoteTable:
        """What the judges said about the rows beside what people said, in numbers."""
        heard = [[said.get((row.name, judge.name)) for judge in self.judges] for row in rows]
        unreadable_J = [sum(not h.readable for h in heard_I if h is not None) for heard_I in zip(*heard, strict=True)]
        votes = [[_vote(h.votes[0]) if h else np.nan for h in line] for line in heard]
        flipped = [[_flag(h.flipped) if h else np.nan for h in line] for line in heard]
        shape = (len(rows), len(self.judges))
        columns = range(len(self.judges))
        return VoteTable(
            judges=tuple(j.name for j in self.judges),
            families=tuple(j.family for j in self.judges),
            votes_IJ=np.array(votes, dtype=float).reshape(shape),
            gold_I=np.array([VALUE[row.judged.verdict] for row in rows]),
            clusters=tuple(row.item.text for row in rows),
            slices=tuple(row.item.slice for row in rows),
            lengths_I=np.array([_length(row.judged) for row in rows], dtype=float),
            flipped_IJ=np.array(flipped, dtype=float).reshape(shape),
            asked_J=np.array([sum(line[j] is not None for line in heard) for j in columns]),
            unreadable_J=np.array(unreadable_J),
            canaries_J=tuple(canaries.get(j.name, (0, 0)) for j in self.judges),
        )

    def fit(self, votes: VoteTable) -> Fit:
        """The weights that gold gives."""
        return fit(votes, self.table.rules, self.seed)

    def _may(self, judge: Judge, row: GoldRow) -> bool:
        return not any(judge.name in self.barred.get(teacher, frozenset()) for teacher in row.judged.teachers)

    def _subject(self, row: GoldRow) -> Subject:
        """The row as it is put before a judge, scrubbed; the right answer, where one is known, is its reference."""
        messages = tuple(m.model_copy(update={"content": self.scrub(m.content)}) for m in row.judged.messages)
        if self.system and not any(m.role == "system" for m in messages):
            messages = (Message(role="system", content=self.system), *messages)
        answer = row.item.answer
        right = None if answer is None else answer if isinstance(answer, str) else canonical(answer).decode()
        if right is not None and right in map(_plain, row.judged.answers):
            right = None  # the very answer that is judged would be no reference
        unit = Unit(
            messages=messages,
            answers=tuple(self.scrub(a) for a in row.judged.answers),
            reference=None if right is None else self.scrub(right),
        )
        return Subject(kind="gold", name=row.name, unit=unit)


def _plain(answer: str) -> str:
    """An answer as a right answer is written: JSON in one form, other text as it is."""
    try:
        return canonical(json.loads(answer)).decode()
    except ValueError:
        return answer


def _vote(vote: str) -> float:
    return VALUE.get(vote, np.nan)


def _flag(flipped: bool | None) -> float:
    return np.nan if flipped is None else float(flipped)


def _length(judged: Judged) -> float:
    first, *others = (float(len(answer)) for answer in judged.answers)
    return first - others[0] if others else first
