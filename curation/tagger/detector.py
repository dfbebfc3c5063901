"""The tagger as detectors: one per kind of name, each a view of the same find."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import ClassVar

from curation.detecting import BREAK, CUTS, Detector, Found, Point

_POINT: Point = "recall"


@cache
def trained() -> str:
    """Which training the shipped weights come from: other weights may find other names."""
    provenance = files("curation.tagger").joinpath("provenance.json").read_text(encoding="utf-8")
    return json.loads(provenance)["content_sha256"]


class NameDetector(Detector):
    """Finds one kind of name by the tagger; who runs several shares one `Tagger.find` between them."""

    kind: ClassVar[str]
    """The kind of `curation.tagger.names.Name` that this detector stands for."""

    def concerns(self, text: str) -> bool:
        """Only texts with letters or digits in them."""
        return len(text) > 1

    def __call__(self, text: str) -> Iterator[Found]:
        """The names of this kind, for `recall`; a score below the cut of `precision` says that they are not sure."""
        from curation.tagger.tagger import Tagger

        pieces = text.split(BREAK)
        at = 0
        for piece, names in zip(pieces, Tagger.load().find(pieces, _POINT), strict=True):
            for name in names:
                if name.kind == self.kind and name.score >= CUTS[_POINT]:
                    yield Found(at + name.start, at + name.end, name.score)
            at += len(piece) + len(BREAK)
