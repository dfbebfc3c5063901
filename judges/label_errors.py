"""Finds the rows of a gold set whose label is probably wrong, so that people look at those again before the others.

Four things speak against a label: raters who said otherwise when the row was made, raters who said otherwise or flagged
it where it was planted in a study, judges who say otherwise, and a nearly equal row with another label. Each is turned
into log-odds, as independent witnesses would be; their sum ranks the rows. The score orders a queue and is no
calibrated probability: raters and judges err together.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from curation.dedup import fold
from curation.records import Record, canonical
from curation.store.gold import GoldItem
from curation.store.review_records import NO_REASON
from judges.near import near_equal

PRIOR = math.log(0.05 / 0.95)
"""A label nobody doubts is wrong about as often as labels of public test sets are: Northcutt, Athalye and Mueller
(2021) found 3.4 % on average and 6 % in one."""
WITNESS = math.log(0.75 / 0.25)
"""What one vote weighs when nobody measured whose it is: right three times out of four."""
LOUDEST = 3.0
"""A judge weighs at most this much (right 95 times of 100), so that one cannot outvote every rater."""
OPPOSITE = {"accept": "reject", "reject": "accept", "first": "second", "second": "first"}
TWIN = 0.9
FLAG = "flag"
REASON_SHOWN = 80

JudgeVotes = Mapping[str, Sequence[tuple[str, str]]]
"""For each row's id, what each judge said about what was judged: (judge, accept | reject | first | second)."""
CopyVotes = Mapping[str, Sequence[tuple[str, str, str | None]]]
"""For each row's id, what each rater said of a planted copy of it: (rater, said with the order undone, reason)."""
LabelOf = Callable[[GoldItem], str | None]


class Suspect(Record):
    """A row whose label something speaks against: how much (0 to 1, for ranking) and what, in words with numbers."""

    row: GoldItem
    score: float
    reasons: tuple[str, ...]


def label_errors(
    rows: Sequence[GoldItem],
    judges: JudgeVotes | None = None,
    weights: Mapping[str, float] | None = None,
    label_of: LabelOf | None = None,
    copies: CopyVotes | None = None,
) -> list[Suspect]:
    """The rows whose label anything speaks against, the most doubtful first.

    `weights` are log-odds of a judge being right, as gold gave them; a judge without one weighs as one witness.
    `label_of` says what counts as the label of a row nobody judged (default: its whole answer).
    """
    twins = _twins(rows, label_of or _whole)
    found: list[Suspect] = []
    for row in rows:
        told = [
            _raters(row),
            on_copies(row, (copies or {}).get(row.id, ())),
            _judges(row, (judges or {}).get(row.id, ()), weights or {}),
            twins.get(row.id, (0.0, "")),
        ]
        if reasons := tuple(words for _, words in told if words):
            odds = PRIOR + sum(weight for weight, _ in told)
            found.append(Suspect(row=row, score=round(1 / (1 + math.exp(-odds)), 4), reasons=reasons))
    return sorted(found, key=lambda s: (-s.score, s.row.id))


def _raters(row: GoldItem) -> tuple[float, str]:
    """The votes against the label less those for it; a vote for neither side counts half against it."""
    if row.judged is None:
        return 0.0, ""
    verdict, said = row.judged.verdict, Counter(row.judged.votes.values())
    against, unsure = said[OPPOSITE[verdict]], sum(said.values()) - said[verdict] - said[OPPOSITE[verdict]]
    if not against and not unsure:
        return -WITNESS * said[verdict], ""
    others = f", {unsure} neither" if unsure else ""
    words = f"{against} of {sum(said.values())} raters said {OPPOSITE[verdict]}, not {verdict}{others}"
    return WITNESS * (against + unsure / 2 - said[verdict]), words


