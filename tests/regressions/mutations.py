"""The regression tests and the one-line mutations that must break them, read from the docstrings of the whole suite.

A docstring holds `Regression N` and one or more `Mutation: FILE: OLD => NEW`; OLD is a part of one line of FILE that
occurs nowhere else in it. Both may be wrapped: white space in a docstring counts as one space.

    python -m tests.regressions.mutations
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

DEFECTS = {
    1: "rows of a batch are joined in the order they come in",
    2: "an edited system prompt does not ask again",
    3: "one more row asks all of them again",
    4: "a raised max_tokens asks all rows again",
    5: "one bad request takes a hundred good rows with it",
    6: "a server that always truncates is asked without end",
    7: "duplicated prompts lose samples when a killed run goes on",
    8: "a kill between data and metadata loses or doubles rows",
    9: "of a pair of duplicates both vanish, or a dropped row has no kept neighbour",
    10: "short rows count as duplicates of one another",
    11: "a templated corpus is deleted, and nobody is told",
    12: "selection throws out the best row of a cluster",
    13: "the ledger says that batches cost nothing",
    14: "a timeout on creating a batch buys it twice",
    15: "an unknown status ends a batch",
    16: "retries wait for a straggler",
    17: "a limit that nobody announces is run into again and again",
    18: "a provider's failure becomes an empty answer",
    19: "a first shard without any value loses the type of its column",
    20: "a parameter that the model refuses is sent in a batch",
    21: "an installed package does not start",
    22: "figures in the README are typed by hand",
}
"""What went wrong elsewhere, by number: the names of the tests say what must hold instead."""


@dataclass(frozen=True)
class Mutation:
    """One line of our code made wrong, the regression it is an instance of, and the test that must then fail."""

    number: int
    test: str
    file: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """For test ids."""
        return f"{self.number}-{self.test.rpartition('::')[2]}-{self.file.rpartition('/')[2]}"

    def applied(self, source: str) -> str:
        """The source with the mutation in it."""
        return source.replace(self.old, self.new)


def mutations(root: Path = ROOT) -> list[Mutation]:
    """Every mutation named in a docstring of the suite, by number."""
    files = sorted((root / "tests").rglob("test_*.py"))
    found = [m for file in files for m in _of_file(file, file.relative_to(root).as_posix())]
    return sorted(found, key=lambda m: (m.number, m.test))


def regressions(root: Path = ROOT) -> list[tuple[int, str]]:
    """Every (number, test) whose docstring claims to be a regression test, with a mutation or without."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [(n, test) for file in files for n, test, _ in _claims(file, file.relative_to(root).as_posix())]


def _claims(file: Path, name: str) -> Iterator[tuple[int, str, str]]:
    text = file.read_text(encoding="utf-8")
    if "Regression " not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            told = " ".join((ast.get_docstring(node) or "").split())
            if number := re.search(r"\bRegression (\d+)\b", told):
                yield int(number[1]), f"{name}::{node.name}", told


def _of_file(file: Path, name: str) -> Iterator[Mutation]:
    for number, test, told in _claims(file, name):
        for part in told.split("Mutation: ")[1:]:
            where, _, change = part.strip().partition(": ")
            old, arrow, new = change.partition(" => ")
            assert arrow, f"{test}: a mutation is FILE: OLD => NEW, not {part!r}"
            yield Mutation(number, test, where, old, new)


if __name__ == "__main__":
    for m in mutations():
        print(f"{m.number:2d}  {m.test}\n    {m.file}\n    - {m.old}\n    + {m.new}")
