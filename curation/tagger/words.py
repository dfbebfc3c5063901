"""Cuts texts into words and says what a word looks like: hashes of its letters, its shape, the lists that hold it.

Nothing here runs once per character in Python: a batch is cut by one regular expression, and each distinct word form is
described once, all new ones together.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

WORD_ROWS = 12288
"""Rows for whole words; each row remembers which word owns it, any other word there counts as unknown."""
AFFIX_ROWS = 12288
SHAPE_ROWS = 1024
LENGTH_ROWS = 16
LISTS = ("first", "last", "town", "country", "street", "firm", "common", "foreign")
UNKNOWN = WORD_ROWS
FLAGS = 2 + len(LISTS)
"""Whether a space stands before the word, whether it holds letters beyond ASCII, and a bit for each word list."""
COLUMNS = 11
ROWS = WORD_ROWS + 1 + AFFIX_ROWS + SHAPE_ROWS + LENGTH_ROWS
_WIDTH = 20
_TOKEN = re.compile(r"[^\S\n]*(?:[^\W_]+|\n+|[^\w\s]|_+)|[^\S\n]+")
_PRIME = np.uint64(1099511628211)
_SEEDS = tuple(np.uint64(s) for s in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5))


class Cut(NamedTuple):
    """One text after another as words, each with the space before it."""

    forms: list[str]
    counts: list[int]
    """How many words each text has."""


def cut(texts: Iterable[str]) -> Cut:
    """The words of texts; joined, they are the texts again.

    >>> cut(["Hi Ann,\\nok"]).forms
    ['Hi', ' Ann', ',', '\\n', 'ok']
    """
    forms: list[str] = []
    counts: list[int] = []
    find = _TOKEN.findall
    for text in texts:
        found = find(text)
        forms += found
        counts.append(len(found))
    return Cut(forms, counts)


def _codes(words: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The code points of each word's first letters, zero where it ends: shape (words, _WIDTH)."""
    fixed = np.array(words, dtype=f"<U{_WIDTH}") if words else np.zeros(0, f"<U{_WIDTH}")
    return fixed.view(np.uint32).reshape(len(words), _WIDTH)


def _mixed(hashes: Hashes, seed: int) -> Hashes:
    mixed = (hashes ^ _SEEDS[seed]) * _SEEDS[(seed + 1) % 4]
    return mixed ^ (mixed >> np.uint64(29))


def hashed(words: Sequence[str]) -> Hashes:
    """One 64-bit hash per word, of its first 20 letters; the same on every machine."""
    return _prefix_hashes(_codes(words))[:, -1]


def _prefix_hashes(codes: npt.NDArray[np.uint32]) -> Hashes:
    """The hash of each word's first 1, 2, ... letters; past its end the hash of the whole word is repeated."""
    wide = codes.astype(np.uint64)
    out = np.empty(wide.shape, np.uint64)
    state = np.full(len(wide), 1469598103934665603, np.uint64)
    for at in range(wide.shape[1]):
        letter = wide[:, at]
        state = np.where(letter > 0, (state ^ letter) * _PRIME, state)
        out[:, at] = state
    return out


class Described(NamedTuple):
    """What the network is told about distinct words."""

    rows: Ints
    """Rows of the embedding to add up, shape (words, COLUMNS)."""
    word: Hashes
    """The hash of the lower-cased word."""
    flags: npt.NDArray[np.float32]
    """Shape (words, FLAGS), 0 or 1; the word lists' bits are set by whoever knows them."""


