"""What is planted in a review study: items to practise on, and gold rows whose verdict is known."""

from collections.abc import Sequence

import polars as pl

from curation.errors import InputError
from curation.records import draw, message_row
from curation.store.gold import Gold, GoldItem
from curation.store.review_records import Design, Item, Kind, Plant
from curation.store.store import Store
from judges.gold_rows import gold_name, text_of
from judges.study import conversation, draw_items


def plants_of(store: Store, design: Design, kind: Kind, items: Sequence[Item], spare: Sequence[Item]) -> list[Plant]:
    """The planted items of a study on `items`: practice first, then gold.

    Practice takes gold rows, whose verdict a rater is told, and then `spare` items, drawn and not asked. InputError
    where the gold set has no row of this kind, or there is not enough to practise on.
    """
    gold = _gold(store, design.gold, kind) if design.gold else []
    taken = {(i.prompt, i.first, i.second) for i in items}
    gold = [plant for plant in gold if (plant.item.prompt, plant.item.first, plant.item.second) not in taken]
    if design.gold and not gold:
        raise InputError(f"gold set {design.gold!r} has no row that a {kind} study could ask about")
    order = sorted(gold, key=lambda plant: draw(0, "practice", plant.item.first_sample))
    told = order[: min(design.practice, len(order) // 2)]
    seeded = [plant for plant in order if plant not in told]
    practice = [plant.model_copy(update={"role": "practice"}) for plant in told]
    practice += [Plant(item=item, role="practice") for item in spare[: design.practice - len(practice)]]
    if len(practice) < design.practice:
        raise InputError(
            f"there are {len(practice)} items to practise on, not {design.practice}: draw fewer items into the study"
        )
    return [*practice, *(seeded if design.gold_share else ())]


def spare_items(samples: pl.DataFrame, kind: Kind, n: int, practice: int, seed: int) -> tuple[list[Item], list[Item]]:
    """Up to `n` items for a study, and up to `practice` others to practise on."""
    drawn = draw_items(samples, kind, n + practice, seed)
    most = max(1, len(drawn) - practice) if practice else len(drawn)
    return drawn[: min(n, most)], drawn[min(n, most) :]


def _gold(store: Store, name: str, kind: Kind) -> list[Plant]:
    """The rows of a gold set that a study of this kind can ask about, with their verdicts."""
    if kind not in ("pairwise", "single"):
        return []
    rows = [row for row in Gold(store.state).items(name) if is_pair(row) == (kind == "pairwise")]
    return [
        Plant(item=item_of_row(name, row), role="gold", right=row.judged.verdict if row.judged else "accept")
        for row in rows
        if row.judged is not None or row.answer is not None
    ]


def is_pair(row: GoldItem) -> bool:
    """Whether a gold row is about which of two answers is better."""
    return row.judged is not None and len(row.judged.answers) == 2


def item_of_row(name: str, row: GoldItem) -> Item:
    """A row of the gold set `name` as an item of a study."""
    answers = row.judged.answers if row.judged else (text_of(row.answer),)
    teachers = (row.judged.teachers if row.judged else ()) or ("",) * len(answers)
    subject = gold_name(name, row)
    pair = len(answers) == 2
    return Item(
        prompt=conversation([message_row(m) for m in row.judged.messages]) if row.judged else row.text,
        first=answers[0],
        second=answers[1] if pair else None,
        first_sample=subject,
        second_sample=subject if pair else None,
        first_teacher=teachers[0],
        second_teacher=teachers[1] if pair else None,
    )
