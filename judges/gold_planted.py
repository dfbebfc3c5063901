"""What raters said of gold rows that lay hidden among the items of a study, once that study is closed."""

from collections import defaultdict
from collections.abc import Sequence

from curation.store.gold import Gold, GoldItem
from curation.store.review_records import CopyVote, exact_digest
from curation.store.reviews import Item, Reviews
from curation.store.store import Store
from judges.gold_rows import GOLD, gold_name
from judges.planting import item_of_row


def said_of_copies(store: Store, name: str, rows: Sequence[GoldItem]) -> dict[str, list[tuple[str, str, str | None]]]:
    """For each row's id, what each rater last said of a planted copy: (rater, said with the order undone, reason).

    Only what is news about the row as it is: votes on these very texts, in studies that were closed after people last
    decided on it. Who skipped it said nothing.
    """
    subjects = {gold_name(name, row): row for row in rows}
    decided = Gold(store.state).decided(name)
    said: dict[tuple[str, str], CopyVote] = {}
    texts: dict[tuple[str, bool], dict[str, str]] = {}
    begin = next(iter(subjects)) if len(subjects) == 1 else f"{GOLD}{name}/"
    for vote in Reviews(store.state).copies(begin):
        row = subjects.get(vote.row)
        if row is None or vote.choice == "skip" or vote.closed <= decided.get(row.id, ""):
            continue
        if (vote.row, vote.swap) not in texts:
            texts[vote.row, vote.swap] = _shown(item_of_row(name, row), swap=vote.swap)
        if vote.shown == texts[vote.row, vote.swap]:
            said[row.id, vote.rater] = vote  # the newest vote of a rater comes last
    found: dict[str, list[tuple[str, str, str | None]]] = defaultdict(list)
    for (row_id, rater), vote in sorted(said.items()):
        found[row_id].append((rater, vote.said, vote.reason))
    return dict(found)


def _shown(item: Item, *, swap: bool) -> dict[str, str]:
    """The digests of what a rater sees of an item."""
    a, b = (item.second, item.first) if swap else (item.first, item.second)
    texts = {"prompt": item.prompt, "a": a, "b": b}
    return {pane: exact_digest(text) for pane, text in texts.items() if text is not None}
