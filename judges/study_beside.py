"""Sets what raters said in a study beside what was known before: gold verdicts, and the rulings of the judges."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import polars as pl
from pydantic import JsonValue

from curation.store.adjudications import Adjudication, Adjudications
from curation.store.gold import Gold
from curation.store.review_guesses import Guess, Guesses
from curation.store.review_imports import ReviewItems
from curation.store.review_records import exact_digest
from curation.store.reviews import Ballot, Design, Item, Kind, PlantBallot, Reviews, Study
from curation.store.store import Store
from judges.agreement import pair_agreement
from judges.gold_rows import GOLD, gold_name
from judges.study import conversation
from judges.study_figures import figure_row, share_row

Opinions = Mapping[str, Mapping[str, float]]
"""What each judge thinks of a sample, from 0 (reject) to 1 (accept), by judge and sample."""
PANEL = "panel"
DECIDED = ("accept", "reject", "first", "second")


class Texts(NamedTuple):
    """The digests of what a sample's row holds: what was asked, and its answer."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Beside:
    """What a report needs beside the votes: the items, their right verdicts, what the judges said, what was settled.

    `right` holds the verdict of items that are rows of a gold set, by position; `why` says why there are no judges;
    `planted` are the votes on what was planted, `rows` the digests of the version's rows that were shown.
    """

    items: Sequence[Item]
    right: Mapping[int, str] = field(default_factory=dict[int, str])
    opinions: Opinions = field(default_factory=dict[str, dict[str, float]])
    why: str = "no judge was asked about these samples"
    settled: Mapping[int, Adjudication] = field(default_factory=dict[int, Adjudication])
    guesses: Sequence[Guess] = ()
    design: Design = field(default_factory=Design)
    planted: Sequence[PlantBallot] = ()
    rows: Mapping[str, Texts] = field(default_factory=dict[str, Texts])

    @classmethod
    def of(cls, store: Store, study: Study, items: Sequence[Item] | None = None) -> "Beside":
        """What the workspace knows about the items of a study; those it holds where none are given."""
        items = ReviewItems(store.state).of(study.name) if items is None else items
        right = _right(store, study, items)
        settled = Adjudications(store.state).standing(study.name)
        reviews = Reviews(store.state)
        known = cls(
            items,
            right,
            settled=settled,
            guesses=Guesses(store.state).of(study.name),
            design=reviews.design(study.name),
            planted=reviews.planted(study.name),
        )
        if study.version not in store.versions.list():
            return replace(known, why="its items are not samples of a version here, so no judge ruled on them")
        shown = {i for item in items for i in (item.first_sample, item.second_sample) if i}
        known = replace(known, rows=_texts(store.versions.samples(study.version), shown))
        decisions = store.versions.decisions(study.version).filter(
            (pl.col("step") == "judges") & pl.col("evidence").is_not_null() & pl.col("sample").is_in(list(shown))
        )
        if decisions.is_empty():
            return known
        return replace(known, opinions=opinions_of(decisions, study.kind))


def _texts(samples: pl.DataFrame, shown: set[str]) -> dict[str, Texts]:
    """What the rows of these samples hold, by sample."""
    rows = samples.filter(pl.col("id").is_in(list(shown)) & pl.col("answer").is_not_null())
    return {
        row["id"]: Texts(exact_digest(conversation(row["messages"])), exact_digest(row["answer"]))
        for row in rows.select("id", "messages", "answer").iter_rows(named=True)
    }


def _right(store: Store, study: Study, items: Sequence[Item]) -> dict[int, str]:
    """The verdict of every item that is a gold row; a row nobody judged holds a right answer, to be accepted."""
    gold, known = Gold(store.state), dict[str, str]()
    for name in sorted({i.first_sample.split("/")[1] for i in items if i.first_sample.startswith(GOLD)}):
        version = study.version.removeprefix(f"{GOLD}{name}/")
        for row in gold.items(name, int(version) if version.isdigit() else None):
            known[gold_name(name, row)] = row.judged.verdict if row.judged else "accept"
    return {k: known[item.first_sample] for k, item in enumerate(items) if item.first_sample in known}


