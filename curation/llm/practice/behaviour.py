"""What a practice model says: the right answer from the key, spoiled as its profile states."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

from pydantic import JsonValue

from curation.llm.practice.key import Answer, Found, KeyBook, as_text
from curation.llm.practice.profiles import SHARED, Profile
from curation.llm.practice.spoiling import (
    CANNED,
    LEAKS,
    Injected,
    Said,
    Who,
    malformed,
    padded,
    refused,
    transposed,
    voiced,
)
from curation.records import draw

NORMAL = NormalDist()


@dataclass(frozen=True)
class Behaviour:
    """The practice models' minds: pure functions of the seed, the key and what is asked."""

    book: KeyBook
    seed: int

    def answer(self, model: str, profile: Profile, text: str, index: int = 0) -> Said:
        """The reply of a teacher to a prompt's text; `index` is which of n samples this is."""
        found = self.book.find(text)
        if found is None:
            return Said("I have no answer to that.", injected=("unknown_prompt",))
        who = Who(self.seed, model, f"{found.entry.id}~{found.variant}#{index}")
        if who.draw("refusal") < profile.refusal:
            return refused(who)
        said = self._answered(who, profile, found)
        said = said if found.known else replace(said, injected=(*said.injected, "unknown_prompt"))
        return malformed(who, said) if who.draw("malformed") < profile.malformed else said

    def verdict(self, model: str, profile: Profile, prompt: str, candidate: str) -> Said:
        """A judge's verdict on an answer: whether its target and extracted fields are right, then erred upon."""
        found = self.book.find(prompt)
        if found is None:
            return Said("I cannot judge this.", injected=("unknown_prompt",))
        who = Who(self.seed, model, f"{found.entry.id}~{found.variant}|{candidate}")
        errs, _ = self._errs(who, found, "judge", profile.judge)
        accept = self._agrees(found.entry.answer, candidate) != errs
        reason = "The answer fits the message." if accept else "The answer does not fit what the customer asks for."
        text = json.dumps({"verdict": "accept" if accept else "reject", "reason": reason})
        said = Said(text, injected=("wrong",) if errs else ())
        return malformed(who, said) if who.draw("malformed") < profile.malformed / 2 else said

    def _errs(self, who: Who, found: Found, what: str, rate: float) -> tuple[bool, float]:
        """Whether the model errs here, and how probable that was given what all models share on this item."""
        p = min(rate * (0.25 + 1.5 * found.entry.difficulty), 0.95)
        if p <= 0:
            return False, 0.0
        theme = "answer" if what in ("wrong", "judge") else what
        shared = NORMAL.inv_cdf(draw(self.seed, "item", found.entry.id, theme) * 0.999998 + 1e-6)
        doubt = NORMAL.cdf((NORMAL.inv_cdf(p) - math.sqrt(SHARED) * shared) / math.sqrt(1 - SHARED))
        return who.draw(what) < doubt, doubt

    def _answered(self, who: Who, profile: Profile, found: Found) -> Said:
        wrong, doubt = self._errs(who, found, "wrong", profile.wrong)
        answer = self._mistaken(who, found) if wrong else found.entry.answer
        injected: list[Injected] = []
        if wrong:
            injected.append("wrong")
        if not isinstance(answer, str):
            spoiled = self._other_fields(who, found, answer, profile.other)
            if spoiled != answer:
                injected.append("other")
            answer = spoiled
        answer, dressed = self._dressed(who, profile, answer)
        label = self.book.target(answer)
        probabilities = None if label is None else self._probabilities(label, doubt, profile.sharpness)
        return Said(as_text(answer), "end", label, probabilities, (*injected, *dressed))

    def _mistaken(self, who: Who, found: Found) -> Answer:
        """A plausible wrong answer: a confusable label with the words that go with it."""
        right = found.entry.answer
        choices = self.book.confusable(found.entry)
        if not choices:
            return who.pick("anybody", self.book.entries).answer
        herd = who.draw("herd") < 0.6
        u = draw(self.seed, "which", found.entry.id) if herd else who.draw("which")
        label = choices[min(int(-math.log(1 - u) / 0.9), len(choices) - 1)]
        if isinstance(right, str):
            return label
        donor = self.book.donor(label, who.draw("donor"))
        words = {} if donor is None or isinstance(donor.answer, str) else donor.answer
        free = {k: v for k, v in words.items() if k in right and self._free(k, v)}
        return {**right, **free, (self.book.answer.field or "label"): label}

    def _other_fields(
        self, who: Who, found: Found, answer: Mapping[str, JsonValue], rate: float
    ) -> dict[str, JsonValue]:
        """Flags flipped, another value of an enum taken, extracted values lost or misread."""
        return {
            k: self._misread(who, k, v)
            if k != self.book.answer.field and not self._free(k, v) and self._errs(who, found, f"other {k}", rate)[0]
            else v
            for k, v in answer.items()
        }

    def _misread(self, who: Who, name: str, value: JsonValue) -> JsonValue:
        if isinstance(value, bool):
            return not value
        if name in self.book.answer.extract:
            return transposed(who, value) if isinstance(value, str) and who.draw(name, "digits") < 0.5 else None
        others = [x for x in self.book.enum(name) if x != value]
        return who.pick(f"another {name}", others) if others else value

    def _dressed(self, who: Who, profile: Profile, answer: Answer) -> tuple[Answer, list[Injected]]:
        """Canned, leaking, rambling or padded words in the answer's free text, where it has any."""
        if isinstance(answer, str):
            return (answer, []) if self.book.answer.format == "label" else _worded(who, profile, answer)
        slot = next((k for k, v in answer.items() if self._free(k, v)), None)
        if slot is None:
            return answer, []
        words, injected = _worded(who, profile, str(answer[slot]))
        return {**answer, slot: words}, injected

    def _free(self, name: str, value: JsonValue) -> bool:
        """Whether a field holds free words: a string that is no target, no extracted value and from no closed set."""
        closed = name == (self.book.answer.field or "label") or name in self.book.answer.extract
        return isinstance(value, str) and not closed and not self.book.enum(name)

    def _probabilities(self, label: str, doubt: float, sharpness: float) -> dict[str, float]:
        """What the model reports: 1 - doubt on what it says, the rest on what that is confusable with."""
        doubt = min(max(doubt, 0.004), 0.97)
        sure = 1 / (1 + (doubt / (1 - doubt)) ** sharpness)
        weights = {x: 0.55**rank + 0.002 for rank, x in enumerate(self.book.like(label)[:18])}
        total = sum(weights.values()) or 1.0
        return {label: sure} | {x: (1 - sure) * w / total for x, w in weights.items()}

    def _agrees(self, right: Answer, candidate: str) -> bool:
        if isinstance(right, str):
            return candidate.strip() == right
        try:
            said = json.loads(candidate)
        except ValueError:
            return False
        fields = [self.book.answer.field or "label", *self.book.answer.extract]
        return isinstance(said, dict) and all(said.get(f) == right.get(f) for f in fields)


def _worded(who: Who, profile: Profile, words: str) -> tuple[str, list[Injected]]:
    injected: list[Injected] = []
    words = voiced(who, words) if who.draw("voice") < profile.voice else words
    if who.draw("duplicate") < profile.duplicate:
        words, injected = CANNED, ["duplicate"]
    if who.draw("leak") < profile.leak:
        words, injected = f"{words} {who.pick('leaked', LEAKS)}", [*injected, "leak"]
    if who.draw("truncated") < profile.truncated:
        return padded(who, words, 36 + int(45 * who.draw("ramble"))), [*injected, "truncated"]
    if who.draw("verbose") < profile.verbose:
        return padded(who, words, 6 + int(4 * who.draw("padding"))), [*injected, "verbose"]
    return words, injected
