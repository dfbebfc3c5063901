"""Draws the map of a version: some of its samples by chance, their texts as vectors, clusters, places on a plane."""

from collections.abc import Sequence
from time import monotonic

import numpy as np
import polars as pl

from curation.atlas import clusters, hashed, plane
from curation.atlas.hashed import Floats
from curation.llm import embed
from curation.progress import Progress, Silent
from curation.store.maps import POINTS, HowFar, MapCluster, MapFacts, Maps, MapWanted, Method, SampleMap
from curation.store.query import Query
from curation.store.store import Store

MOST = 50_000
"""Points of a map at most: every one is compared with every other."""
LONGEST = 2_000
"""Characters of a text that are looked at."""
_TEXTS = {
    "prompt": "list_extract(list_filter(messages, lambda m: m.role = 'user'), -1).content",
    "answer": "answer",
}
_EVERY_SECONDS = 0.5


def best_method() -> Method:
    """By meaning where the sentence model is installed, else by wording."""
    return "wording" if embed.missing() else "meaning"


def words_of(facts: MapFacts) -> str:
    """What a map shows and by what it was drawn, in two sentences."""
    what = {"prompt": "what was last asked", "answer": "the answer"}[facts.wanted.of]
    how = {
        "meaning": f"Near means alike in meaning, by the sentence model {embed.MODEL}.",
        "wording": "Near means alike in wording, by the character sequences two texts share; no model was asked.",
    }[facts.wanted.method]
    if facts.drawn == facts.total:
        return f"Every dot is {what} of a sample, {facts.drawn:,} in all. {how}"
    return f"Every dot is {what} of a sample: {facts.drawn:,} of {facts.total:,}, drawn by chance. {how}"


def draw_map(store: Store, wanted: MapWanted, progress: Progress | None = None) -> SampleMap:
    """The map, drawn now or found drawn; the same version and settings give the same map.

    StoreBusy while another process draws it, MissingExtra where it is to be by meaning and the model is not installed.
    """
    maps = Maps(store.layout)
    if found := maps.find(wanted):
        return found
    with maps.drawing(wanted):
        watched = _Watched(maps, wanted, progress or Silent())
        rows, total = _drawn_rows(store, wanted, watched)
        made = SampleMap(*_made(wanted, rows, total, watched))
        maps.keep(made)
    return made


def _drawn_rows(store: Store, wanted: MapWanted, watched: "_Watched") -> tuple[pl.DataFrame, int]:
    """chunk, place, state, text of the samples drawn, in plan order, and how many there were to draw from."""
    text = _TEXTS[wanted.of]
    watched.start("reading", 2)
    with Query(store, wanted.version) as query:
        there = query.sql(f"SELECT chunk, place FROM placed WHERE length({text}) > 0 ORDER BY chunk, place")
        watched.advance()
        if there.height > wanted.points:
            chosen = np.random.default_rng(wanted.seed).choice(there.height, wanted.points, replace=False)
            picked = there[np.sort(chosen)]
        else:
            picked = there
        marks = (picked["chunk"].cast(pl.Int64) * 2**32 + picked["place"].cast(pl.Int64)).to_list()
        rows = query.sql(
            f"SELECT chunk, place, state, substring({text}, 1, {LONGEST:d}) AS text FROM placed "
            "WHERE chunk::BIGINT * 4294967296 + place IN (SELECT unnest($marks::BIGINT[])) ORDER BY chunk, place",
            {"marks": marks},
        )
    watched.finish()
    return rows, there.height


def _made(
    wanted: MapWanted, rows: pl.DataFrame, total: int, watched: "_Watched"
) -> tuple[MapFacts, pl.DataFrame]:  # fmt: skip
    texts = rows["text"].to_list()
    if not texts:
        points = pl.DataFrame(schema=POINTS)
        return MapFacts(wanted=wanted, drawn=0, total=total, clusters=()), points
    vectors = _vectors(wanted, texts, watched)
    watched.start("clusters", 1)
    found = clusters.clusters(vectors, clusters.number_for(len(texts)), wanted.seed)
    named = clusters.names(texts, found)
    watched.finish()
    watched.start("places", plane.ROUNDS)
    at = plane.placed(vectors, wanted.seed, lambda done, of: watched.advance())
    watched.finish()
    points = rows.select("chunk", "place", "state").with_columns(
        x=pl.Series(at[:, 0]), y=pl.Series(at[:, 1]), cluster=pl.Series(found + 1)
    )
    middles = points.group_by("cluster").agg(pl.len(), pl.col("x", "y").median()).sort("cluster")
    told = tuple(
        MapCluster(number=int(c), name=named[int(c) - 1], size=int(n), x=round(float(x), 4), y=round(float(y), 4))
        for c, n, x, y in middles.iter_rows()
    )
    facts = MapFacts(wanted=wanted, drawn=len(texts), total=total, clusters=told)
    return facts, points.select(list(POINTS)).cast(pl.Schema(POINTS))


def _vectors(wanted: MapWanted, texts: Sequence[str], watched: "_Watched") -> Floats:
    watched.start("vectors", len(texts))
    if wanted.method == "wording":
        found = hashed.vectors(texts, wanted.seed)
    else:
        before = 0

        def tell(done: int, of: int) -> None:
            nonlocal before
            watched.advance(done - before)
            before = done

        found = embed.embedded(texts, tell)
    watched.finish()
    return found


class _Watched:
    """Tells one process's progress to whoever watches it, and a little more slowly to the file others read."""

    def __init__(self, maps: Maps, wanted: MapWanted, progress: Progress) -> None:
        self._maps, self._wanted, self._progress = maps, wanted, progress
        self._what, self._done, self._of, self._said = "", 0, 0, 0.0

    def start(self, what: str, of: int) -> None:
        """A stage begins."""
        self._what, self._done, self._of = what, 0, of
        self._progress.start(what, of)
        self._tell()

    def advance(self, n: int = 1) -> None:
        """So many more are done."""
        self._done += n
        self._progress.advance(n)
        if monotonic() - self._said > _EVERY_SECONDS:
            self._tell()

    def finish(self) -> None:
        """The stage is over."""
        self._progress.finish()

    def _tell(self) -> None:
        self._said = monotonic()
        self._maps.tell(self._wanted, HowFar(what=self._what, done=self._done, of=self._of))
