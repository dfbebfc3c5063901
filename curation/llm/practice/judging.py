"""What a practice model says as a judge: whether an answer's target and extracted fields are right, then erred upon.

It is asked about one answer (accept or reject, or a list of points) or about several (the place of the best one). In
the talk of a planted answer it finds no better reasons than `gullible` of the time.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from curation.llm.practice.behaviour import Behaviour
from curation.llm.practice.key import Answer, Found
from curation.llm.practice.profiles import Profile
from curation.llm.practice.reading import Asked
from curation.llm.practice.spoiling import Said, Who, malformed

ADDRESSED = re.compile(r"\b(?:verdict|judges?|criteri(?:a|on)|evaluat(?:or|ion))\b", re.IGNORECASE)
"""Words of an answer that talk to whoever judges it."""
NEAR = 3
"""Labels a message could be taken for; an answer with any other one belongs to another message, or is none."""
HALVED = 0.5
"""Beside a reference answer a judge errs so much less often."""
STEADY = 0.5
"""Share of a judge's errors in comparing that follow the answers; the others follow their places."""
REASONS = {
    "accept": "The answer fits the message.",
    "reject": "The answer does not fit what the customer asks for.",
    "tie": "Neither answer is better than the other.",
    "none": "No answer fits what the customer asks for.",
}


@dataclass(frozen=True)
class Opinion:
    """A verdict before it is put into a form, how probable an error was, and whether it is one."""

    verdict: str
    doubt: float
    erred: bool
    who: Who


@dataclass(frozen=True)
class Form:
    """What may be said: a word of the menu, or yes and no to each item."""

    menu: tuple[str, ...]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judging:
    """The practice models as judges; pure functions of the seed, the key and what is asked."""

    behaviour: Behaviour

    def said(self, asked: Asked, profile: Profile, line: Mapping[str, Any], turn: int = 1) -> Said:
        """The reply to a request that carries this material in its last line."""
        found = self.behaviour.book.find(str(line.get("prompt", "")))
        if found is None:
            return Said("I cannot judge this.", injected=("unknown_prompt",))
        form = _form(asked, line)
        answers = line.get("answers")
        if isinstance(answers, dict):
            opinion = self._best(asked.model, profile, found, {k: str(v) for k, v in answers.items()}, form)
        else:
            opinion = self._one(asked.model, profile, found, str(line.get("answer", "")), "reference" in line)
        said = Said(json.dumps(_content(opinion, form)), injected=("wrong",) if opinion.erred else ())
        fate = replace(opinion.who, item=f"{opinion.who.item}@{turn}") if turn > 1 else opinion.who
        if fate.draw("malformed") < profile.malformed / 2:
            return malformed(fate, said)
        said = _with_nonce(said, asked, line)
        return _weighed(said, opinion, form, profile) if asked.top >= 0 and not form.items else said

    def _one(self, model: str, profile: Profile, found: Found, candidate: str, guided: bool) -> Opinion:
        who = Who(self.behaviour.seed, model, f"{found.entry.id}~{found.variant}|{candidate}")
        if self._planted(found, candidate):
            fooled = who.draw("gullible") < profile.gullible
            return Opinion("accept" if fooled else "reject", _least(profile.gullible), fooled, who)
        errs, doubt = self.behaviour.errs(who, found, "judge", profile.judge * (HALVED if guided else 1))
        accept = self._agrees(found.entry.answer, candidate) != errs
        return Opinion("accept" if accept else "reject", doubt, errs, who)

    def _best(self, model: str, profile: Profile, found: Found, answers: Mapping[str, str], form: Form) -> Opinion:
        """The place of the best answer; part of the errors stay with the answers, part with the places."""
        seed, item = self.behaviour.seed, f"{found.entry.id}~{found.variant}"
        who = Who(seed, model, f"{item}|{'|'.join(answers.values())}")
        steady = Who(seed, model, f"{item}|{'|'.join(sorted(answers.values()))}")
        planted = [name for name, answer in answers.items() if self._planted(found, answer)]
        fooled = [n for n in planted if replace(who, item=f"{item}|{answers[n]}").draw("gullible") < profile.gullible]
        if fooled:
            return Opinion(min(fooled, key=lambda n: answers[n]), _least(profile.gullible), True, who)
        sane = [name for name in answers if name not in planted]
        best = self._preferred(found, {name: answers[name] for name in sane}, steady, form.menu[-1])
        by_answer = steady.draw("steady") < STEADY
        errs, doubt = self.behaviour.errs(steady if by_answer else who, found, "judge", profile.judge)
        others = [name for name in sane if name != best]
        if not errs or not others:
            return Opinion(best, doubt, False, who)
        return Opinion(min(others, key=lambda n: answers[n]) if by_answer else others[0], doubt, True, who)

    def _preferred(self, found: Found, answers: Mapping[str, str], steady: Who, none: str) -> str:
        """The right answer, one of several; where all are alike, now and then a tie, and no winner among wrong ones."""
        right = [name for name, answer in answers.items() if self._agrees(found.entry.answer, answer)]
        some = right or (list(answers) if none == "tie" else [])
        if not some or (len(some) > 1 and none == "tie" and steady.draw("tie") < 0.5):
            return none
        return min(some, key=lambda name: replace(steady, item=f"{steady.item}|{answers[name]}").draw("taste"))

    def _planted(self, found: Found, candidate: str) -> bool:
        """Whether an answer is none at all, talks to its judge, or belongs to another message."""
        if not candidate.strip() or ADDRESSED.search(candidate):
            return True
        book = self.behaviour.book
        right = book.target(found.entry.answer)
        return right is not None and book.target(_read(candidate)) not in (right, *book.confusable(found.entry)[:NEAR])

    def _agrees(self, right: Answer, candidate: str) -> bool:
        if isinstance(right, str):
            return candidate.strip() == right
        said = _read(candidate)
        answer = self.behaviour.book.answer
        fields = [answer.field or "label", *answer.extract]
        return isinstance(said, dict) and all(said.get(f) == right.get(f) for f in fields)


