"""The map of a version on the Samples page: begun in a process of its own, and a part of it as a filter.

A part of a map is written `KEY:3` (the third cluster) or `KEY:x,x,y,y` (a rectangle), with the beginning of the map's
name. A map never changes, so neither does what an address with such a part finds.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curation.atlas.drawing import best_method
from curation.store.layout import Layout
from curation.store.maps import MapFacts, Maps, MapWanted, Method, Of, SampleMap
from curation.store.store import Store

_SHORT = 8
_NUMBER = r"-?\d+(?:\.\d+)?"
_PART = re.compile(rf"([0-9a-f]{{{_SHORT}}}):(?:(\d+)|({_NUMBER}(?:,{_NUMBER}){{3}}))")


@dataclass(frozen=True)
class Part:
    """A part of a map: what it is in words, and where its samples lie."""

    words: str
    marked: bytes


def wanted_of(version: str, of: Of, method: Method | None = None) -> MapWanted:
    """The map that is drawn where nobody asks for another size or seed."""
    return MapWanted(version=version, of=of, method=method or best_method())


def known(store: Store, version: str) -> list[MapFacts]:
    """The maps of a version that were drawn."""
    return Maps(store.layout).of_version(version)


def written(
    found: SampleMap, *, cluster: int | None = None, box: tuple[float, float, float, float] | None = None
) -> str:
    """A part of a map as it stands in an address."""
    key = found.facts.wanted.key[:_SHORT]
    if cluster is not None:
        return f"{key}:{cluster}"
    return f"{key}:{','.join(f'{edge:.4f}' for edge in box or ())}"


def part_of(store: Store, version: str, text: str) -> Part | None:
    """The part of a map that an address names; None where there is no such map or it cannot be read."""
    read = _PART.fullmatch(text)
    if read is None:
        return None
    facts = next((f for f in known(store, version) if f.wanted.key.startswith(read[1])), None)
    found = Maps(store.layout).find(facts.wanted) if facts else None
    if found is None:
        return None
    if read[2]:
        return _cluster(found, int(read[2]))
    return _box(found, [float(edge) for edge in read[3].split(",")])


def _cluster(found: SampleMap, number: int) -> Part:
    name = next((c.name for c in found.facts.clusters if c.number == number), "unknown")
    inside = found.points.filter(pl.col("cluster") == number)
    return Part(f"cluster {number} ({name})", _marked(inside)) if inside.height else Part(f"cluster {number}", b"")


def _box(found: SampleMap, edges: list[float]) -> Part:
    (left, right), (low, high) = sorted(edges[:2]), sorted(edges[2:])
    inside = found.points.filter(pl.col("x").is_between(left, right), pl.col("y").is_between(low, high))
    return Part("a rectangle of the map", _marked(inside))


def _marked(points: pl.DataFrame) -> bytes:
    marks = points["chunk"].cast(pl.Int64) * 2**32 + points["place"].cast(pl.Int64)
    return marks.to_numpy().astype(np.int64).tobytes()


def box_of(state: Any) -> tuple[float, float, float, float] | None:
    """The rectangle drawn on the chart, from what the chart says is selected; None where there is none."""
    areas = (state or {}).get("selection", {}).get("areas", [])
    spans = areas[-1].get("coord_range") if areas else None
    match spans:
        case [[x, x_end], [y, y_end]]:
            return float(x), float(x_end), float(y), float(y_end)
        case _:
            return None


# --- the picture -----------------------------------------------------------------------------------------------


def spec_of(found: SampleMap, colours: list[str]) -> dict[str, Any]:
    """The picture: a cloud of dots for each cluster with its number in the middle, and a rectangle to draw on it."""
    parts = [found.points.filter(pl.col("cluster") == c.number).select("x", "y") for c in found.facts.clusters]
    axis = {"type": "value", "show": False, "min": -1.05, "max": 1.05}
    dots = [
        {
            "type": "scatter", "datasetIndex": place, "encode": {"x": "x", "y": "y"}, "symbolSize": _size(found),
            "itemStyle": {"opacity": 0.55, "color": colours[place % len(colours)]},
            "large": True, "largeThreshold": 2_000, "silent": True, "animation": False,
        }
        for place in range(len(parts))
    ]  # fmt: skip
    return {
        "animation": False,
        "grid": {"left": 4, "right": 4, "top": 34, "bottom": 4},
        "xAxis": axis,
        "yAxis": axis,
        "dataset": [{"source": part} for part in parts],
        "series": [*dots, _numbers(found)],
        "brush": {"toolbox": ["rect", "clear"], "xAxisIndex": 0, "yAxisIndex": 0, "throttleType": "debounce",
                  "throttleDelay": 300, "seriesIndex": len(parts)},
        "toolbox": {"left": 0, "top": 0, "itemSize": 18, "feature": {"brush": {"type": ["rect", "clear"],
                    "title": {"rect": "Draw a rectangle", "clear": "Take it away"}}}},
    }  # fmt: skip


def _size(found: SampleMap) -> float:
    return 3.0 if found.points.height > 5_000 else 5.0 if found.points.height > 500 else 8.0


def _numbers(found: SampleMap) -> dict[str, Any]:
    """The clusters' numbers, each in the middle of its dots."""
    middles = [{"value": [c.x, c.y], "name": str(c.number)} for c in found.facts.clusters]
    label = {"show": True, "formatter": "{b}", "fontSize": 13, "fontWeight": "bold", "color": "#FFFFFF",
             "backgroundColor": "#14201ECC", "padding": [2, 6], "borderRadius": 8}  # fmt: skip
    return {"type": "scatter", "data": middles, "symbolSize": 1, "label": label, "silent": True, "z": 5}


# --- drawing it ------------------------------------------------------------------------------------------------


def begin(root: Path, wanted: MapWanted) -> "subprocess.Popen[bytes]":
    """Draw a map in a process of its own, as the command does; raters' pages stay quick meanwhile."""
    folder = Layout(root).house / "maps"
    folder.mkdir(parents=True, exist_ok=True)
    line = [sys.executable, "-m", "dashboard.cli.main", "-C", str(root), "map", wanted.version, "--of", wanted.of,
            "--by", wanted.method, "--points", str(wanted.points), "--seed", str(wanted.seed)]  # fmt: skip
    with (folder / f"{wanted.key}.log").open("wb") as log:
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)


def trouble(root: Path, wanted: MapWanted) -> str:
    """The last line that a drawing which ended without a map had to say."""
    path = Layout(root).house / "maps" / f"{wanted.key}.log"
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    return lines[-1] if lines else "it said nothing"
