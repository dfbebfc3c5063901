"""Fills templates with values: texts whose names and addresses are known to the letter."""

import math
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

from curation.tagger import everyday
from curation.tagger.noise import Noise, Piece, Pieces
from curation.tagger.values import Part, Values

_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_SLOT = re.compile(r"\{([A-Za-z]\w*|/)\}")
_SECTION = re.compile(r"\[[\w ]+\]")
_KINDS = {
    **dict.fromkeys(("person", "full", "first", "last"), "person"),
    **dict.fromkeys(("place", "city", "country", "region"), "place"),
    "org": "organisation",
    **dict.fromkeys(("no", "no2", "road", "unit", "box", "zip", "abbr", "military"), "address"),
}
TEMPLATES = ("templates.txt", "templates_foreign.txt")
WEIGHTS = {
    "introductions": 0.06,
    "letters and mail": 0.11,
    "forms": 0.09,
    "support": 0.11,
    "small talk": 0.11,
    "comments": 0.11,
    "prose": 0.13,
    "made up": 0.11,
    "other languages": 0.02,
    "German": 0.06,
    "French": 0.06,
    "Spanish": 0.06,
    "Italian": 0.03,
    "Dutch": 0.03,
    "Portuguese": 0.03,
    "Polish and Nordic": 0.01,
    "chat in English": 0.05,
    "addresses alone": 0.05,
    "nobody": 0.14,
}
_BREAKS = (", ", "\n", " ", "\n ", ",\n", "\n, ", "  ", " - ", "\n\n", "; ")
_BREAK_WEIGHTS = (42, 28, 13, 5, 5, 2, 1, 1, 2, 1)


class Sample(NamedTuple):
    """A text and its spans: start, end, kind."""

    text: str
    spans: list[tuple[int, int, str]]


@cache
def templates() -> dict[str, list[str]]:
    """The templates by section."""
    found: dict[str, list[str]] = {}
    section = ""
    texts = (files("curation.tagger").joinpath(name).read_text(encoding="utf-8") for name in TEMPLATES)
    for line in chain.from_iterable(text.splitlines() for text in texts):
        if _SECTION.fullmatch(line):
            section = line[1:-1]
        elif line and not (
            line.startswith("# ") and "{" not in line.split(" ")[1] and section in ("", "address formats")
        ):
            found.setdefault(section, []).append(line.replace("\\n", "\n"))
    return found


class Writer:
    """Writes samples from one half of the templates and values."""

    def __init__(self, rng: random.Random, part: Part, values: Values) -> None:
        """The templates are split as the values are: one in sixteen is kept back."""
        self.rng = rng
        self.values = values
        self.noise = Noise(rng, values.words)
        self.lines = {
            s: [t for i, t in enumerate(ts) if (i % 16 == 7) == (part == "held_out")] for s, ts in templates().items()
        }
        self.lines["address formats"] = templates()["address formats"]
        self.weights = {section: weight for section, weight in WEIGHTS.items() if self.lines[section]}
        self.odds = {s: [1 + math.log2(1 + t.count("|")) for t in ts] for s, ts in self.lines.items()}

    def sample(self) -> Sample:
        """One text of one to three templates."""
        count = self.rng.choices((1, 2, 3), (62, 26, 12))[0]
        pieces: list[Piece] = []
        for at in range(count):
            if at:
                ended = pieces[-1].text.rstrip()[-1:] in (".", "!", "?", "…")
                pieces.append(
                    Piece(
                        self.rng.choice((" ", " ", " ", "\n", "\n\n") if ended else ("\n", "\n\n", ". ", "... ", " - "))
                    )
                )
            pieces += self._filled(self._template())
        return _joined(self.noise.over(pieces))

    def _template(self) -> str:
        section = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
        return self.rng.choices(self.lines[section], self.odds[section])[0]

    def _chosen(self, template: str) -> str:
        return _CHOICE.sub(lambda m: self.rng.choice(m.group(1).split("|")), template)

    def _filled(self, template: str) -> Iterator[Piece]:
        for literal, slot in _parts(self._chosen(template)):
            if literal:
                yield Piece(literal)
            if slot:
                yield from self._slot(slot)

    def _slot(self, slot: str) -> Iterator[Piece]:
        if slot == "address":
            yield from self._address()
        elif slot == "street":
            yield Piece(self._road(), "address")
        elif slot == "postcode":
            yield Piece(self.values.a_zip(), "address")
        elif slot == "crossing":
            word = self.rng.choice(
                ("the corner of", "corner of", "the junction of", "the intersection of", "the crossing of")
            )
            yield Piece(
                f"{word} {self.values.a_road()} {self.rng.choice(('and', '&', 'and'))} {self.values.a_road()}",
                "address",
            )
        elif slot in everyday.MAKERS:
            yield Piece(everyday.MAKERS[slot](self.rng))
        else:
            yield Piece(self.values.makers[slot](), _KINDS.get(slot, ""))

    def _road(self) -> str:
        road, number = self.values.a_road(), self.values.a_no()
        return self.rng.choices((f"{number} {road}", f"{road} {number}", f"{road}, {number}", road), (38, 30, 4, 28))[0]

    def _address(self) -> Iterator[Piece]:
        """A postal address: neighbouring parts of street, flat and postcode are one piece, places stand alone."""
        line_end = self.rng.choices(_BREAKS, _BREAK_WEIGHTS)[0]
        text = ""
        for literal, slot in _parts(
            self._chosen(self.rng.choices(self.lines["address formats"], self.odds["address formats"])[0])
        ):
            between = literal + (line_end if slot == "/" else "")
            if _KINDS.get(slot) == "address":
                text = f"{text}{between}{self._part(slot)}"
            elif slot == "/" or not slot:
                text += between
            else:
                yield from _ended(text + between)
                text = ""
                yield Piece(self._part(slot), "place")
        yield from _ended(text)

    def _part(self, slot: str) -> str:
        return self.values.makers["no" if slot == "no2" else slot]()


def _parts(template: str) -> Iterator[tuple[str, str]]:
    """(literal, slot) pairs; the last slot may be empty."""
    at = 0
    for match in _SLOT.finditer(template):
        yield template[at : match.start()], match.group(1)
        at = match.end()
    yield template[at:], ""


def _ended(text: str) -> Iterator[Piece]:
    """A run of address parts, with what stands around it left outside."""
    inner = text.strip(" ,;\n-()")
    if not inner:
        if text:
            yield Piece(text)
        return
    at = text.index(inner)
    if at:
        yield Piece(text[:at])
    yield Piece(inner, "address")
    if text[at + len(inner) :]:
        yield Piece(text[at + len(inner) :])


def _joined(pieces: Pieces) -> Sample:
    at, spans = 0, list[tuple[int, int, str]]()
    for piece in pieces:
        if piece.kind and piece.text.strip():
            lead = len(piece.text) - len(piece.text.lstrip())
            spans.append((at + lead, at + len(piece.text.rstrip()), piece.kind))
        at += len(piece.text)
    return Sample("".join(p.text for p in pieces), spans)
