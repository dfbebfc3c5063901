"""Simulated panels of known accuracy, and the published verdicts of four judges on pairs that people ruled on."""

import json
from collections import defaultdict

import numpy as np
from scipy.special import ndtri

from judges.aggregate import fit, majority_sign, weighted_sign
from judges.qualify import Rules, VoteTable
from judges.weighing import score


def panel(rng, accuracies, n, correlation=0.0):
    """Votes and gold of `n` items; errors share a Gaussian common cause and keep each judge's accuracy."""
    k = len(accuracies)
    cause_NK = np.sqrt(correlation) * rng.standard_normal((n, 1)) + np.sqrt(1 - correlation) * rng.standard_normal(
        (n, k)
    )
    gold_N = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    wrong_NK = cause_NK < ndtri(1 - np.asarray(accuracies))
    return np.where(wrong_NK, -gold_N[:, None], gold_N[:, None]), gold_N


def table(votes, gold, judges=None, **more):
    """A table of one slice, each row its own cluster."""
    votes, gold = np.asarray(votes, dtype=float), np.asarray(gold, dtype=float)
    names = judges or tuple("abcdefgh"[: votes.shape[1]])
    more = {"clusters": tuple(f"c{i}" for i in range(len(gold))), "slices": (None,) * len(gold), **more}
    return VoteTable(judges=tuple(names), votes_IJ=votes, gold_I=gold, **more)


def drawn(votes, gold, rng, n_gold, rules=Rules(), judges=None):  # noqa: B008 - rules are frozen
    """Fit on `n_gold` drawn rows; accuracies on the rest, where no decision counts one half."""
    order = rng.permutation(len(gold))
    seen, rest = order[:n_gold], order[n_gold:]
    found = fit(table(votes[seen], gold[seen], judges), rules)

    def right(sign):
        return float(score(sign, gold[rest]).mean())

    alone = {name: right(votes[rest, j]) for j, name in enumerate(found.weights)}
    return {
        "panel": right(weighted_sign(votes[rest], np.array(list(found.weights.values())))),
        "uniform": right(majority_sign(votes[rest])),
        "best_on_gold": alone.get(found.best_judge or "", 0.5),
        "alone": alone,
        "fit": found,
    }


def llmbar_people(folder, strategy):
    """LLMBar's pairs with people's rulings: swap-consistent votes, votes in either order, gold, the judges."""
    judges = ("GPT-4", "ChatGPT", "LLaMA2", "PaLM2")
    gold, as_is, swapped = {}, defaultdict(dict), defaultdict(dict)
    side = {"1": 1.0, "2": -1.0}
    with (folder / "llmbar" / "judgments_compact.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["subset"].startswith("Processed/") and row["strategy"] == strategy:
                key = (row["subset"], row["item"])
                gold[key] = side[row["label"]]
                as_is[key][row["judge"]] = side.get(row["winner_as_is"], np.nan)
                swapped[key][row["judge"]] = side.get(row["winner_swapped"], np.nan)
    first, second = (np.array([[o[k][j] for j in judges] for k in sorted(gold)]) for o in (as_is, swapped))
    votes = np.where(first == second, first, np.nan)
    return votes, (first, second), np.array([gold[k] for k in sorted(gold)]), judges