def on_copies(row: GoldItem, votes: Sequence[tuple[str, str, str | None]]) -> tuple[float, str]:
    """The votes on planted copies against the label less those for it; one for neither side, or a flag, counts half.

    Whoever voted on the row itself is no second witness: of them a flag is told, and counts for nothing.
    """
    label, own = (row.judged.verdict, row.judged.votes) if row.judged else ("accept", {})
    heard = [said for rater, said, _ in votes if rater not in own]
    flags = [_in_a_line(reason or NO_REASON) for _, said, reason in votes if said == FLAG]
    against, agreed = heard.count(OPPOSITE[label]), heard.count(label)
    unsure = len(heard) - against - agreed
    neither = unsure - heard.count(FLAG)
    weight = WITNESS * (against + unsure / 2 - agreed)
    said = [f"{against} of {against + agreed + neither + len(flags)} raters of planted copies said {OPPOSITE[label]}"]
    said += [f"{neither} neither"] if neither else []
    said += [f"{len(flags)} flagged it: {', '.join(dict.fromkeys(flags))}"] if flags else []
    return weight, ", ".join(said) if against or neither or flags else ""


def _in_a_line(reason: str) -> str:
    """A rater's reason as a short line without control characters."""
    line = "".join(c for c in " ".join(reason.split()) if c.isprintable())
    return line if len(line) <= REASON_SHOWN else f"{line[: REASON_SHOWN - 1]}…"


def _judges(row: GoldItem, votes: Sequence[tuple[str, str]], weights: Mapping[str, float]) -> tuple[float, str]:
    """The judges' weighted votes against the label less those for it."""
    if row.judged is None or not votes:
        return 0.0, ""
    label = row.judged.verdict
    weighed = [(judge, said, min(LOUDEST, weights.get(judge, WITNESS))) for judge, said in votes]
    against = {judge: weight for judge, said, weight in weighed if said == OPPOSITE[label] and weight > 0}
    total = sum(against.values()) - sum(weight for _, said, weight in weighed if said == label)
    if not against:
        return total, ""
    of = sum(said in (label, OPPOSITE[label]) for _, said in votes)
    return total, f"{len(against)} of {of} judges say {OPPOSITE[label]}: {', '.join(sorted(against))}"


def _twins(rows: Sequence[GoldItem], label_of: LabelOf) -> dict[str, tuple[float, str]]:
    """For rows with nearly equal ones of another label: how many of them say otherwise, less those that agree."""
    labels = {row.id: label for row in rows if (label := _label(row, label_of)) is not None}
    clusters: dict[tuple[int, tuple[str, ...]], list[GoldItem]] = defaultdict(list)
    labelled = [row for row in rows if row.id in labels]
    for row, cluster in zip(labelled, near_equal([row.text for row in labelled], TWIN), strict=True):
        clusters[cluster, _shown(row)].append(row)
    found: dict[str, tuple[float, str]] = {}
    for alike in clusters.values():
        count = Counter(labels[row.id] for row in alike)
        if len(count) < 2:
            continue
        for row in alike:
            own = count[labels[row.id]] - 1
            other = next(r for r in alike if labels[r.id] != labels[row.id])
            words = f"nearly equal to {other.id}, which says {labels[other.id]}, not {labels[row.id]}"
            # One of the two must be wrong, so even a tie is evidence against both.
            found[row.id] = WITNESS * max(1.0, len(alike) - 1 - 2 * own), words
    return found


def _label(row: GoldItem, label_of: LabelOf) -> str | None:
    """The label of a row; of a pair, whether the answer that comes first in the alphabet is the better one."""
    if row.judged is None:
        return label_of(row)
    if len(row.judged.answers) == 1:
        return row.judged.verdict
    turned = fold(row.judged.answers[0]) > fold(row.judged.answers[1])
    return OPPOSITE[row.judged.verdict] if turned else row.judged.verdict


def _shown(row: GoldItem) -> tuple[str, ...]:
    """What people judged: one changed field makes a JSON answer another, however alike the two texts are."""
    return tuple(sorted(map(fold, row.judged.answers))) if row.judged else ()


def _whole(row: GoldItem) -> str | None:
    return None if row.answer is None else canonical(row.answer).decode()
