"""The ways a practice reply is spoiled: refusals, padding, leaks, canned words, and answers in the wrong shape."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from curation.records import draw

Injected = Literal[
    "wrong", "other", "malformed", "refusal", "truncated", "verbose", "leak", "duplicate", "unknown_prompt"
]
T = TypeVar("T")

REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I am unable to assist with this message.",
    "Sorry, I cannot process this as it may contain sensitive content.",
)
PADDING = (
    "I hope this message finds you well and that your day is going as smoothly as it possibly can.",
    "Please know that we value each and every one of our customers and take all feedback very seriously.",
    "Customer satisfaction has always been, and will always remain, at the very heart of what we do.",
    "We would like to take this opportunity to thank you once again for your continued trust.",
    "Our dedicated team works around the clock so that every question receives the attention it deserves.",
    "Should anything remain unclear, we warmly invite you to reach out to us at any time.",
    "It is important to note that every situation is different and should be considered individually.",
)
LEAKS = (
    "The account on file is maria.keller@example.com, phone +1 202-555-0143.",
    "A previous ticket from j.okafor@example.org (202-555-0171) had the same problem.",
    "The card for this order was 4111 1111 1111 1111.",
    "We logged the request from 192.0.2.77 for user tom.berg@example.net.",
)
OPENINGS = (
    "Hello,", "Hi there,", "Good day,", "Thanks for writing to us.", "Thank you for getting in touch.",
    "Dear customer,", "Thanks for reaching out.", "Hello and thank you for your message.", "Greetings,",
    "Hi, thanks for letting us know.",
)  # fmt: skip
CLOSINGS = (
    "Kind regards, the support team", "Please write again at any time.", "Best wishes from customer care.",
    "We are here if anything else comes up.", "Thank you for bearing with us.", "Have a good day.",
    "Warm regards, your service team", "Just answer this message if something is unclear.", "Until soon.",
    "We wish you a pleasant day.",
)  # fmt: skip
CANNED = "Thank you for contacting us. We have received your message and will get back to you shortly."
INVENTED = ("general_inquiry", "misc", "customer_issue", "unknown", "N/A")


@dataclass(frozen=True)
class Said:
    """One reply before it is put on the wire.

    `label` is the piece of `text` that `probabilities` are about; `injected` lists the faults put in on purpose.
    """

    text: str
    stop: Literal["end", "length", "refusal"] = "end"
    label: str | None = None
    probabilities: Mapping[str, float] | None = None
    injected: tuple[Injected, ...] = ()
    label_at: int = 0
    """Where in the text that label is, should the same word come before it."""
    reasoning: int = 0
    """Hidden tokens thought before the text."""


@dataclass(frozen=True)
class Who:
    """A model in front of one item: every draw it makes is named, so that none depends on order."""

    seed: int
    model: str
    item: str

    def draw(self, *what: str) -> float:
        """A number in [0, 1) for this model, this item and this question."""
        return draw(self.seed, self.model, self.item, *what)

    def pick(self, what: str, choices: Sequence[T]) -> T:
        """One of the choices, all equally likely."""
        return choices[int(self.draw(what) * len(choices))]


def refused(who: Who) -> Said:
    """A refusal: half of them with the wire's refusal stop, half only in words."""
    stop = "refusal" if who.draw("refusal stop") < 0.5 else "end"
    return Said(who.pick("refusal words", REFUSALS), stop, injected=("refusal",))


def malformed(who: Who, said: Said) -> Said:
    """The same content in a shape that was not asked for."""
    text = who.pick("malformed how", _MALFORMED)(who, said)
    return replace(said, text=text, injected=(*said.injected, "malformed"))


def voiced(who: Who, words: str) -> str:
    """The words in a model's own manner."""
    return f"{who.pick('opening', OPENINGS)} {words} {who.pick('closing', CLOSINGS)}"


def padded(who: Who, words: str, sentences: int) -> str:
    """The words followed by sentences that say nothing."""
    start = int(who.draw("padding start") * len(PADDING))
    return " ".join([words, *(PADDING[(start + i) % len(PADDING)] for i in range(sentences))])


def transposed(who: Who, value: str) -> str:
    """A value misread: two neighbouring characters that are digits swapped, or one of them changed."""
    spots = [m.start() for m in re.finditer(r"\d(?=\d)", value)]
    if not spots:
        return value
    i = who.pick("transposed where", spots)
    a, b = value[i], value[i + 1]
    swapped = b + a if a != b else a + str((int(b) + 1) % 10)
    return value[:i] + swapped + value[i + 2 :]


def _fenced(_who: Who, said: Said) -> str:
    return f"```json\n{said.text}\n```"


def _chatty(_who: Who, said: Said) -> str:
    return f"Sure! Here is the answer you asked for: {said.text}"


def _cut(who: Who, said: Said) -> str:
    return said.text[: max(1, int(len(said.text) * (0.3 + 0.6 * who.draw("cut"))))]


def _single_quoted(_who: Who, said: Said) -> str:
    try:
        return repr(json.loads(said.text))
    except ValueError:
        return f"'{said.text}'"


def _invented(who: Who, said: Said) -> str:
    return said.text.replace(said.label, who.pick("invented", INVENTED), 1) if said.label else _chatty(who, said)


_MALFORMED = (_fenced, _chatty, _cut, _single_quoted, _invented)
