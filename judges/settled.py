"""What adjudication says about the votes: how often the majority was overruled, why raters differed, who was right."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from curation.store.adjudications import Adjudication
from curation.store.review_records import Ballot, Item
from judges.study_beside import accuracy
from judges.study_figures import share_row

SET_ASIDE = "set_aside"
"""A decision that an item is not to be decided: no gold row comes of it and no rater was wrong about it."""


def verdicts_of(settled: Mapping[int, Adjudication]) -> dict[int, str]:
    """The settled verdict of each item, by position; those set aside have none."""
    return {position: found.verdict for position, found in settled.items() if found.verdict != SET_ASIDE}


def overruled(
    majority: Mapping[int, str | None], settled: Mapping[int, Adjudication], items: Sequence[Item]
) -> dict[str, JsonValue]:
    """The share of settled items whose majority said otherwise; where raters were tied there was none to overrule."""
    held = {p: verdict for p, verdict in verdicts_of(settled).items() if majority.get(p) is not None}
    return share_row([majority[p] != verdict for p, verdict in held.items()], [items[p].prompt for p in held])


def by_category(settled: Mapping[int, Adjudication], items: Sequence[Item]) -> dict[str, JsonValue]:
    """The share of each cause among the settled items whose cause was stated, the commonest first."""
    stated = {p: found.category for p, found in settled.items() if found.category is not None}
    prompts = [items[p].prompt for p in stated]
    rows = {word: share_row([c == word for c in stated.values()], prompts) for word in sorted(set(stated.values()))}
    counts = {word: sum(c == word for c in stated.values()) for word in rows}
    return {word: {**rows[word], "items": counts[word]} for word in sorted(rows, key=lambda w: (-counts[w], w))}


def settled_figures(
    votes: Sequence[Ballot],
    majority: Mapping[int, str | None],
    settled: Mapping[int, Adjudication],
    items: Sequence[Item],
) -> dict[str, JsonValue]:
    """What a report says of adjudication: n, causes, overruled majorities, each rater beside what was settled on."""
    return {
        "n": len(settled),
        "set_aside": len(settled) - len(verdicts_of(settled)),
        "by_category": by_category(settled, items),
        "overruled": overruled(majority, settled, items),
        **accuracy(votes, verdicts_of(settled), items),
    }
