"""Maps of versions as files: named by what they are made of, made once, and telling how far they are meanwhile."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import polars as pl
from filelock import FileLock, Timeout
from pydantic import ValidationError

from curation.errors import StoreBusy
from curation.records import Record, canonical, digest
from curation.store.durable import write_durably
from curation.store.layout import Layout

Of = Literal["prompt", "answer"]
Method = Literal["meaning", "wording"]
POINTS = {
    "chunk": pl.UInt32, "place": pl.UInt32, "x": pl.Float32, "y": pl.Float32, "cluster": pl.UInt16, "state": pl.String,
}  # fmt: skip
"""A sample on a map: where it lies in the version, where on the plane, in which cluster (from 1)."""
FORM = 1
"""Counted up when maps are drawn in another way, so that none is mistaken for one drawn before."""


class MapWanted(Record):
    """What a map is made of: nothing else decides how it looks."""

    version: str
    of: Of = "prompt"
    method: Method = "wording"
    points: int = 20_000
    seed: int = 0

    @property
    def key(self) -> str:
        """The name of the map."""
        return digest({**self.model_dump(), "form": FORM})[:16]


class MapCluster(Record):
    """Samples that lie together: its number, the words most telling of it, how many, and its middle."""

    number: int
    name: str
    size: int
    x: float
    y: float


class MapFacts(Record):
    """What a map says of itself; `total` is how many samples of the version have a text that could be drawn."""

    wanted: MapWanted
    drawn: int
    total: int
    clusters: tuple[MapCluster, ...]


class HowFar(Record):
    """How far the drawing of a map is: the stage, and so many of so many."""

    what: str
    done: int
    of: int


@dataclass(frozen=True)
class SampleMap:
    """A map: what it says of itself, and its points (schema POINTS)."""

    facts: MapFacts
    points: pl.DataFrame


class Maps:
    """The maps of one workspace."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.house / "maps"
        self._locks = layout.locks

    def find(self, wanted: MapWanted) -> SampleMap | None:
        """A map that was drawn; None where it was not, or cannot be read any more."""
        facts = self._facts(self._folder / f"{wanted.key}.json")
        if facts is None:
            return None
        try:
            return SampleMap(facts, pl.read_parquet(self._folder / f"{wanted.key}.parquet"))
        except (OSError, pl.exceptions.PolarsError):
            return None

    def of_version(self, version: str) -> list[MapFacts]:
        """What the maps of a version say of themselves, by name."""
        found = [self._facts(path) for path in sorted(self._folder.glob("*.json"))]
        return [facts for facts in found if facts is not None and facts.wanted.version == version]

    def _facts(self, path: Path) -> MapFacts | None:
        try:
            return MapFacts.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, made: SampleMap) -> None:
        """Write a map; the points first, so that what is found is whole."""
        key, packed = made.facts.wanted.key, BytesIO()
        made.points.write_parquet(packed)
        write_durably(self._folder / f"{key}.parquet", packed.getvalue())
        write_durably(self._folder / f"{key}.json", canonical(made.facts.model_dump(mode="json")))
        self._told(key).unlink(missing_ok=True)

    @contextmanager
    def drawing(self, wanted: MapWanted) -> Generator[None]:
        """Whoever draws a map holds it, so that nobody draws it twice; StoreBusy while somebody else does."""
        try:
            with FileLock(self._lock(wanted.key), timeout=0):
                yield
        except Timeout as error:
            raise StoreBusy("this map is being drawn already; wait for it") from error

    def being_drawn(self, wanted: MapWanted) -> bool:
        """Whether a living process is drawing it."""
        try:
            with self.drawing(wanted):
                return False
        except StoreBusy:
            return True

    def tell(self, wanted: MapWanted, far: HowFar) -> None:
        """Say how far the drawing is, for whoever waits in another process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._told(wanted.key)
        temporary = path.with_suffix(".told.tmp")
        temporary.write_text(json.dumps(far.model_dump()), encoding="utf-8")
        temporary.replace(path)

    def told(self, wanted: MapWanted) -> HowFar | None:
        """How far it was when last heard of."""
        try:
            return HowFar.model_validate_json(self._told(wanted.key).read_bytes())
        except (OSError, ValidationError):
            return None

    def _told(self, key: str) -> Path:
        return self._folder / f"{key}.told"

    def _lock(self, key: str) -> Path:
        return self._locks / f"map-{key}.lock"
