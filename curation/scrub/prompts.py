"""Prompts, scrubbed before a request is keyed, spooled or sent: messages, columns and groups of many at a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeGuard

from pydantic import JsonValue

from curation.records import Message, Prompt, digest
from curation.scrub.ledger import entries, values
from curation.scrub.scrubber import Scrubber
from curation.scrub.spans import Span, masked, resolved
from curation.scrub.values import Later, Looks, constant
from curation.scrub.writing import Writer
from curation.store.scrub_rulings import Mark, PromptRuling

NAME_LENGTH = 80
"""A longer column is no name."""
_NAMES_SOMEBODY = re.compile(
    r"name|customer|client|user|contact|person|author|agent|caller|sender|recipient|patient|kunde|nom|nombre", re.I
)
BY_A_PERSON = "a person"
"""The detector in the ledger entry of what somebody pointed out."""


@dataclass(frozen=True)
class PromptQuarantine:
    """A prompt held back before anybody is asked, or dropped; its text is masked already."""

    prompt: Prompt
    reason: str
    words: str
    action: Literal["quarantine", "drop"] = "quarantine"


class _Parts(NamedTuple):
    """A prompt on its way: what it will be, and what is looked at for it."""

    now: Callable[[], Prompt]
    looks: tuple[Looks, Looks]


class PromptScrubber:
    """Scrubs prompts. Two groups that named two people stay two groups: they are numbered."""

    def __init__(self, scrubber: Scrubber, rulings: Mapping[str, PromptRuling] | None = None) -> None:
        """`rulings` are what people said about held prompts, by `held_key`."""
        self._scrubber = scrubber
        self._rulings = rulings or {}
        self._groups: dict[str, str] = {}

    def __call__(
        self, prompts: Sequence[Prompt], known: Mapping[str, str] | None = None
    ) -> list[Prompt | PromptQuarantine]:
        """Each prompt as it may be asked, or held back for a person to look at.

        `known` are scrubbed texts by prompt id: what a variant was made from, whose surrogates it may repeat.
        """
        parts = [self._parts(prompt, (known or {}).get(prompt.id, "")) for prompt in prompts]
        Looks.scrub_all(self._scrubber, [looks for part in parts for looks in part.looks])
        return [self._judged(part) for part in parts]

    def ruled(self, prompt: Prompt) -> bool:
        """Whether a person has ruled on this scrubbed prompt."""
        return held_key(prompt) in self._rulings or any(
            isinstance(entry, dict) and entry.get("detector") == BY_A_PERSON for entry in prompt.masked
        )

    def _parts(self, prompt: Prompt, known: str) -> _Parts:
        """What is said, and the columns beside it.

        Columns often quote the prompt, cut or wrapped, and a tagger may see names there that it does not see in the
        whole: what a message shows depends on the messages, and on columns that hold somebody's name.
        """
        writer, judge = self._writer(prompt, known), self._scrubber.judge("prompt")
        said, beside = Looks(writer, judge), Looks(writer, judge)
        messages = [_message(message, said, f"messages.{i}") for i, message in enumerate(prompt.messages)]
        group = said.text(prompt.group, (constant("group"),)) if self._new(prompt.group) else None
        fields = beside.value(prompt.fields, (constant("fields"),))
        for key, value in prompt.fields.items():
            if isinstance(value, str) and len(value) <= NAME_LENGTH and _NAMES_SOMEBODY.search(key):
                said.value(value, key=key)
        for message in prompt.messages if prompt.fields else ():
            beside.text(message.content)

        def now() -> Prompt:
            return prompt.model_copy(
                update={
                    "messages": tuple(message() for message in messages),
                    "fields": fields(),
                    "group": self._group(prompt.group, group),
                }
            )

        return _Parts(now, (said, beside))

    def _writer(self, prompt: Prompt, known: str) -> Writer:
        """One record's writer; named by the last user turn, so that the same text alone comes out the same."""
        wide = self._scrubber.table.scope == "conversation" and prompt.group is not None
        return self._scrubber.writer(f"group {prompt.group}" if wide else prompt.text, known)

    def _new(self, group: str | None) -> TypeGuard[str]:
        return group is not None and group not in self._groups

    def _group(self, group: str | None, scrubbed: Later | None) -> str | None:
        if group is None:
            return None
        if group not in self._groups:
            text = scrubbed() if scrubbed else group
            self._groups[group] = group if text == group else f"{text} {len(self._groups) + 1}"
        return self._groups[group]

    def _judged(self, part: _Parts) -> Prompt | PromptQuarantine:
        prompt = part.now()
        found = [entry for looks in part.looks for entry in entries(looks.places, self._scrubber)]
        prompt = prompt.model_copy(update={"masked": (*prompt.masked, *found)})
        # A person's marks hold also where a changed setting would not hold the prompt any more.
        if self._rulings and (ruling := self._rulings.get(held_key(prompt))) is not None:
            return marked(prompt, ruling.marks)
        reasons = (held_back(self._scrubber, looks) for looks in part.looks)
        held = next((reason for reason in reasons if reason is not None), None)
        return prompt if held is None else PromptQuarantine(prompt, *held)


