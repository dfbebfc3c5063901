"""XSum factuality: Fleiss' kappa of three raters on the summaries all of them judged; nothing missing is made up."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import ConfigDict

from curation.progress import Progress
from curation.records import Record
from judges.agreement import fleiss_kappa, krippendorff_alpha
from judges.evidence.findings import Findings, Sheet, bounds, compared, figure
from judges.evidence.reading import lines_of, required

FILE = "factuality_annotations_xsum_summaries.csv"
RATERS = 3
DRAWS = 400
"""Bootstrap draws over documents: several systems summarised each of them, so their items err together."""
MENU = ("yes", "no")
"""What a rater may say; NULL and anything else is a missing vote."""


class Vote(Record):
    """One rater's vote on one summary."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bbcid: str
    system: str
    is_factual: str
    worker_id: str


def replay(folder: Path, progress: Progress) -> Findings:
    """Compare the published Fleiss kappa and the counts of what is missing; InputError where the file is absent."""
    votes = lines_of(required(folder / FILE), Vote)
    by_summary: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for vote in votes:
        said = vote.is_factual.strip().lower()
        by_summary[vote.bbcid, vote.system].append(said if said in MENU else None)
    units = list(by_summary.values())
    missing = sum(v is None for unit in units for v in unit)
    few = sum(len(unit) < RATERS for unit in units)
    complete = sum(len(unit) == RATERS and None not in unit for unit in units)
    documents = [document for document, _ in by_summary]
    kappa = fleiss_kappa(units, clusters=documents, draws=DRAWS)
    alpha = krippendorff_alpha(units, clusters=documents, draws=DRAWS)
    cells = compared(
        [
            ("Fleiss' kappa on complete items", "0.774", kappa.value),
            ("complete items", "1848", complete),
            ("null votes, not imputed", "33", missing),
            ("items with two raters, left out", "10", sum(len(unit) == 2 for unit in units)),
        ]
    )
    kinds = Counter(_kind(unit) for unit in units)
    return Findings(
        name="xsum",
        cells=cells,
        figures={
            "votes": len(votes),
            "items": len(units),
            "complete_items": complete,
            "null_votes": missing,
            "items_with_fewer_raters": few,
            "fleiss_kappa": figure(kappa.value),
            "fleiss_interval": bounds(kappa.interval),
            "krippendorff_alpha_of_all": figure(alpha.value),
            "krippendorff_interval": bounds(alpha.interval),
            "items_with_two_or_more_votes": alpha.units,
        },
        sheets=(
            Sheet(
                title="What the raters said of an item",
                columns=("votes", "items"),
                rows=tuple({"votes": kind, "items": n} for kind, n in kinds.most_common()),
                note="Krippendorff's alpha uses every item with two votes or more, so it needs no complete items.",
            ),
        ),
    )


def _kind(unit: Sequence[str | None]) -> str:
    return " ".join(sorted("null" if v is None else v for v in unit))
