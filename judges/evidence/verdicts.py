"""What a file of verdicts shows: who is right, who is steady, who agrees with whom, what the panel is worth."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from curation.intervals import Share
from curation.progress import Progress
from judges.agreement import cohen_kappa, gwet_ac1, krippendorff_alpha, raw_agreement
from judges.evidence.findings import Findings, Row, Sheet, bounds, figure
from judges.evidence.verdict_file import TIE, Book, read_book
from judges.evidence.voting import DRAWS, GOLD, Ballots, panel_figures

BOOTSTRAP = 400
LEAST_LABELLED = 20
"""With fewer labelled items nothing is said about weighing the judges."""


def replay(path: Path, progress: Progress) -> Findings:
    """All figures the file's fields allow; InputError naming the line for a row that breaks the form."""
    book = read_book(path)
    judges = {judge: _judge(book, judge) for judge in sorted(book.judges)}
    voices = sorted(book.judges | book.raters)
    pairs = [_pair(book, a, b) for a, b in combinations(voices, 2)]
    together = _together(book, voices)
    panel, gold, why = _panel(book, progress)
    figures: dict[str, JsonValue] = {
        "rows": book.rows,
        "items": len(book.items),
        "labelled_items": len(book.labels),
        "clusters": len(set(book.cluster_of(book.items))),
        "menu": [*book.menu],
        "fields_not_read": [*sorted(book.ignored)],
        "judges": dict(judges),
        "agreement": {**together, "pairs": list(pairs)},
        "panel": {"gold": gold, **panel} if panel else None,
    }
    if why:
        figures["no_panel_because"] = why
    return Findings(
        name="verdicts",
        cells=(),
        figures=figures,
        sheets=tuple(_sheets(judges, pairs, panel, gold)),
        remarks=_remarks(book, together, why),
    )


def _remarks(book: Book, together: Row, why: str) -> tuple[str, ...]:
    found = [f"{book.rows} rows about {len(book.items)} items, {len(book.labels)} of them labelled."]
    if book.menu:
        found.append(f"Verdicts on the menu: {', '.join(book.menu)} (and {TIE}); any other word is unread.")
    if together["alpha"] is not None:
        found.append(f"All together: alpha {together['alpha']:.3f}, AC1 {together['ac1']:.3f}.")
    if book.ignored:
        found.append(f"Fields that were not read: {', '.join(sorted(book.ignored))}.")
    if why:
        found.append(f"Nothing is said of a panel: {why}.")
    return tuple(found)


def _judge(book: Book, judge: str) -> Row:
    """One judge: how much could be read, how steady it is when the order is swapped, how often it is right."""
    asked = [item for item in book.items if judge in book.said[item]]
    slots = [verdict for item in asked for verdict in book.said[item][judge].values()]
    swapped = [
        orders["as_is"] != orders["swapped"]
        for item in asked
        if len(orders := book.said[item][judge]) == 2 and None not in orders.values()
    ]
    labelled = [item for item in asked if item in book.labels]
    voted = [(item, vote) for item in labelled if (vote := book.vote(item, judge)) not in (None, TIE)]
    clusters = book.cluster_of(item for item, _ in voted)
    right = Share.of((c, vote == book.labels[i]) for c, (i, vote) in zip(clusters, voted, strict=True))
    return {
        "asked": len(asked),
        "verdicts": len(slots),
        "unscored": sum(v is None for v in slots),
        "both_orders": len(swapped),
        "steady": figure(1 - sum(swapped) / len(swapped) if swapped else None),
        "votes_on_labelled": len(voted),
        "accuracy": None if right is None else right.share,
        "low": None if right is None else right.low,
        "high": None if right is None else right.high,
        "kappa": figure(cohen_kappa([v for _, v in voted], [book.labels[i] for i, _ in voted])),
    }


def _pair(book: Book, a: str, b: str) -> Row:
    first, second = ([book.vote(item, who) for item in book.items] for who in (a, b))
    units = [[x, y] for x, y in zip(first, second, strict=True)]
    return {
        "one": a,
        "other": b,
        "items": sum(None not in unit for unit in units),
        "same": figure(raw_agreement(first, second)),
        "kappa": figure(cohen_kappa(first, second)),
        "ac1": figure(gwet_ac1([u for u in units if None not in u]).value),
    }