def opinions_of(decisions: pl.DataFrame, kind: Kind) -> dict[str, dict[str, float]]:
    """What the panel and each of its judges said of each sample, from their decisions (schema DECISIONS).

    The panel's word on one answer is its ruling, where it ruled; of two answers it prefers the one with the larger
    share of acceptance. Judges that only advise have the ruling that most of them would have made.
    """
    found: dict[str, dict[str, float]] = {PANEL: {}}
    for row in decisions.iter_rows(named=True):
        evidence = json.loads(row["evidence"])
        votes = {v["judge"]: float(v["vote"] == "accept") for v in evidence["votes"] if v["vote"] != "unscored"}
        for judge, vote in votes.items():
            found.setdefault(judge, {})[row["sample"]] = vote
        ruling = _ruling(row, evidence) if kind != "pairwise" else _share(row["number"], list(votes.values()))
        if ruling is not None:
            found[PANEL][row["sample"]] = ruling
    return found


def _ruling(row: Mapping[str, Any], evidence: Mapping[str, Any]) -> float | None:
    reason = f"judge_{evidence['majority']}" if row["reason"] == "unjudged" else row["reason"]
    return {"judge_agreed": 1.0, "judge_rejected": 0.0}.get(reason)


def _share(number: float | None, votes: Sequence[float]) -> float | None:
    if number is not None:
        return number
    return sum(votes) / len(votes) if votes else None


def judges_beside(beside: Beside, majority: Mapping[int, str | None], seed: int) -> dict[str, JsonValue]:
    """How often the panel, and each judge, says what most raters say, on items both decided."""
    if PANEL not in beside.opinions:
        return {PANEL: None, "by_judge": {}, "why": beside.why}
    rows: dict[str, JsonValue] = {
        name: _agreed(beside.items, said, majority, seed) for name, said in sorted(beside.opinions.items())
    }
    return {
        PANEL: rows.pop(PANEL),
        "by_judge": rows,
        "why": None,
        "note": "a study is drawn from samples that were kept, so this does not tell what the judges dropped wrongly",
    }


def _agreed(
    items: Sequence[Item], said: Mapping[str, float], majority: Mapping[int, str | None], seed: int
) -> dict[str, JsonValue]:
    decided = {k: word for k, word in majority.items() if word in DECIDED}
    verdicts = {k: verdict for k in decided if (verdict := _verdict(items[k], said)) is not None}
    prompts = [items[k].prompt for k in verdicts]
    both = pair_agreement(
        {"judge": list(verdicts.values()), "people": [decided[k] for k in verdicts]}, clusters=prompts, seed=seed
    )
    return {
        **share_row([verdict == decided[k] for k, verdict in verdicts.items()], prompts),
        "kappa": figure_row(both.kappa),
        "people_undecided": len(majority) - len(decided),
        "judge_undecided": len(decided) - len(verdicts),
    }


def _verdict(item: Item, said: Mapping[str, float]) -> str | None:
    first = said.get(item.first_sample)
    if item.second_sample is None:
        return None if first is None or first == 0.5 else "accept" if first > 0.5 else "reject"
    second = said.get(item.second_sample)
    if first is None or second is None or first == second:
        return None
    return "first" if first > second else "second"


def accuracy(
    votes: Sequence[Ballot], right: Mapping[int, str], items: Sequence[Item], none: str = "nothing was settled on"
) -> dict[str, JsonValue]:
    """How often each rater said what is right (by position, with the order undone); `none` says why where it is not."""
    asked = [v for v in votes if v.position in right]
    if not asked:
        return {"rows": 0, "all": None, "raters": {}, "why": none}

    def row(ballots: Sequence[Ballot]) -> dict[str, JsonValue]:
        marks = [b.winner == right[b.position] for b in ballots]
        return share_row(marks, [items[b.position].prompt for b in ballots])

    raters: dict[str, JsonValue] = {
        name: row([v for v in asked if v.rater == name]) for name in sorted({v.rater for v in asked})
    }
    return {"rows": len({v.position for v in asked}), "all": row(asked), "raters": raters, "why": None}
