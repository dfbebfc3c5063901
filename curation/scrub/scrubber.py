"""The scrubber: runs the detectors over many texts at once, decides about what they find, and masks it.

The same value gives the same placeholder in prompt, answer and key, since a placeholder names only the kind. Spans
are in code points of the text that was given (a browser counts UTF-16 units: convert before showing them there).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from curation.content_rules import ContentRules, Part, Verdict
from curation.detecting import Detector
from curation.errors import TaskError
from curation.patterns import Custom, compile
from curation.plugins import build, known, nearest, validate
from curation.records import digest
from curation.scrub.finder import Finder
from curation.scrub.spans import Scrubbed
from curation.scrub.writing import MASKS, Inventor, Writer
from curation.tagger.detector import NameDetector, trained
from curation.task import AllowEntry, ScrubTable

if TYPE_CHECKING:
    from curation.surrogates import Surrogates

BLOCK = 1 << 17
"""Characters looked at together: enough to make one call of a detector cheap, little enough to stay in a cache."""

RULE = "RULE"
"""Stands for what a content rule masks."""
_NAME = re.compile(r"[a-z][a-z_]{1,31}")


@dataclass(frozen=True)
class Scrubber:
    """Detectors and the patterns they must leave alone; scrubbing twice changes nothing more.

    >>> scrubber = Scrubber.of(ScrubTable(), date(2026, 1, 1))
    >>> scrubber.scrub("Write to ana@example.com").text
    'Write to [EMAIL]'
    """

    finder: Finder
    table: ScrubTable
    key: bytes | None = None
    """Of the workspace, for commitments and surrogates; None outside of one."""
    surrogates: "Surrogates | None" = None
    rules: ContentRules = field(default_factory=lambda: ContentRules(()))

    @classmethod
    def today(cls, table: ScrubTable, key: bytes | None = None) -> "Scrubber":
        """The scrubber a task declares, as of today (UTC)."""
        return cls.of(table, datetime.now(UTC).date(), key)

    @classmethod
    def of(cls, table: ScrubTable, today: date, key: bytes | None = None) -> "Scrubber":
        """The scrubber a task declares; an allow-list entry past its date no longer counts."""
        detectors = _detectors(table) if table.enabled else ()
        kinds = "|".join(sorted({RULE, *known("curation.detectors"), *(name for name, _ in detectors)})).upper()
        rules = ContentRules.of(table.rules, today)
        where = "task.toml [scrub] allow"
        allowed = tuple(compile(entry.pattern, where) for entry in table.allow if _in_force(entry, today))
        finder = Finder(detectors, allowed, re.compile(rf"\[(?:{kinds})\]"), table.point, table.doubt)
        return cls(finder, table, key, _surrogates(table, key), rules)

    def using(self, table: ScrubTable) -> "Scrubber":
        """This scrubber with another table; what is allowed stays allowed."""
        other = Scrubber.of(table.model_copy(update={"allow": ()}), date.max, self.key)
        return replace(other, finder=replace(other.finder, allowed=self.finder.allowed))

    @property
    def fingerprint(self) -> str:
        """Names what is looked for and how, in twelve hex digits: equal ones scrub alike."""
        return digest(self.describe())[:12]

    def scrub(self, text: str) -> Scrubbed:
        """The text with every found value masked, and where each one was."""
        return self.scrub_many([text])[0]

    def scrub_many(self, texts: Sequence[str]) -> list[Scrubbed]:
        """Every text scrubbed by itself; much faster than one by one."""
        seen = [scrubbed for (scrubbed,) in self.scrub_records([(text,) for text in texts])]
        if self.surrogates is None:
            return seen
        pairs = zip(texts, seen, strict=True)
        return [replace(s, text=self.writer(text)(text, s.spans)) if s.spans else s for text, s in pairs]

    def scrub_records(self, records: Sequence[Sequence[str]]) -> list[list[Scrubbed]]:
        """The texts of every record scrubbed: somebody named in one text of a record is masked in all of them."""
        done: dict[tuple[str, ...], list[Scrubbed]] = {}
        for block in _blocks(dict.fromkeys(map(tuple, records))):
            done.update(zip(block, self.finder.scrub(block), strict=True))
        return [done[tuple(record)] for record in records]

    def writer(self, scope: str, known: str = "") -> Writer:
        """What puts something in place of a value, for one record or conversation; see `Inventor` for `known`."""
        if self.surrogates is None:
            return MASKS
        return Inventor(self.surrogates.session(scope), known)

    def judge(self, part: Part) -> Callable[[str], Verdict] | None:
        """What the task's content rules say about a text of a prompt or an answer; None where it has none."""
        return partial(self.rules.judge, part=part) if self.rules.rules else None

    def describe(self) -> dict[str, JsonValue]:
        """Settings, for the recipe; only allow-list entries in force."""
        return {
            "entities": [name for name, _ in self.finder.detectors],
            "detectors": digest([[name, d.version, d.model_dump(mode="json")] for name, d in self.finder.detectors]),
            "tagger": trained() if any(isinstance(d, NameDetector) for _, d in self.finder.detectors) else None,
            "point": self.table.point,
            "doubt": self.table.doubt,
            "action": self.table.action,
            "scope": self.table.scope if self.surrogates else None,
            "allow": [p.source for p in self.finder.allowed],
            "rules": [matcher.rule.model_dump(mode="json") for matcher in self.rules.rules],
        }

    @cached_property
    def versions(self) -> dict[str, JsonValue]:
        """The version of every detector in use: a text scrubbed with others is scrubbed again."""
        return {name: detector.version for name, detector in self.finder.detectors}


def _blocks(records: dict[tuple[str, ...], None]) -> Iterator[list[tuple[str, ...]]]:
    block: list[tuple[str, ...]] = []
    size = 0
    for record in records:
        block.append(record)
        size += sum(map(len, record))
        if size >= BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _surrogates(table: ScrubTable, key: bytes | None) -> "Surrogates | None":
    if table.action != "surrogate":
        return None
    if key is None:
        raise TaskError('task.toml [scrub] action = "surrogate" needs the key of a workspace: run it inside of one')
    from curation.surrogates import Surrogates

    return Surrogates(key, table.scope)


def _detectors(table: ScrubTable) -> tuple[tuple[str, Detector], ...]:
    """The detectors a table asks for, those of its own last."""
    if unused := [name for name in table.detectors if name not in table.entities]:
        where = f"task.toml [scrub.detectors.{unused[0]}]"
        raise TaskError(f"{where}: [scrub] entities does not name it{nearest(unused[0], table.entities)}")
    found = [(name, _detector(name, table)) for name in table.entities]
    for name, custom in table.custom.items():
        where = f"task.toml [scrub.custom.{name}]"
        if not _NAME.fullmatch(name) or name in known("curation.detectors"):
            raise TaskError(f"{where}: a name is lower-case letters and _, and none of a detector that comes with us")
        found.append((name, validate(Custom, custom.model_dump(), where)))
    return tuple(found)


def _detector(name: str, table: ScrubTable) -> Detector:
    settings = table.detectors.get(name, {})
    where = f"task.toml [scrub.detectors.{name}]" if settings else "task.toml [scrub] entities"
    return cast("Detector", build("curation.detectors", name, settings, where))


def _in_force(entry: AllowEntry, today: date) -> bool:
    try:
        return entry.until is None or date.fromisoformat(entry.until) >= today
    except ValueError as error:
        raise TaskError(f"task.toml [scrub] allow: until = {entry.until!r} is not a date like 2027-01-31") from error