def _together(book: Book, voices: Sequence[str]) -> Row:
    """Agreement of all voices, judges and raters, with intervals over drawn clusters."""
    units = [[book.vote(item, who) for who in voices] for item in book.items]
    clusters = book.cluster_of(book.items)
    alpha = krippendorff_alpha(units, clusters=clusters, draws=BOOTSTRAP)
    ac1 = gwet_ac1(units, clusters=clusters, draws=BOOTSTRAP)
    return {
        "alpha": figure(alpha.value),
        "alpha_interval": bounds(alpha.interval),
        "ac1": figure(ac1.value),
        "ac1_interval": bounds(ac1.interval),
    }


# --- panels --------------------------------------------------------------------------------------------------------


def _panel(book: Book, progress: Progress) -> tuple[dict[str, JsonValue], int, str]:
    """Panel figures, the gold labels a draw takes, and why there are none where there are none."""
    items = [item for item in book.items if item in book.labels]
    if len(book.judges) < 2:
        return {}, 0, "there is one judge"
    if len(items) < LEAST_LABELLED:
        return {}, 0, f"{len(items)} items have a label; weighing judges needs {LEAST_LABELLED}"
    if len(book.menu) != 2:
        return (
            {},
            0,
            f"weighing judges needs two verdicts, and the labels know {len(book.menu)}: {', '.join(book.menu)}",
        )
    gold = min(GOLD, len(items) // 2)
    progress.start("weighing judges by drawn gold labels", DRAWS)
    found = panel_figures(_ballots(book, items), progress, gold)
    progress.finish()
    return found, gold, ""


def _ballots(book: Book, items: Sequence[str]) -> Ballots:
    judges = tuple(sorted(book.judges))
    sign = {book.menu[0]: 1.0, book.menu[1]: -1.0, TIE: 0.0, None: np.nan}
    first = [[sign[_in_order(book, i, j, "as_is")] for j in judges] for i in items]
    swapped = [[sign[_in_order(book, i, j, "swapped")] for j in judges] for i in items]
    return Ballots(
        judges=judges,
        first_IJ=np.array(first),
        swapped_IJ=np.array(swapped),
        asked_IJ=np.array([[j in book.said[i] for j in judges] for i in items]),
        gold_I=np.array([sign[book.labels[i]] for i in items]),
        clusters=tuple(book.cluster_of(items)),
    )


def _in_order(book: Book, item: str, judge: str, order: str) -> str | None:
    """What the judge said in that order; a judge asked in one order only is taken to say the same in the other."""
    orders = book.said[item].get(judge, {})
    for asked, verdict in orders.items():
        if asked == order or len(orders) == 1:
            return verdict
    return None


# --- tables --------------------------------------------------------------------------------------------------------


def _sheets(judges: Mapping[str, Row], pairs: Sequence[Row], panel: Mapping[str, JsonValue], gold: int) -> list[Sheet]:
    headings = {
        "judge": "judge", "asked": "asked", "unscored": "unread", "steady": "steady",
        "votes_on_labelled": "votes", "accuracy": "right", "low": "low", "high": "high", "kappa": "kappa",
    }  # fmt: skip
    note = (
        "right: of the votes on labelled items, each cluster counting once. Unread verdicts, ties and items on which a "
        "judge said two things are no votes. steady: share of items with both orders on which it said one thing."
    )
    found = [Sheet.of("Judges", headings, [{"judge": name, **row} for name, row in judges.items()], note)]
    if pairs:
        found.append(Sheet(title="Who agrees with whom", columns=tuple(pairs[0]), rows=tuple(pairs)))
    if panel:
        found.append(_panel_sheet(panel, gold))
    return found


def _panel_sheet(panel: Mapping[str, JsonValue], gold: int) -> Sheet:
    words = {
        "best_single": "best judge alone", "best_single_judge": "", "majority": "majority",
        f"gold_weighted_{gold}": f"weighted by {gold} gold labels",
        f"best_single_by_{gold}": f"judge best on those {gold}",
        "effective_votes": "effective votes", "effective_votes_interval": "  95 % interval",
    }  # fmt: skip
    note = (
        f"A tie or no vote counts .5. Weights are learned on {gold} drawn gold labels and measured on the other items "
        f"({DRAWS} seeded draws); the best judge alone is chosen knowing every label."
    )
    rows = tuple({"": word, "panel": panel[name]} for name, word in words.items())
    return Sheet(title="Panel", columns=("", "panel"), rows=rows, note=note)
