"""Typing mistakes, lost capitals and lost punctuation, made here without any call.

Swapped, dropped, doubled and neighbouring letters as in Belinkov and Bisk (2018), Synthetic and Natural Noise Both
Break Neural Machine Translation, arXiv 1711.02173: systems trained on clean text alone fail on such text. Words with
digits, addresses, placeholders and words that look like names stay as they are, so the right answer does too.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from curation.records import draw, text_digest
from curation.variation import Variation

TOKEN = re.compile(r"(\[[A-Z][A-Z0-9_ ]*\]|\s+)")
WORD = re.compile(r"^(\W*)(\w[\w'’]*)(\W*)$")
MARKS = re.compile(r"[.,;:!?'’\"]+")
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "ko", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


class Noise(Variation):
    """The message as it is typed in a hurry, by rule and without a call; the right answer does not change."""

    typos: Annotated[float, Field(ge=0, le=1)] = 0.12
    """Share of words of four letters or more that get a typing mistake."""
    case: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of messages written without capitals."""
    punctuation: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of messages whose punctuation is left out."""

    def manners(self) -> Sequence[str]:
        """One: noise has no styles."""
        return ("noise",)

    def local(self, text: str, nth: int, seed: int) -> str | None:
        """The text with noise drawn from the seed and the text itself; never the text unchanged where it has words."""
        key = text_digest(text)
        lower = draw(seed, "noise-case", key, nth) < self.case
        bare = draw(seed, "noise-marks", key, nth) < self.punctuation
        tokens = TOKEN.split(text)
        words = _plain_words(tokens)
        dressed = [_dressed(t, lower, bare) if i in words else t for i, t in enumerate(tokens)]
        luck = {i: draw(seed, "noise", key, nth, i) for i in words if len(_letters(tokens[i])) >= 4}
        chosen = {i for i, u in luck.items() if u < self.typos}
        if luck and not chosen and dressed == tokens:
            chosen = {min(luck, key=lambda i: luck[i])}
        slips = {i: draw(seed, "slip", key, nth, i) for i in chosen}
        return "".join(_mistyped(t, slips[i]) if i in slips else t for i, t in enumerate(dressed))


def _plain_words(tokens: Sequence[str]) -> set[int]:
    """Where the words are that noise may touch: no digits, no address, no placeholder, no name.

    A word in capitals where no sentence begins is taken for a name.
    """
    found: set[int] = set()
    begins = True
    for i, token in enumerate(tokens):
        if token.isspace():
            begins = begins or "\n" in token
            continue
        if _is_word(token) and (begins or not _letters(token)[:1].isupper()):
            found.add(i)
        if token:
            begins = token[-1] in ".!?:"
    return found


def _is_word(token: str) -> bool:
    return WORD.match(token) is not None and not any(c.isdigit() or c in "[]@/_" for c in token)


def _letters(token: str) -> str:
    match = WORD.match(token)
    return match[2] if match else ""


def _mistyped(token: str, u: float) -> str:
    """One slip inside the word: two letters swapped, one dropped, doubled or hit beside."""
    match = WORD.match(token)
    if match is None:
        return token
    front, word, back = match.groups()
    at = 1 + int(u * 997) % (len(word) - 2)
    kind = int(u * 4)
    if kind == 0 and word[at] == word[at + 1]:
        kind = 1
    match kind:
        case 0:
            slipped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            slipped = word[:at] + word[at + 1 :]
        case 2:
            slipped = word[: at + 1] + word[at:]
        case _:
            beside = NEIGHBOURS.get(word[at].lower(), word[at] * 2)
            slipped = word[:at] + beside[int(u * 9973) % len(beside)] + word[at + 1 :]
    return f"{front}{slipped}{back}"


def _dressed(token: str, lower: bool, bare: bool) -> str:
    token = token.lower() if lower else token
    return MARKS.sub("", token) if bare else token