def describe(forms: Sequence[str]) -> Described:
    """Describes distinct word forms, each with the space before it."""
    bare = [form.strip(" \t\r\x0b\x0c\u00a0") or " " for form in forms]
    low = [word.lower() for word in bare]
    heads = _prefix_hashes(_codes(low))
    tails = _prefix_hashes(_codes([word[-4:][::-1] for word in low]))
    word = heads[:, -1]
    rows = np.empty((len(forms), COLUMNS), np.int64)
    rows[:, 0] = word_rows(word)
    affixes = (heads[:, 0], heads[:, 1], heads[:, 2], heads[:, 3], tails[:, 1], tails[:, 2], tails[:, 3])
    for at, part in enumerate(affixes):
        salted = _mixed(part + np.uint64(at), at % 3)
        rows[:, 1 + at] = (salted % np.uint64(AFFIX_ROWS)).astype(np.int64) + WORD_ROWS + 1
    start = WORD_ROWS + 1 + AFFIX_ROWS
    exact, rough = _shapes(bare)
    rows[:, 8] = (exact % np.uint64(SHAPE_ROWS // 2)).astype(np.int64) + start
    rows[:, 9] = (rough % np.uint64(SHAPE_ROWS // 2)).astype(np.int64) + start + SHAPE_ROWS // 2
    rows[:, 10] = np.array([len(word) for word in bare], np.int64).clip(0, LENGTH_ROWS - 1) + ROWS - LENGTH_ROWS
    flags = np.zeros((len(forms), FLAGS), np.float32)
    flags[:, 0] = [form[0] in " \t\u00a0" for form in forms]
    flags[:, 1] = [not word.isascii() for word in bare]
    return Described(rows, word, flags)


def word_rows(word: Hashes) -> Ints:
    """The row of each whole word."""
    return (_mixed(word, 0) % np.uint64(WORD_ROWS)).astype(np.int64)


def owner(word: Hashes) -> npt.NDArray[np.uint16]:
    """The fingerprint by which a row of whole words knows its owner; never 0."""
    return (_mixed(word, 2) >> np.uint64(40)).astype(np.uint16) | np.uint16(1)


_UPPER, _LOWER, _DIGIT, _OTHER = 1, 2, 3, 4


def _shapes(words: Sequence[str]) -> tuple[Hashes, Hashes]:
    """The pattern of capitals, small letters and digits of each word: of 12 letters, and with repeats taken out."""
    codes = _codes(words)[:, :12]
    classes = _class_table()[np.minimum(codes, len(_class_table()) - 1)].astype(np.uint64)
    exact = np.zeros(len(words), np.uint64)
    rough = np.zeros(len(words), np.uint64)
    before = np.zeros(len(words), np.uint64)
    for at in range(12):
        now = classes[:, at]
        exact = exact * np.uint64(5) + now
        rough = np.where(now != before, rough * np.uint64(5) + now, rough)
        before = now
    return _mixed(exact, 0), _mixed(rough, 1)


_TABLE: list[npt.NDArray[np.uint8]] = []


def _class_table() -> npt.NDArray[np.uint8]:
    """The class of every character of the first planes of Unicode."""
    if not _TABLE:
        table = np.full(0x3000, _OTHER, np.uint8)
        table[0] = 0
        for code in range(1, len(table)):
            letter = chr(code)
            if letter.isupper():
                table[code] = _UPPER
            elif letter.isalpha():
                table[code] = _LOWER
            elif letter.isdigit():
                table[code] = _DIGIT
        _TABLE.append(table)
    return _TABLE[0]


class WordLists:
    """Sets of word hashes in one Bloom filter each.

    About one strange word in sixty is taken for a member of a long list by mistake, one in a thousand of a short one.
    """

    PROBES = 4
    LONG = 25_000

    def __init__(self, filters: dict[str, npt.NDArray[np.uint8]]) -> None:
        """`filters` holds the bits of each list, eight to a byte."""
        self.bits = {name: np.unpackbits(packed).astype(np.float32) for name, packed in filters.items()}

    @classmethod
    def packed(cls, lists: Mapping[str, Sequence[str]]) -> dict[str, npt.NDArray[np.uint8]]:
        """Packs lists of lower-case words."""
        filters: dict[str, npt.NDArray[np.uint8]] = {}
        for name, words in lists.items():
            each = 9 if len(words) > cls.LONG else 24
            bits = np.zeros(-(-max(1, len(words) * each) // 1024) * 1024, np.uint8)
            for probe in cls._probes(hashed(list(words)), len(bits)):
                bits[probe] = 1
            filters[name] = np.packbits(bits)
        return filters

    @classmethod
    def _probes(cls, hashes: Hashes, size: int) -> Iterable[Ints]:
        for probe in range(cls.PROBES):
            yield (_mixed(hashes + np.uint64(probe * 7919), probe) % np.uint64(size)).astype(np.int64)

    def flags(self, hashes: Hashes) -> npt.NDArray[np.float32]:
        """Which lists hold each word: shape (words, lists), 0 or 1, in the order of `LISTS`."""
        out = np.ones((len(hashes), len(LISTS)), np.float32)
        for at, name in enumerate(LISTS):
            bits = self.bits[name]
            for probe in self._probes(hashes, len(bits)):
                out[:, at] *= bits[probe]
        return out
