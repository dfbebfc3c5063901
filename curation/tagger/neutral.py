"""Neutral text: the standard library's documentation and source, where nothing is anybody's name or address."""

import io
import re
import sysconfig
import tokenize
import unicodedata
import zlib
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from curation.tagger import pools

_PERSONAL = re.compile(
    r"(?i)\b(by|from|authors?|contributed|copyright|thanks to|credit|maintainer|written|suggested|van rossum|guido)\b"
    r"|@|©"
)
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n")
Side = Literal["taught", "measured"]


@cache
def modules(side: Side) -> list[Path]:
    """The modules whose text the tagger is taught with, or the others, on which false spans are counted."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [p for p in folder.glob("*.py") if not p.name.startswith("_")]
    for package in (
        "asyncio",
        "email",
        "http",
        "json",
        "logging",
        "unittest",
        "urllib",
        "xml",
        "multiprocessing",
        "importlib",
    ):
        files += (folder / package).rglob("*.py")
    wanted = {"taught": (0, 1, 2), "measured": (3,)}[side]
    kept = (
        p
        for p in files
        if "test" not in p.parts and zlib.crc32(p.relative_to(folder).as_posix().encode()) % 4 in wanted
    )
    return sorted(kept)


@cache
def source(side: Side) -> list[str]:
    """Pieces of source code, six lines each."""
    pieces: list[str] = []
    for path in modules(side):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for at in range(0, len(lines), 6):
            piece = "\n".join(line for line in lines[at : at + 6] if not _PERSONAL.search(line))
            if piece.strip():
                pieces.append(piece)
    return pieces


@cache
def prose(side: Side) -> list[str]:
    """Paragraphs of documentation: doc strings and comments, indentation taken out."""
    found: list[str] = []
    for path in modules(side):
        text = path.read_text(encoding="utf-8", errors="replace")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING and len(token.string) > 60 and " " in token.string:
                body = re.sub(r"^[rbuRBU]*[\"']+|[\"']+$", "", token.string)
                found += re.split(r"\n\s*\n", body)
    if side == "taught":
        found += _topics()
    flat = (re.sub(r"\s*\n\s*", " ", p).strip() for p in found)
    return [p for p in flat if len(p) > 30 and not _PERSONAL.search(p)]


def _topics() -> list[str]:
    """Half of the language reference that `help()` shows."""
    from pydoc_data import topics

    chosen = [text for name, text in sorted(topics.topics.items()) if zlib.crc32(name.encode()) % 2]
    return [p for text in chosen for p in re.split(r"\n\s*\n", text)]


@cache
def clauses() -> list[str]:
    """Short sentences of the documentation."""
    found = {s.strip(" .:;") for p in prose("taught") for s in _SENTENCE.split(p)}
    return sorted(s for s in found if 15 < len(s) < 90 and re.fullmatch(r"[A-Za-z][\w ,'-]+", s))


@cache
def counted_words() -> Counter[str]:
    """How often each lower-case word stands in the documentation."""
    counts: Counter[str] = Counter()
    for paragraph in prose("taught"):
        counts.update(w for w in re.findall(r"[^\W\d_]+", paragraph) if w.islower())
    return counts


@cache
def everyday_words() -> list[str]:
    """Ordinary English words: our own list, Faker's for made-up sentences, and the commonest of the documentation."""
    frequent = [w for w, n in counted_words().items() if n >= 4 and len(w) > 2]
    return sorted({*ordinary_words(), *pools.common(), *frequent})


@cache
def themes() -> dict[str, list[str]]:
    """Our own list of ordinary words by theme."""
    lines = files("curation.tagger").joinpath("ordinary.txt").read_text(encoding="utf-8").splitlines()
    found: dict[str, list[str]] = {}
    for title, words in zip(lines[1::2], lines[2::2], strict=True):
        found[title.removeprefix("# ")] = words.split()
    return found


@cache
def ordinary_words() -> list[str]:
    """Our own list of ordinary words, and the plain words in the names of Unicode's pictures."""
    own = {word for words in themes().values() for word in words}
    drawn = (unicodedata.name(chr(code), "") for code in (*range(0x2600, 0x27C0), *range(0x1F300, 0x1FAFF)))
    return sorted(own | {w.lower() for name in drawn for w in name.split() if w.isalpha() and len(w) > 3})
