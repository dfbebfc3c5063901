"""Turns a review study into gold rows: what was settled on, else the majority's verdict, with every vote beside it."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, cast

import polars as pl
from pydantic import JsonValue

from curation.errors import InputError
from curation.records import Message, sample_of
from curation.store.adjudications import Adjudications
from curation.store.gold import Gold, GoldItem, Judged
from curation.store.gold_judged import Said
from curation.store.review_draws import ReviewDraws
from curation.store.review_imports import IMPORTED, ReviewItems
from curation.store.reviews import Ballot, Item, Reviews, Study
from curation.store.store import Store
from judges.grading import answer_text
from judges.study import draw_chances

SliceBy = Literal["tag", "label", "group"]
VERDICTS = ("accept", "reject", "first", "second")
GOLD = "gold/"
"""What a gold row is called where a study would name a sample: `gold/SET/ROW`."""


@dataclass
class StudyRows:
    """The rows of a study, and the items that gave none: as many for as against, no side taken, nobody voted."""

    rows: list[GoldItem] = field(default_factory=list[GoldItem])
    tied: int = 0
    undecided: int = 0
    unrated: int = 0


def rows_of_study(
    store: Store, study: Study, slice_by: SliceBy | None = None, only: Collection[int] | None = None
) -> StudyRows:
    """What a study says, as gold rows: a settled item has the verdict settled on, any other that of most raters.

    The slice is a sample's first tag, its label or group; `only` names the positions wanted, where not all are.
    """
    votes = _votes(store, study)
    settled = Adjudications(store.state).standing(study.name)
    decided = {k: winner_of([b.winner for b in given]) for k, given in votes.items()}
    decided |= {k: found.verdict for k, found in settled.items()}
    items = dict(enumerate(ReviewItems(store.state).of(study.name)))
    wanted = {k: items[k] for k in sorted(decided) if only is None or k in only}
    material = _Material.of(store, study, wanted, slice_by)
    found = StudyRows()
    for position, item in wanted.items():
        match decided[position]:
            case None:
                found.tied += 1
            case winner if winner not in VERDICTS:  # a tie, both bad, set aside, or a label of a study rated elsewhere
                found.undecided += 1
            case winner:
                found.rows.append(material.row(position, item, votes.get(position, []), cast("Said", winner)))
    found.unrated = study.items - len(decided)
    return found


def _votes(store: Store, study: Study) -> dict[int, list[Ballot]]:
    """The votes on each item, by position; those passed on are nobody's verdict."""
    ballots = [b for b in Reviews(store.state).ballots(study.name) if not b.passed]
    return {position: list(given) for position, given in groupby(ballots, key=lambda b: b.position)}


def winner_of(votes: Sequence[str]) -> str | None:
    """What more raters said than anything else; None where two things were said equally often.

    >>> winner_of(["accept", "accept", "reject"]), winner_of(["first", "tie"])
    ('accept', None)
    """
    most = Counter(votes).most_common(2)
    return None if len(most) > 1 and most[0][1] == most[1][1] else most[0][0]


def text_of(answer: JsonValue) -> str:
    """An answer as people and judges read it."""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def right_answer(verdict: Said, known: JsonValue, shown: str) -> JsonValue:
    """What a row says is right, given a verdict on the answer shown: None where only a wrong one is known."""
    if verdict == "accept":
        return shown if known is None else known
    if verdict == "reject":
        return None if known is None or text_of(known) == shown else known
    return known


