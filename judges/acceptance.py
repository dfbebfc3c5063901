"""How many of the kept samples people would accept: a few labels of people, aided by the judges' verdicts on all."""

import json
from math import nan

import polars as pl
from pydantic import JsonValue

from curation.records import Record
from curation.shares import percent
from curation.store.reviews import Reviews, Study
from curation.store.store import Store
from curation.store.waves import Waves
from judges.gold_rows import rows_of_study
from judges.ppi import PpiEstimate, ppi_mean

LEAST = 2
"""Groups of reviewed samples that an interval needs."""


class Acceptance(Record):
    """The share of a version's kept, judged samples that people would accept, estimated from one closed study."""

    study: str
    version: str
    estimate: PpiEstimate

    @property
    def words(self) -> str:
        """The estimate as a sentence."""
        e = self.estimate
        alone = f"people alone [{100 * e.human_only.low:.0f}, {100 * e.human_only.high:.0f}]"
        aid = f"aided by the judges, {alone}" if e.aided else e.why
        return (
            f"People would accept {percent(e.mean)} [{100 * e.low:.0f}, {100 * e.high:.0f}] of the {e.total:,} kept "
            f"samples of version {self.version[:12]} (study {self.study!r}, {e.n} labels; {aid})"
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """For `judges show --json`."""
        return self.model_dump(mode="json")


def acceptance(store: Store) -> Acceptance | None:
    """The estimate from the newest closed accept-or-reject study; None where there is none that allows one.

    A sample that was drawn with a probability nobody kept is in no estimate; then there is none.
    """
    here = set(store.versions.list())  # a study of gold rows, or one rated elsewhere, is of no version
    waves = Waves(store.state).studies()  # these see only what was new
    studies = [s for s in Reviews(store.state).studies() if s.name not in waves]
    closed = [s for s in studies if s.closed is not None and s.kind == "single" and s.version in here]
    for study in reversed(closed):
        if (found := _from(store, study)) is not None:
            return found
    return None


def _from(store: Store, study: Study) -> Acceptance | None:
    rows = {row.sample: row.judged for row in rows_of_study(store, study).rows if row.judged is not None}
    if any(judged.probability is None for judged in rows.values()):
        return None
    scores = _scores(store.versions.decisions(study.version))
    kept = store.versions.samples(study.version).filter((pl.col("state") == "kept") & pl.col("id").is_in(list(scores)))
    items = kept.select("id", cluster=pl.coalesce("group", "prompt_id")).rows()
    if len({cluster for ident, cluster in items if ident in rows}) < LEAST:
        return None
    judged = [rows.get(ident) for ident, _ in items]
    estimate = ppi_mean(
        [nan if j is None else float(j.verdict == "accept") for j in judged],
        [scores[ident] for ident, _ in items],
        clusters=[cluster for _, cluster in items],
        probabilities=[1.0 if j is None or j.probability is None else j.probability for j in judged],
    )
    return Acceptance(study=study.name, version=study.version, estimate=estimate)


def _scores(decisions: pl.DataFrame) -> dict[str, float]:
    """What the judges said of each sample they were asked about, from 0 to 1; NaN where nothing could be read."""
    asked = decisions.filter((pl.col("step") == "judges") & pl.col("evidence").is_not_null())
    return {
        ident: _share(evidence) if number is None else number
        for ident, number, evidence in asked.select("sample", "number", "evidence").iter_rows()
    }


def _share(evidence: str) -> float:
    said = [v["vote"] for v in json.loads(evidence)["votes"] if v["vote"] != "unscored"]
    return said.count("accept") / len(said) if said else nan
