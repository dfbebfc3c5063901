"""The last look before a version teaches anybody: a row that equals or quotes a gold row of today never leaves.

Every run keeps what resembles gold out of the version it seals. Gold that came later is what this finds.
"""

from collections import Counter

import polars as pl

from curation.decontaminate import ProtectStep
from curation.errors import InputError
from curation.scrub.scrubber import Scrubber
from curation.store.gold import Gold
from curation.store.store import Store
from curation.task import ProtectTable, Task


def without_gold(store: Store, version: str, rows: pl.DataFrame, task: Task | None = None) -> pl.DataFrame:
    """The rows of a version that are about to teach somebody, checked against every gold set of today.

    Raises InputError naming set and count where a kept row resembles gold: the version must be made again, since its
    rows are sealed. Rows that were turned away, and that only a raw or control arm holds, are left out. With the
    task, gold texts are also compared the way its prompts read after scrubbing.
    """
    gold = Gold(store.state)
    texts = {name: [item.text for item in gold.items(name)] for name in gold.names()}
    if not texts:
        return rows
    if task is not None:
        scrubber = Scrubber.today(task.scrub, store.keys.scrub)
        texts = {name: [*some, *(scrubber.scrub(text).text for text in some)] for name, some in texts.items()}
    step = ProtectStep(_table(store, version), texts)
    decisions = step(rows).decisions
    alike = decisions["sample"].implode()
    if found := _sets(decisions, rows.filter((pl.col("state") == "kept") & pl.col("id").is_in(alike))):
        told = ", ".join(f"{n} of the gold set {name!r}" for name, n in found.items())
        raise InputError(
            f"version {version[:12]} holds rows that equal or quote gold rows: {told}. They became gold after it was "
            "sealed: `stillhouse run` asks nobody again and seals a version without them"
        )
    return rows.filter(~pl.col("id").is_in(alike))


def _table(store: Store, version: str) -> ProtectTable:
    """How long a run of words counted as quoting when the version was made."""
    described = (s for s in store.versions.manifest(version).steps if s.get("name") == "protected")
    ngram = next(described, {}).get("ngram")
    return ProtectTable(ngram=ngram) if isinstance(ngram, int) else ProtectTable()


def _sets(decisions: pl.DataFrame, kept: pl.DataFrame) -> dict[str, int]:
    """How many kept rows resemble each set."""
    about = decisions.filter(pl.col("sample").is_in(kept["id"].implode()))
    names = about["evidence"].str.json_path_match("$.set")
    return dict(sorted(Counter(name for name in names if name is not None).items()))
