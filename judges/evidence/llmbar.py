"""LLMBar: every published figure of its judges recomputed from their verdicts, and what panels of them are worth."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from curation.errors import InputError
from curation.progress import Progress
from curation.shares import percent
from judges.agreement import cohen_kappa
from judges.evidence.findings import Cell, Findings, Row, Sheet, figure
from judges.evidence.llmbar_pairs import BETWEEN, Pair, read_pairs, read_published
from judges.evidence.llmbar_published import compared_cells
from judges.evidence.voting import DRAWS, GOLD, Ballots, judge_figures, no_figures, panel_figures

FIRST_CHOICES = ("Vanilla_NoRules", "Vanilla")
"""Prompt strategies that panel figures prefer where as many judges have them as any other."""
NEARLY_ALL = 0.9
"""A judge has a strategy when it was asked about this share of the group's pairs."""
SIGNS = {"1": 1.0, "2": -1.0, "0": 0.0, "tie": 0.0}
"""What a verdict may be; null and any other word is unscored, never a vote."""
GOLD_SIGNS = {"1": 1.0, "2": -1.0}


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare every published figure whose verdicts are there, then measure panels per group of subsets."""
    pairs = read_pairs(folder)
    absent: list[str] = []
    published = read_published(folder, absent)
    by_evaluator: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_evaluator[pair.evaluator].append(pair)
    cells = {name: compared_cells(name, published.get(name, {}), rows) for name, rows in by_evaluator.items()}
    absent += [f"verdicts of {name}" for name in published if name not in by_evaluator]
    if published:
        absent += [f"published figures of {name}" for name in by_evaluator if name not in published]
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[group_of(pair.subset)].append(pair)
    progress.start("weighing judges by drawn gold labels", DRAWS * len(groups))
    figures = {name: _group(rows, progress) for name, rows in sorted(groups.items())}
    progress.finish()
    return Findings(
        name="llmbar",
        cells=tuple(c for found in cells.values() for c in found),
        figures=dict(figures),
        sheets=(*_published_sheets(cells), *_judges_sheets(figures), _panels_sheet(figures)),
        absent=tuple(absent),
    )


def group_of(subset: str) -> str:
    """The group a subset belongs to.

    >>> group_of("LLMBar/Adversarial/Neighbor"), group_of("Processed/MT-Bench"), group_of("LLMBar/Natural")
    ('Adversarial', 'Processed', 'Natural')
    """
    parts = [part for part in re.split(r"[/\\]", subset) if part]
    while len(parts) > 1 and parts[0].casefold() in {"dataset", "llmbar"}:
        parts = parts[1:]
    return parts[0] if parts else subset


def strategy_of(pairs: Sequence[Pair]) -> str:
    """The prompt strategy that most judges have for the whole group; `FIRST_CHOICES` win a tie, then the alphabet."""
    items = len({(p.subset, p.item) for p in pairs})
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for pair in pairs:
        counts[pair.strategy][pair.judge] += 1

    def rank(strategy: str) -> tuple[int, int, int, str]:
        of_judge = counts[strategy].values()
        place = FIRST_CHOICES.index(strategy) if strategy in FIRST_CHOICES else len(FIRST_CHOICES)
        return (-sum(n >= NEARLY_ALL * items for n in of_judge), -len(of_judge), place, strategy)

    return min(counts, key=rank)


def ballots_of(pairs: Sequence[Pair]) -> Ballots:
    """The verdicts of one strategy as a table of items and judges; InputError where rows disagree about a label."""
    gold: dict[tuple[str, str], str] = {}
    for p in pairs:
        if gold.setdefault((p.subset, p.item), p.label) != p.label:
            raise InputError(f"item {p.item} of {p.subset} has two labels: {gold[p.subset, p.item]} and {p.label}")
    items = [key for key, label in gold.items() if label in GOLD_SIGNS]
    place = {key: i for i, key in enumerate(items)}
    judges = tuple(sorted({p.judge for p in pairs}))
    shape = (len(items), len(judges))
    first_IJ, swapped_IJ = np.full(shape, np.nan), np.full(shape, np.nan)
    asked_IJ = np.zeros(shape, dtype=bool)
    for p in pairs:
        if (i := place.get((p.subset, p.item))) is not None:
            j = judges.index(p.judge)
            first_IJ[i, j], swapped_IJ[i, j] = _sign(p.winner_as_is), _sign(p.winner_swapped)
            asked_IJ[i, j] = True
    gold_I = np.array([GOLD_SIGNS[gold[key]] for key in items])
    return Ballots(judges, first_IJ, swapped_IJ, asked_IJ, gold_I, tuple("#".join(key) for key in items))


def _sign(verdict: str | None) -> float:
    return np.nan if verdict is None else SIGNS.get(verdict.strip().lower(), np.nan)


def _group(pairs: Sequence[Pair], progress: Progress) -> dict[str, JsonValue]:
    strategy = strategy_of(pairs)
    chosen = [p for p in pairs if p.strategy == strategy]
    ballots = ballots_of(chosen)
    figures = panel_figures(ballots, progress) if len(ballots.gold_I) else no_figures()
    return {
        **figures,
        "items": len({(p.subset, p.item) for p in pairs}),
        "labelled_items": len(ballots.gold_I),
        "subsets": [*sorted({p.subset for p in pairs})],
        "strategy": strategy,
        "judges": {judge: _judge(ballots, j) for j, judge in enumerate(ballots.judges)},
        "judges_without_this_strategy": [*sorted({p.judge for p in pairs} - set(ballots.judges))],
        "verdicts": 2 * len(pairs),
        "unscored": sum(bool(np.isnan(_sign(w))) for p in pairs for w in (p.winner_as_is, p.winner_swapped)),
    }


def _judge(ballots: Ballots, j: int) -> Row:
    """A judge's figures with a kappa of its single verdicts and the labels, unscored ones left out."""
    said = np.concatenate([ballots.first_IJ[:, j], ballots.swapped_IJ[:, j]])
    readable = ~np.isnan(said)
    kappa = cohen_kappa(said[readable].tolist(), np.tile(ballots.gold_I, 2)[readable].tolist())
    return {**judge_figures(ballots, j), "kappa": figure(kappa)}


