"""Answers that decline to answer."""

import re
from typing import Annotated

from pydantic import Field

from curation.checking import Check, Drop, quote
from curation.records import Sample

_UNABLE = (
    r"(?:can ?not|can['’]?t|could ?n['’]t|(?:am|['’]m) (?:not able|unable|not (?:programmed|designed|allowed|permitted)"
    r"|not comfortable)(?: to)?|won['’]?t(?: be able to)?|will not(?: be able to)?|do(?: not|n['’]t) feel comfortable"
    r"|must (?:decline|refuse) to|refuse to|decline to|(?:would not|wouldn['’]t) be able to)"
)
_HELP = (
    r"(?:assist|help|provide|fulfil|comply|answer|engage|create|generate|write|support|offer|suggest|give|share|discuss"
    r"|endorse|condone|encourage|promote|advise|satisfy|participate|facilitate|tell you|do that|recommend|teach|guide"
    r"|produce|express|respond|agree|speculate|entertain|be of (?:assistance|help))"
)
_PATTERNS = (
    rf"\bi(?: \w+){{0,2}}? ?{_UNABLE}(?: \w+){{0,2}}? {_HELP}",
    rf"\bsorry,? (?:but |i |we )(?:i |we )?{_UNABLE}(?! (?:wait|believe|find))",
    r"\bsorry,? (?:but (?:this|that|the|your)|for any)|\bi apologi[sz]e,? but (?:it|the|this|that|your)",
    r"\b(?:it|that|this)(?:['’]s| is|(?: would|['’]d) be) (?:not|never)(?: \w+(?: or)?)? "
    r"(?:appropriate|acceptable|ethical|respectful|fair|okay)\b",
    r"\b(?:not|n['’]t) (?:think|believe)(?: that)? (?:it['’]s|it is) "
    r"(?:appropriate|fair|accurate|right|ethical|okay)\b",
    r"\bnot within my (?:programming|capabilit|guideline)|\b(?:goes )?against my (?:programming|guidelines|principles)",
    r"\bi do(?:n['’]t| not) have access to (?:personal|private)",
    r"\bcontains? (?:harmful|offensive)(?: and \w+)? (?:assumption|stereotype|content|language)",
    # German, French, Spanish, Italian, Portuguese, Dutch
    r"\bich kann (?:ihnen |dir |euch |das |dabei |dazu |leider )*(?:nicht|keine?)\b.{0,40}"
    r"(?:helfen|unterstützen|beantworten|bereitstellen|anbieten|weiterhelfen|auskunft)",
    r"\bje (?:suis désolée?,? mais je )?ne (?:peux|puis|suis pas en mesure)\b.{0,20}"
    r"(?:aider|fournir|répondre|assister|donner)",
    r"\b(?:lo siento,?.{0,12} )?no (?:puedo|podemos) .{0,12}(?:ayudar|proporcionar|responder|asistir|ofrecer)",
    r"\bnon posso .{0,12}(?:aiutar|fornire|rispondere|assist)",
    r"\bnão posso .{0,12}(?:ajudar|fornecer|responder|auxiliar)",
    r"\bik kan (?:je |u |daar |hier |dat )*(?:niet|geen)\b.{0,30}(?:helpen|geven|beantwoorden|verstrekken)",
)
_DECLINES = re.compile("|".join(f"(?:{p})" for p in _PATTERNS), re.IGNORECASE)


class Refusal(Check):
    """Object to a reply the provider marked as a refusal, or whose opening declines to help.

    Only the first `opening` characters are read: a caveat later on is no refusal. A parsed JSON answer or label did
    answer, so its text is read only where `field` names one ("we cannot refund" is a fine reply to a customer).

    Against the human label of XSTest (450 prompts, full and partial refusals counted alike): precision 0.995 and
    recall 0.918 on GPT-4's completions, 0.976 and 0.914 on Llama 2's. The benchmark's own string match reaches 0.924
    and 0.945, 0.975 and 0.885. English was measured, the other languages were not.
    """

    opening: Annotated[int, Field(ge=20)] = 250
    field: str | None = None

    def __call__(self, sample: Sample) -> Drop | None:
        """Read the stop reason, then the opening."""
        if sample.stop == "refusal":
            return self.against("refusal", "the provider marked the reply as a refusal")
        if sample.stop == "filtered":
            return self.against("refusal", "the provider's content filter withheld the reply")
        found = declines(self._text(sample)[: self.opening])
        return None if found is None else self.against("refusal", f"answer declines: {quote(found)}")

    def _text(self, sample: Sample) -> str:
        if self.field is None:
            return "" if sample.labels is not None else sample.answer or ""
        value = (sample.labels or {}).get(self.field)
        return value if isinstance(value, str) else ""


def declines(text: str) -> str | None:
    """The words with which a text declines to help, or None.

    >>> declines("I'm sorry, but I can't help with that.")
    "sorry, but I can't"
    """
    found = _DECLINES.search(text)
    return found.group() if found else None
