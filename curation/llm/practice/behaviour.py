"""What a practice model says: the right answer from the key, spoiled as its profile states."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

from pydantic import JsonValue

from curation.llm.practice.key import Answer, Found, KeyBook
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
from curation.llm.practice.talking import FIRST, Talk, Thought, as_candidates, with_confidence, with_rationale
from curation.records import draw

NORMAL = NormalDist()
SEES_MISTAKE = 0.7
"""How often a model that was wrong finds it out when asked to criticize itself ..."""
SEES_NOTHING = 0.08
"""... and how often one that was right finds fault all the same."""
MENDS = 0.4
"""A model that has seen problems errs so much less often."""
PROBLEMS = (
    "The answer does not fit what the message asks for.",
    "Another reading of the message is more likely than the one chosen.",
    "The message was read too quickly; the choice should be made again.",
)


@dataclass(frozen=True)
class Behaviour:
    """The practice models' minds: pure functions of the seed, the key and what is asked."""

    book: KeyBook
    seed: int

    def answer(self, model: str, profile: Profile, text: str, index: int = 0, talk: Talk = FIRST) -> Said:
        """The reply of a teacher to a prompt's text; `index` is which of n samples this is, `talk` how it is asked.

        What it holds to be true stays the same over the turns of a talk until it has seen problems in it; whether
        it refuses, rambles or answers out of shape is drawn anew at every turn.
        """
        found = self.book.find(text)
        if found is None:
            return Said("I have no answer to that.", injected=("unknown_prompt",))
        item = f"{found.entry.id}~{found.variant}#{index}"
        fate = Who(self.seed, model, item + (f"@{talk.turn}" if talk.turn > 1 else ""))
        if fate.draw("refusal") < profile.refusal:
            return refused(fate)
        who = Who(self.seed, model, item + (f"@revised{talk.revisions}" if talk.revisions else ""))
        profile = _careful(profile) if talk.revisions else profile
        if talk.purpose == "critique":
            said = self._criticized(who, fate, profile, found)
        else:
            said = self._wrapped(who, fate, self._thought(who, fate, profile, found), talk)
        said = said if found.known else replace(said, injected=(*said.injected, "unknown_prompt"))
        return malformed(fate, said) if fate.draw("malformed") < profile.malformed else said

    def errs(self, who: Who, found: Found, what: str, rate: float) -> tuple[bool, float]:
        """Whether the model errs here, and how probable that was given what all models share on this item."""
        p = min(rate * (0.25 + 1.5 * found.entry.difficulty), 0.95)
        if p <= 0:
            return False, 0.0
        theme = "answer" if what in ("wrong", "judge") else what
        shared = NORMAL.inv_cdf(draw(self.seed, "item", found.entry.id, theme) * 0.999998 + 1e-6)
        doubt = NORMAL.cdf((NORMAL.inv_cdf(p) - math.sqrt(SHARED) * shared) / math.sqrt(1 - SHARED))
        return who.draw(what) < doubt, doubt

    def _thought(self, who: Who, fate: Who, profile: Profile, found: Found) -> Thought:
        wrong, doubt = self.errs(who, found, "wrong", profile.wrong)
        answer = self._mistaken(who, found) if wrong else found.entry.answer
        injected: list[Injected] = []
        if wrong:
            injected.append("wrong")
        if not isinstance(answer, str):
            spoiled = self._other_fields(who, found, answer, profile.other)
            if spoiled != answer:
                injected.append("other")
            answer = spoiled
        answer, dressed = self._dressed(fate, profile, answer)
        label = self.book.target(answer)
        probabilities = None if label is None else self._probabilities(label, doubt, profile.sharpness)
        return Thought(answer, label, probabilities, doubt, (*injected, *dressed))

    def _criticized(self, who: Who, fate: Who, profile: Profile, found: Found) -> Said:
        """What a model finds wrong with its own answer: most mistakes, and now and then one that is none."""
        wrong, _ = self.errs(who, found, "wrong", profile.wrong)
        seen = fate.draw("criticism") < (SEES_MISTAKE if wrong else SEES_NOTHING)
        return Said(json.dumps({"problems": [fate.pick("problem", PROBLEMS)] if seen else []}))

    def _wrapped(self, who: Who, fate: Who, thought: Thought, talk: Talk) -> Said:
        match talk.purpose:
            case "rationale":
                return with_rationale(fate, thought)
            case "confidence":
                return with_confidence(fate, thought)
            case "candidates":
                return as_candidates(thought, self._alternatives(who, thought, talk.wanted - 1))
            case _:
                return thought.said()

    def _alternatives(self, who: Who, thought: Thought, wanted: int) -> list[tuple[Answer, float]]:
        """Other answers with their probabilities: confusable labels, then the same words in another manner."""
        spoken = list((thought.probabilities or {}).items())[1:]
        others = [(self._relabelled(who, thought.answer, label), p) for label, p in spoken[:wanted]]
        left = thought.doubt if not others else min(0.01, others[-1][1])
        while len(others) < wanted:
            left /= 2
            teller = replace(who, item=f"{who.item}/{len(others)}")
            others.append((self._retold(teller, thought.answer), left))
        return others

    def _retold(self, who: Who, answer: Answer) -> Answer:
        if isinstance(answer, str):
            return answer if self.book.answer.format == "label" else voiced(who, answer)
        return {k: voiced(who, str(v)) if self._free(k, v) else v for k, v in answer.items()}

    def _mistaken(self, who: Who, found: Found) -> Answer:
        """A plausible wrong answer: a confusable label with the words that go with it."""
        choices = self.book.confusable(found.entry)
        if not choices:
            return who.pick("anybody", self.book.entries).answer
        herd = who.draw("herd") < 0.6
        u = draw(self.seed, "which", found.entry.id) if herd else who.draw("which")
        return self._relabelled(who, found.entry.answer, choices[min(int(-math.log(1 - u) / 0.9), len(choices) - 1)])

    def _relabelled(self, who: Who, right: Answer, label: str) -> Answer:
        """An answer with another label and the words that go with it."""
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
            if k != self.book.answer.field and not self._free(k, v) and self.errs(who, found, f"other {k}", rate)[0]
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


def _careful(profile: Profile) -> Profile:
    """A model that has just seen problems in its answer."""
    return profile.model_copy(update={"wrong": profile.wrong * MENDS, "other": profile.other * MENDS})


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