@dataclass(frozen=True)
class _Material:
    """What rows are made of: the version's samples and gold rows that were shown, and how likely each was drawn."""

    samples: Mapping[str, dict[str, Any]]
    gold: Mapping[str, GoldItem]
    chances: Mapping[int, float]
    even: Mapping[tuple[str, str | None], float]
    slice_by: SliceBy | None
    label: str
    imported: Mapping[int, GoldItem] = field(default_factory=dict[int, GoldItem])
    """The items of a study that was rated elsewhere, by position."""

    @classmethod
    def of(cls, store: Store, study: Study, items: Mapping[int, Item], slice_by: SliceBy | None) -> "_Material":
        if study.version.startswith(IMPORTED):
            return cls({}, {}, {}, {}, slice_by, "", _imported(store, study))
        wanted = {i for item in items.values() for i in (item.first_sample, item.second_sample) if i}
        gold = _gold_rows(store, {i for i in wanted if i.startswith(GOLD)})
        if gold.keys() == wanted:
            return cls({}, gold, ReviewDraws(store.state).of(study.name), {}, slice_by, "")
        samples = store.versions.samples(study.version)
        shown = {row["id"]: row for row in samples.filter(pl.col("id").is_in(list(wanted))).to_dicts()}
        chances = ReviewDraws(store.state).of(study.name)
        even = {} if chances else draw_chances(samples, study)
        if any((item.first_sample, item.second_sample) not in even for item in items.values()):
            even = {}  # somebody chose these items in another way, which nobody wrote down
        answer = store.versions.manifest(study.version).facts.get("answer")
        label = str((answer.get("field") if isinstance(answer, dict) else None) or "label")
        return cls(shown, gold, chances, even, slice_by, label)

    def row(self, position: int, item: Item, votes: Sequence[Ballot], verdict: Said) -> GoldItem:
        """The row that a verdict on one item makes, with these votes beside it."""
        said = {b.rater: b.winner for b in votes}
        chance = self.chances.get(position, self.even.get((item.first_sample, item.second_sample)))
        known = self.imported.get(position) or self.gold.get(item.first_sample)
        if known is not None:
            return _reviewed_again(known, verdict, said)
        shown = [self.samples[i] for i in (item.first_sample, item.second_sample) if i]
        samples = [sample_of(row) for row in shown]
        first = samples[0]
        judged = Judged(
            messages=first.messages,
            answers=tuple(answer_text(s) for s in samples),
            verdict=verdict,
            votes=said,
            teachers=tuple(s.teacher for s in samples),
            probability=chance,
        )
        own: JsonValue = first.answer if first.labels is None else first.labels
        return GoldItem(
            id="+".join(s.id for s in samples),
            text=first.prompt,
            answer=own if verdict == "accept" else None,
            slice=self._slice(shown[0]),
            sample=first.id,
            judged=judged,
        )

    def _slice(self, row: Mapping[str, Any]) -> str | None:
        match self.slice_by:
            case None:
                return None
            case "tag":
                return next(iter(row["tags"] or ()), None)
            case "group":
                return row["group"]
            case "label":
                value = json.loads(row["labels"] or "{}").get(self.label)
                return value if isinstance(value, str) else None


def _imported(store: Store, study: Study) -> dict[int, GoldItem]:
    """The items of a study that was rated elsewhere, as rows that wait for their verdict, by position."""
    found: dict[int, GoldItem] = {}
    for position, item in enumerate(ReviewItems(store.state).of(study.name)):
        single = item.second is None
        judged = Judged(
            messages=(Message(role="user", content=item.prompt),),
            answers=(item.first,) if item.second is None else (item.first, item.second),
            verdict="accept" if single else "first",
            teachers=(item.first_teacher,) if single else (item.first_teacher, item.second_teacher or ""),
        )
        name = "+".join(i for i in (item.first_sample, item.second_sample) if i)
        found[position] = GoldItem(id=name, text=item.prompt, answer=None, judged=judged)
    return found


def _gold_rows(store: Store, names: set[str]) -> dict[str, GoldItem]:
    gold = Gold(store.state)
    sets = {name.split("/")[1] for name in names}
    found = {gold_name(s, item): item for s in sets for item in gold.items(s)}
    if gone := sorted(names - found.keys()):
        raise InputError(f"{gone[0]} was reviewed and is no row of its gold set any more")
    return {name: found[name] for name in names}


def gold_name(name: str, row: GoldItem) -> str:
    """What a row of a gold set is called where judges or raters are asked about it."""
    return f"{GOLD}{name}/{row.id}"


def _reviewed_again(row: GoldItem, verdict: Said, votes: dict[str, str]) -> GoldItem:
    """A gold row whose label people looked at again: the new verdict and votes take the place of the old."""
    if row.judged is None:
        messages = (Message(role="user", content=row.text),)
        judged = Judged(messages=messages, answers=(text_of(row.answer),), verdict=verdict, votes=votes)
    else:
        judged = row.judged.model_copy(update={"verdict": verdict, "votes": votes})
    answer = right_answer(verdict, row.answer, judged.answers[0])
    return row.model_copy(update={"answer": answer, "judged": judged})