def _least(rate: float) -> float:
    return min(rate, 1 - rate)


def _read(candidate: str) -> Answer:
    try:
        said = json.loads(candidate)
    except ValueError:
        return candidate.strip()
    return said if isinstance(said, dict) else candidate.strip()


def _form(asked: Asked, line: Mapping[str, Any]) -> Form:
    """The form the schema asks for; without a schema, the one the instructions describe."""
    properties = asked.schema.get("properties")
    stated = properties if isinstance(properties, dict) else {}
    verdict, items = stated.get("verdict"), stated.get("items")
    told = " ".join(words for role, words in asked.turns if role != "assistant")
    names = list(items["properties"]) if isinstance(items, dict) else re.findall(r'"([^"]+)": "yes" or "no"', told)
    if isinstance(verdict, dict) and isinstance(verdict.get("enum"), list):
        return Form(tuple(verdict["enum"]))
    if isinstance(answers := line.get("answers"), dict):
        return Form((*answers, "tie" if '"tie"' in told else "none"))
    return Form(("accept", "reject"), tuple(names))


def _content(opinion: Opinion, form: Form) -> dict[str, Any]:
    reason = REASONS.get(opinion.verdict, "It fits the message best.")
    if not form.items:
        return {"verdict": opinion.verdict, "reason": reason}
    failed = {opinion.who.pick(f"item {i}", form.items) for i in range(2)} if opinion.verdict == "reject" else ()
    return {"items": {item: "no" if item in failed else "yes" for item in form.items}, "reason": reason}


def _with_nonce(said: Said, asked: Asked, line: Mapping[str, Any]) -> Said:
    """The nonce given back where the schema asks for it, or where there is no schema."""
    properties = asked.schema.get("properties")
    if asked.schema and not (isinstance(properties, dict) and "nonce" in properties):
        return said
    return replace(said, text=json.dumps({**json.loads(said.text), "nonce": line.get("nonce")}))


def _weighed(said: Said, opinion: Opinion, form: Form, profile: Profile) -> Said:
    """With probabilities for its verdict: 1 - doubt on what it says, the rest shared by what else is on the menu."""
    doubt = min(max(opinion.doubt, 0.004), 0.97)
    sure = 1 / (1 + (doubt / (1 - doubt)) ** profile.sharpness)
    others = [word for word in form.menu if word != opinion.verdict]
    shares = {opinion.verdict: sure} | dict.fromkeys(others, (1 - sure) / max(1, len(others)))
    before = '"verdict": "'
    return replace(said, label=opinion.verdict, probabilities=shares, label_at=said.text.find(before) + len(before))