def _message(message: Message, looks: Looks, path: str) -> Callable[[], Message]:
    content = looks.text(message.content, (constant(path),))
    calls = [
        (call, looks.text_or_json(call.arguments, (constant(f"{path}.tool_calls"),))) for call in message.tool_calls
    ]
    return lambda: message.model_copy(
        update={
            "content": content(),
            "tool_calls": tuple(call.model_copy(update={"arguments": arguments()}) for call, arguments in calls),
        }
    )


def held_key(prompt: Prompt) -> str:
    """What a ruling names a held prompt by: the digest of its masked messages."""
    return digest([[message.role, message.content] for message in prompt.messages])


def marked(prompt: Prompt, marks: Sequence[Mark]) -> Prompt:
    """The prompt with what a person pointed out masked as well; ledger entries say who found it."""
    messages = list(prompt.messages)
    for number in sorted({mark.message for mark in marks}):
        text = messages[number].content
        own = sorted((m for m in marks if m.message == number), key=lambda m: m.start)
        spans = resolved([Span(mark.entity.upper(), mark.start, mark.end) for mark in own])
        messages[number] = messages[number].model_copy(update={"content": masked(text, spans)})
    entries: list[JsonValue] = [
        {
            "type": m.entity.upper(),
            "path": f"messages.{m.message}",
            "start": m.start,
            "end": m.end,
            "detector": BY_A_PERSON,
        }
        for m in marks
    ]
    return prompt.model_copy(update={"messages": tuple(messages), "masked": (*prompt.masked, *entries)})


def held_back(scrubber: Scrubber, looks: Looks) -> tuple[str, str, Literal["quarantine", "drop"]] | None:
    """Reason and words for holding a record back or dropping it, or None."""
    ruled = sorted(looks.verdicts, key=lambda verdict: verdict.action != "drop")
    if ruled:
        return "content_rule", ruled[0].words, "drop" if ruled[0].action == "drop" else "quarantine"
    held = _doubted(scrubber, looks)
    return None if held is None else (*held, "quarantine")


def _doubted(scrubber: Scrubber, looks: Looks) -> tuple[str, str] | None:
    doubts = [span.entity.lower() for seen in looks.seen for span in seen.doubts]
    if doubts:
        kinds = ", ".join(sorted(set(doubts)))
        return "scrub_uncertain", f"something may be a {kinds} and scored just below the cut; a person must look"
    if looks.uncertain:
        return "scrub_uncertain", "a secret was found whose end could not be told; a person must look"
    if looks.places and scrubber.table.action == "quarantine":
        words = f"{values(len(looks.places))} of personal data masked in the text, and [scrub] action is quarantine"
        return "personal_data", words
    return None
