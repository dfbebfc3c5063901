"""A small workspace with prompts that scrubbing holds back: a date in doubt, a key without an end."""

import json
from pathlib import Path

from curation import Workspace
from tests.curation.running import teacher, write

SCRUB = """
[scrub]
entities = ["email", "phone", "card", "iban", "ip", "date", "secret"]
point = "precision"
doubt = 0.25
"""
RAW = ("mira.holt@quillmere.example", "+44 20 7946 0958")
"""What stands in the prompts and must be in no file that is written."""
DATED = f"From {RAW[0]}: it broke on 2 May 1987, says Ottoline Quill, and Ottoline will ring {RAW[1]}."
TEXTS = (
    "Please close my account.",
    DATED,
    "-----BEGIN PRIVATE KEY-----\nMIIB and then nothing",
    f"Thank you, write to {RAW[0]}",
)


def make(root: Path, url: str, scrub: str = SCRUB, texts: tuple[str, ...] = TEXTS) -> Path:
    """A workspace with two teachers at `url`; prompts p1 and p2 are held."""
    return write(root, scrub + teacher("one", url) + teacher("two", url, model="scripted-too"), list(texts))


def opened(root: Path) -> Workspace:
    """The workspace, to be closed by whoever opened it."""
    return Workspace.open(root)


def written(root: Path) -> dict[str, bytes]:
    """Every file under a workspace but the prompts themselves; tables of samples as JSON."""
    import polars as pl

    found: dict[str, bytes] = {}
    for path in (p for p in root.rglob("*") if p.is_file() and p.parent.name != "prompts"):
        table = path.suffix == ".parquet"
        found[str(path)] = json.dumps(pl.read_parquet(path).to_dicts()).encode() if table else path.read_bytes()
    return found