# --- tables --------------------------------------------------------------------------------------------------------


def _published_sheets(cells: Mapping[str, Sequence[Cell]]) -> list[Sheet]:
    """A table per subset: mean accuracy of both orders, published and ours, and how many of all figures are equal."""
    by_subset: dict[str, list[Row]] = defaultdict(list)
    for name, found in sorted(cells.items()):
        if found:
            subset, _, evaluator = name.partition(f"/{BETWEEN}/")
            average = next((c for c in found if c.name.endswith(" correct_average")), None)
            by_subset[subset].append(
                {
                    "evaluator": evaluator,
                    "published": _short(average.published if average else ""),
                    "ours": _short(average.ours if average else ""),
                    "equal figures": f"{sum(c.equal for c in found)} of {len(found)}",
                }
            )
    columns = ("evaluator", "published", "ours", "equal figures")
    return [Sheet(title=f"{subset}: mean accuracy of both orders", columns=columns, rows=tuple(rows))
            for subset, rows in by_subset.items()]  # fmt: skip


def _short(text: str) -> str:
    """A published percentage with two digits, so that a table fits; anything else as it is."""
    number = text.removesuffix("%")
    return percent(float(number) / 100, ".2f") if re.fullmatch(r"[0-9.]+", number) else text


def _judges_sheets(figures: Mapping[str, Mapping[str, JsonValue]]) -> list[Sheet]:
    headings = {
        "judge": "judge", "asked": "asked", "unscored": "unread", "single_order": "one order",
        "swap_consistent": "both orders", "swap_gain": "gain", "coverage": "on share", "all_pairs": "all pairs",
    }  # fmt: skip
    note = (
        "Accuracy of single verdicts (one order) and of those that both orders agree on (both orders), with the gain "
        "and the share of pairs on which they do. all pairs: a tie or no vote counts .5. unread: pairs with a verdict "
        "that could not be read, which is no vote here; in the published figures it counts as wrong."
    )
    sheets: list[Sheet] = []
    for group, found in figures.items():
        of_judge = found["judges"]
        if isinstance(of_judge, dict):
            rows = [{"judge": judge, **row} for judge, row in of_judge.items() if isinstance(row, dict)]
            sheets.append(Sheet.of(f"{group}: judges alone, {found['strategy']}", headings, rows))
    return [*sheets[:-1], *(sheet.model_copy(update={"note": note}) for sheet in sheets[-1:])]


def _panels_sheet(figures: Mapping[str, Mapping[str, JsonValue]]) -> Sheet:
    words = {
        "items": "pairs", "strategy": "prompt strategy", "best_single": "best judge alone", "best_single_judge": "",
        "majority": "majority", f"gold_weighted_{GOLD}": f"weighted by {GOLD} gold labels",
        f"best_single_by_{GOLD}": f"judge best on those {GOLD}", "effective_votes": "effective votes",
        "effective_votes_interval": "  95 % interval",
    }  # fmt: skip
    rows = tuple({"": word, **{group: found[name] for group, found in figures.items()}} for name, word in words.items())
    note = (
        f"Votes are swap-consistent verdicts, a tie or no vote counts .5. Figures of {GOLD} gold labels are means of "
        f"{DRAWS} seeded draws, measured on the other pairs; the best judge alone is chosen knowing every label."
    )
    return Sheet(title="Panels", columns=("", *figures), rows=rows, note=note)
