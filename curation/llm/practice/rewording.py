"""Rewords a message by rule: shorter, with typing mistakes, more formal; numbers, ids and placeholders survive.

The practice server answers rewording requests with it and knows beforehand, from the same rules, which texts to
expect back as prompts.
"""

import re

from curation.records import draw

OPENINGS = ("Dear support team,", "Good day,", "To whom it may concern,", "Dear Sir or Madam,")
CLOSINGS = (
    "Thank you in advance for your assistance.",
    "I look forward to hearing from you.",
    "Kind regards",
    "I would appreciate a prompt reply.",
)
FORMAL = {
    "can't": "cannot", "won't": "will not", "don't": "do not", "didn't": "did not", "doesn't": "does not",
    "isn't": "is not", "i'm": "I am", "i've": "I have", "it's": "it is", "pls": "please", "thx": "thank you",
    "asap": "as soon as possible", "u": "you", "want": "would like", "get": "receive", "need": "require",
}  # fmt: skip
SMALL_TALK = re.compile(r"^(hi|hello|hey|dear|good (morning|day|evening)|thanks|thank you|regards|cheers)\b", re.I)
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def reword(text: str, style: str, variant: int) -> str:
    """The text in another wording; equal arguments give equal words, an unknown style a mild rearrangement.

    >>> reword("Hi there. I can't log in. Order ORD-123456 is missing.", "shorter", 0)
    "I can't log in. Order ORD-123456 is missing."
    """
    key = f"{style}|{variant}|{text}"
    lower = style.lower()
    if "short" in lower:
        return _shorter(text)
    if "typ" in lower or "mistake" in lower:
        return _mistyped(text, key)
    if "formal" in lower:
        return _formal(text, key)
    return _rearranged(text, key)


def _shorter(text: str) -> str:
    sentences = SENTENCE.split(text.strip())
    telling = [s for s in sentences if not SMALL_TALK.match(s)] or sentences
    kept = [s for i, s in enumerate(telling) if i < 2 or re.search(r"\d|\[[A-Z]", s)]
    return " ".join(kept)


def _mistyped(text: str, key: str) -> str:
    words = text.split(" ")
    return " ".join(_typo(w, draw(0, "typo", key, i)) for i, w in enumerate(words))


def _typo(word: str, u: float) -> str:
    """About one word in four loses, doubles or swaps a letter; words with digits, brackets or @ never do."""
    if u >= 0.25 or len(word) < 4 or not word.isalpha():
        return word
    i = 1 + int(u * 4 * (len(word) - 2))
    match int(u * 400) % 3:
        case 0:
            return word[:i] + word[i + 1 :]
        case 1:
            return word[:i] + word[i] + word[i:]
        case _:
            return word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :]


def _formal(text: str, key: str) -> str:
    body = re.sub(r"[\w']+", lambda m: FORMAL.get(m[0].lower(), m[0]), text.strip())
    opening = OPENINGS[int(draw(0, "opening", key) * len(OPENINGS))]
    closing = CLOSINGS[int(draw(0, "closing", key) * len(CLOSINGS))]
    return f"{opening} {body} {closing}"


def _rearranged(text: str, key: str) -> str:
    sentences = SENTENCE.split(text.strip())
    turn = 1 + int(draw(0, "turn", key) * max(1, len(sentences) - 1))
    return " ".join(sentences[turn:] + sentences[:turn]) if len(sentences) > 1 else f"Quick question: {text.strip()}"
