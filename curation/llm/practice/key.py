"""The answer key of the practice server: which answer is right for which prompt, and which are easily confused."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue, ValidationError

from curation.errors import InputError
from curation.records import Record, draw, text_digest
from curation.task import AnswerTable

Answer = dict[str, JsonValue] | str


class KeyEntry(Record):
    """One row of an answer key: a prompt's text, its right answer, how hard it is (0 easy, 1 hard).

    `confusable` lists labels a reader could mistake the right one for, most tempting first.
    """

    id: str
    text: str
    answer: Answer
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.5
    confusable: tuple[str, ...] = ()


def read_key(path: Path) -> list[KeyEntry]:
    """The rows of an answer key; InputError names the first line that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"answer key {path}: {error}") from error
    return [_entry(line, path, n) for n, line in enumerate(lines, 1) if line.strip()]


def _entry(line: str, path: Path, number: int) -> KeyEntry:
    try:
        return KeyEntry.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "row"
        raise InputError(f"answer key {path} line {number}: {where}: {first['msg']}") from error


@dataclass(frozen=True)
class Found:
    """The key entry a text stands for; `variant` names the rewording it came as ("" for the text itself)."""

    entry: KeyEntry
    variant: str = ""
    known: bool = True


class KeyBook:
    """The answer key, ready to be asked: by the digest of a text, by label, by what is confusable with what."""

    def __init__(self, entries: Sequence[KeyEntry], answer: AnswerTable) -> None:
        self.entries = list(entries)
        self.answer = answer
        self._by_digest: dict[str, Found] = {}
        for entry in self.entries:
            self._by_digest.setdefault(text_digest(entry.text), Found(entry))

    def add_variant(self, text: str, entry: KeyEntry, variant: str) -> None:
        """A rewording of an entry's text has the same answer."""
        self._by_digest.setdefault(text_digest(text), Found(entry, variant))

    def knows(self, text: str) -> bool:
        """Whether this very text is in the key."""
        return text_digest(text) in self._by_digest

    def find(self, text: str) -> Found | None:
        """The entry with this text, else the one sharing most words with it (`known` is then False)."""
        found = self._by_digest.get(text_digest(text))
        if found is not None or not self.entries:
            return found
        words = _words(text)
        nearest = max(self._words, key=lambda pair: _overlap(words, pair[1]))[0]
        lost: dict[str, JsonValue] = dict.fromkeys(self.answer.extract)
        answer = nearest.answer if isinstance(nearest.answer, str) else {**nearest.answer, **lost}
        return Found(nearest.model_copy(update={"answer": answer, "difficulty": 0.9}), known=False)

    def target(self, answer: Answer) -> str | None:
        """The label of an answer: the text itself, or the target field of an object; None where it has none."""
        if isinstance(answer, str):
            return answer if self.answer.format == "label" else None
        value = answer.get(self.answer.field or "label")
        return value if isinstance(value, str) else None

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The closed set of labels, as declared or as found in the key."""
        return self.answer.labels or tuple(sorted({t for e in self.entries if (t := self.target(e.answer))}))

    def confusable(self, entry: KeyEntry) -> tuple[str, ...]:
        """Wrong labels for an entry, most tempting first."""
        label = self.target(entry.answer) or ""
        rest = [x for x in self._confusable_labels.get(label, ()) if x not in entry.confusable]
        return tuple(x for x in (*entry.confusable, *rest) if x != label)

    def like(self, label: str) -> tuple[str, ...]:
        """Labels confusable with a label, most tempting first."""
        return self._confusable_labels.get(label, ())

    def enum(self, name: str) -> list[JsonValue]:
        """The closed set of values the answer's schema allows for a field; empty where it has none."""
        properties = (self.answer.json_schema or {}).get("properties")
        field = properties.get(name) if isinstance(properties, dict) else None
        values = field.get("enum") if isinstance(field, dict) else None
        return values if isinstance(values, list) else []

    def donor(self, label: str, u: float) -> KeyEntry | None:
        """Some entry whose right label is `label`, chosen by u in [0, 1), preferring one that extracts nothing."""
        donors = self._donors.get(label)
        return donors[int(u * len(donors))] if donors else None

    @cached_property
    def _donors(self) -> dict[str, list[KeyEntry]]:
        by_label: dict[str, list[KeyEntry]] = defaultdict(list)
        for entry in self.entries:
            if label := self.target(entry.answer):
                by_label[label].append(entry)
        return {k: [e for e in v if self._extracts_nothing(e)] or v for k, v in by_label.items()}

    def _extracts_nothing(self, entry: KeyEntry) -> bool:
        return isinstance(entry.answer, str) or all(entry.answer.get(f) is None for f in self.answer.extract)

    @cached_property
    def _words(self) -> list[tuple[KeyEntry, frozenset[str]]]:
        return [(e, _words(e.text)) for e in self.entries]

    @cached_property
    def _confusable_labels(self) -> dict[str, tuple[str, ...]]:
        """By how often the key says so, then by shared parts of the label's name."""
        said: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self.entries:
            if label := self.target(entry.answer):
                said[label].update(entry.confusable)
        return {a: _ranked(a, self.labels, said[a]) for a in self.labels}


def rendered(entries: Iterable[KeyEntry], render: Callable[[KeyEntry], str], answer: AnswerTable,
             scrub: Callable[[str], str]) -> list[KeyEntry]:  # fmt: skip
    """The key as the server meets it: texts rendered and scrubbed, extracted fields scrubbed alike."""
    return [
        e.model_copy(update={"text": scrub(render(e)), "answer": _scrub_extracts(e.answer, answer.extract, scrub)})
        for e in entries
    ]


def _scrub_extracts(answer: Answer, extract: Sequence[str], scrub: Callable[[str], str]) -> Answer:
    if isinstance(answer, str):
        return answer
    return {k: scrub(v) if k in extract and isinstance(v, str) else v for k, v in answer.items()}


def _ranked(label: str, labels: Sequence[str], said: Mapping[str, int]) -> tuple[str, ...]:
    parts = _words(label.replace("_", " "))
    others = [x for x in labels if x != label]
    others.sort(key=lambda x: (-said.get(x, 0), -_overlap(parts, _words(x.replace("_", " "))), draw(0, label, x)))
    return tuple(others)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / (len(a | b) or 1)


def as_text(answer: Answer) -> str:
    """An answer as a model writes it: a JSON object on one line, or the words themselves."""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
