"""The noise of real writing: small letters, shouting, missing accents, quoted mail, emoji, typing errors."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from curation.detecting import FILLER

_WORD = re.compile(r"\b[a-z]{4,}\b")
_EMOTICONS = (
    *(":)", ":-)", ";)", ":(", ":D", "<3", "xD", ":P", "^^", ":/", "T_T", "\\o/", "XD", "=)"),
    *("♥", "❤️", "👍🏽", "☺️", "!!", "..."),
)
_PICTURES = (range(0x1F300, 0x1F650), range(0x1F600, 0x1F650), range(0x2600, 0x2765))
_QUOTES = ("> ", ">", "| ", "* ", "# ", "- ", "// ", "~ ", "\t", "    ", ">> ", ": ")


class Piece(NamedTuple):
    """A stretch of text and whose name or address it is; empty where nobody's."""

    text: str
    kind: str = ""


Pieces = Sequence[Piece]


class Noise:
    """Spoils samples; every kind of noise comes by itself."""

    def __init__(self, rng: Random, words: Sequence[str]) -> None:
        """`words` are ordinary words that may stand for others."""
        self.rng = rng
        self.words = words
        self.kinds: tuple[tuple[float, Callable[[Pieces], Pieces]], ...] = (
            (0.23, self._in_another_case),
            (0.08, _without_accents),
            (0.04, self._quoted),
            (0.10, self._with_pictures),
            (0.06, lambda pieces: _outside(pieces, lambda text: _WORD.sub(self._drawn_out, text))),
            (0.25, lambda pieces: _outside(pieces, lambda text: _WORD.sub(self._another, text))),
            (0.05, lambda pieces: _outside(pieces, self._misspelt)),
            (0.03, self._masked),
        )

    def over(self, pieces: Pieces) -> Pieces:
        """The pieces, most often as they were."""
        for chance, spoil in self.kinds:
            if self.rng.random() < chance:
                pieces = spoil(pieces)
        return pieces

    def _in_another_case(self, pieces: Pieces) -> Pieces:
        turn, names_only = self.rng.choices(
            ((str.lower, False), (str.upper, False), (str.lower, True), (str.upper, True)), (14, 3, 4, 2)
        )[0]
        return [piece if names_only and not piece.kind else Piece(turn(piece.text), piece.kind) for piece in pieces]

    def _quoted(self, pieces: Pieces) -> Pieces:
        mark = self.rng.choice(_QUOTES) * self.rng.choice((1, 1, 1, 3))
        return [Piece(mark), *(Piece(p.text.replace("\n", "\n" + mark), p.kind) for p in pieces)]

    def _with_pictures(self, pieces: Pieces) -> Pieces:
        picture = self.rng.choice(_EMOTICONS)
        if self.rng.random() < 0.6:
            picture = chr(self.rng.choice(self.rng.choice(_PICTURES)))
        row = self.rng.choice(("", " ")).join([picture] * self.rng.choice((1, 1, 1, 2, 3, 5)))
        return [Piece(row + " "), *pieces] if self.rng.random() < 0.25 else [*pieces, Piece(" " + row)]

    def _masked(self, pieces: Pieces) -> Pieces:
        """Some names masked already: what is left around them is nobody's."""
        return [Piece(FILLER) if piece.kind and self.rng.random() < 0.6 else piece for piece in pieces]

    def _another(self, word: re.Match[str]) -> str:
        """Now and then any ordinary word instead of the template's."""
        return self.rng.choice(self.words) if self.rng.random() < 0.15 else word.group()

    def _drawn_out(self, word: re.Match[str]) -> str:
        """A word drawn out, shouted, or with a capital it should not have."""
        text = word.group()
        roll = self.rng.random()
        if roll < 0.1:
            at = self.rng.randrange(1, len(text))
            return text[:at] + text[at] * self.rng.randint(2, 5) + text[at:]
        return text.upper() if roll < 0.2 else text.capitalize() if roll < 0.3 else text

    def _misspelt(self, text: str) -> str:
        """Two neighbouring letters swapped, or one left out."""
        if len(text) < 6:
            return text
        at = self.rng.randrange(1, len(text) - 2)
        middle = text[at + 1] + text[at] if self.rng.random() < 0.5 else text[at]
        return text[:at] + middle + text[at + 2 :]


def _outside(pieces: Pieces, spoil: Callable[[str], str]) -> Pieces:
    return [piece if piece.kind else Piece(spoil(piece.text)) for piece in pieces]


def _without_accents(pieces: Pieces) -> Pieces:
    plain = (unicodedata.normalize("NFKD", piece.text) for piece in pieces)
    return [
        Piece("".join(c for c in text if not unicodedata.combining(c)), piece.kind)
        for piece, text in zip(pieces, plain, strict=True)
    ]
