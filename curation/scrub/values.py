"""JSON values and JSON texts, scrubbed string by string: each is read beside its key, and what was JSON stays JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import JsonValue

from curation.content_rules import Verdict
from curation.scrub.scrubber import RULE, Scrubber
from curation.scrub.spans import Scrubbed, Span, resolved
from curation.scrub.writing import MASKS, Writer

Judge = Callable[[str], Verdict]
Later = Callable[[], str]
"""A text that is known once the record's texts were scrubbed."""


@dataclass(frozen=True)
class Place:
    """A span inside a record: `path` leads to its string (`answer.items.0.note`); `value` never leaves memory."""

    path: str
    span: Span
    value: str


class Looks:
    """The texts of one record, gathered first and scrubbed together: who is named in one is masked in all.

    Each part of a record says what it needs looked at, and gets back what will be known after `scrub_all`.
    """

    def __init__(self, writer: Writer = MASKS, judge: Judge | None = None) -> None:
        """`judge` says what the task's content rules say about a text."""
        self.verdicts: list[Verdict] = []
        self.places: list[Place] = []
        self.seen: list[Scrubbed] = []
        self._texts: list[str] = []
        self._writer = writer
        self._judge = judge

    @staticmethod
    def scrub_all(scrubber: Scrubber, records: "Sequence[Looks]") -> None:
        """Scrub the texts of many records."""
        for record, seen in zip(records, scrubber.scrub_records([r._texts for r in records]), strict=True):
            record.seen = seen

    @property
    def uncertain(self) -> bool:
        """Whether a person must look at one of the texts."""
        return any(seen.uncertain for seen in self.seen)

    def text(self, text: str, path: Sequence[Later] = (), lead: str = "") -> Later:
        """Have a text looked at, `lead` standing before it."""
        number = len(self._texts)
        self._texts.append(lead + text)
        return lambda: self._taken(text, path, len(lead), self.seen[number])

    def value(self, value: JsonValue, path: tuple[Later, ...] = (), key: str = "") -> Callable[[], JsonValue]:
        """Have a JSON value looked at: every string, key, and number that looks like an account."""
        # `{"phone": "123 4567"}` is a telephone number: the key is read before the string.
        lead = f"{key.replace('_', ' ')}: " if key else ""
        match value:
            case str():
                return self.text(value, path, lead)
            case bool() | None:
                return lambda: value
            case int() | float():
                number = self.text(str(value), path, lead)
                return lambda: value if (clean := number()) == str(value) else clean
            case list():
                items = [self.value(item, (*path, constant(str(i))), key) for i, item in enumerate(value)]
                return lambda: [item() for item in items]
            case dict():
                names = [self.text(name) for name in value]
                pairs = [
                    (name, self.value(item, (*path, name), word))
                    for name, (word, item) in zip(names, value.items(), strict=True)
                ]
                return lambda: {name(): item() for name, item in pairs}

    def text_or_json(self, text: str, path: tuple[Later, ...] = ()) -> Later:
        """Have a text looked at; one that is a JSON object or array is scrubbed value by value and stays JSON.

        An escape (`ana\\u0040example.com`) hides nothing then, and a masked number becomes a string.
        """
        value = _json(text)
        if value is None:
            return self.text(text, path)
        clean = self.value(value, path)
        return lambda: text if (now := clean()) == value else json.dumps(now, ensure_ascii=False)

    def _taken(self, text: str, path: Sequence[Later], lead: int, seen: Scrubbed) -> str:
        inside = [replace(s, start=max(s.start - lead, 0), end=s.end - lead) for s in seen.spans if s.end > lead]
        if self._judge is not None:
            inside = resolved([*inside, *self._ruled(self._judge(text))])
        if inside:
            # Keys are scrubbed like every text, so a path holds no value.
            where = ".".join(part() for part in path)
            self.places += [Place(where, span, text[span.start : span.end]) for span in inside]
        return self._writer(text, inside)

    def _ruled(self, verdict: Verdict) -> list[Span]:
        """What a content rule masks; what else it says is kept for whoever decides."""
        if verdict.action in ("drop", "quarantine"):
            self.verdicts.append(verdict)
        return [Span(RULE, start, end, kind=verdict.rule) for start, end in verdict.spans]


def constant(text: str) -> Later:
    """A text that is known already."""
    return lambda: text


def _json(text: str) -> dict[str, Any] | list[Any] | None:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any] | list[Any]", value) if isinstance(value, dict | list) else None


def scrub_value(value: JsonValue, scrubber: Scrubber) -> JsonValue:
    """A JSON value with every string in it scrubbed (keys too, and numbers that look like an account)."""
    looks = Looks(scrubber.writer(str(value)))
    clean = looks.value(value)
    Looks.scrub_all(scrubber, [looks])
    return clean()
