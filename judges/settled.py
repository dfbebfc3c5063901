"""What adjudication says about the votes: how often the majority was overruled, why raters differed, who was right."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from curation.errors import InputError
from curation.store.adjudications import Adjudication
from curation.store.review_records import Ballot, Item
from judges.study_beside import accuracy
from judges.study_figures import share_row

SET_ASIDE = "set_aside"
"""A decision that an item is not to be decided: no gold row comes of it and no rater was wrong about it."""
EDIT = "edit"
EDIT_LENGTH = 200_000
"""Characters of a corrected answer at most, as for a rater's."""


def verdicts_of(settled: Mapping[int, Adjudication]) -> dict[int, str]:
    """The settled verdict of each item, by position; those set aside have none."""
    return {position: found.verdict for position, found in settled.items() if found.verdict != SET_ASIDE}


def edit_that_stands(choice: str, wanted: str | None, item: Item, votes: Sequence[Ballot]) -> str | None:
    """The corrected answer that a decision on an item of an edit study leaves standing; None where it corrects nothing.

    `wanted` is the exact text of one of the raters' edits or one of the adjudicator's own; where the raters made one
    and the same edit, that is meant without saying so. InputError where it cannot be told or is no edit.
    """
    if choice != EDIT:
        if wanted is not None:
            raise InputError(f"an edit stands only where the decision is {EDIT!r}, and this one is {choice!r}")
        return None
    given = list(dict.fromkeys(b.details.edit for b in votes if b.choice == EDIT and b.details.edit))
    if wanted is None and len(given) != 1:
        words = f"raters made {len(given)} different edits" if given else "no rater made an edit"
        raise InputError(f"{words}; say which text stands, then decide")
    text = given[0] if wanted is None else wanted
    if not text.strip() or text == item.first:
        raise InputError("an edited answer differs from the one shown and is not empty")
    if len(text) > EDIT_LENGTH or "\0" in text:
        raise InputError(f"an edited answer has at most {EDIT_LENGTH:,} characters and no NUL among them")
    return text


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
