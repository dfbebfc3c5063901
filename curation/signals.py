"""What a teacher knew beyond its words: a probability per label, read from the log-probabilities of its tokens."""

import json
import math
import re
from collections.abc import Sequence

from curation.records import Reply, TokenLogprob
from curation.task import AnswerTable


def mean_logprob(reply: Reply) -> float | None:
    """Mean log-probability per token, in nats; None where the provider reported none."""
    if not reply.logprobs:
        return None
    return sum(t.logprob for t in reply.logprobs) / len(reply.logprobs)


def signal_of(reply: Reply, answer: AnswerTable) -> dict[str, float] | None:
    """Probability per label of the answer (of its target field), summing to 1; None without log-probabilities.

    The label may be several tokens: at each of them the alternatives share the mass that the tokens before left,
    and an alternative that begins several labels shares its mass among them evenly.
    """
    labels = labels_of(answer)
    if not reply.logprobs or len(labels) < 2:
        return None
    at = _label_at(reply.text, answer)
    return None if at is None else probabilities_at(reply, at, labels)


def probabilities_at(reply: Reply, at: int, labels: Sequence[str]) -> dict[str, float] | None:
    """Probability per label of what stands at a place in a reply's text, summing to 1.

    None where the tokens do not spell that text, or none of them there begins a label.
    """
    before = _unsaid(reply, at)
    mass = {} if before is None else _mass(_from(reply.logprobs or (), before + at), labels)
    total = sum(mass.values())
    return {label: round(p / total, 6) for label, p in sorted(mass.items())} if total > 0 else None


def labels_of(answer: AnswerTable) -> tuple[str, ...]:
    """The closed set of labels: as declared, else the enum of the target field in the schema."""
    if answer.labels or answer.field is None:
        return answer.labels
    properties = (answer.json_schema or {}).get("properties")
    field = properties.get(answer.field) if isinstance(properties, dict) else None
    values = field.get("enum") if isinstance(field, dict) else None
    return tuple(v for v in values if isinstance(v, str)) if isinstance(values, list) else ()


def _label_at(text: str, answer: AnswerTable) -> int | None:
    """Where the label starts in the answer's text."""
    if answer.format == "label":
        return len(text) - len(text.lstrip())
    if answer.format != "json" or answer.field is None:
        return None
    match = re.search(rf"{re.escape(json.dumps(answer.field))}\s*:\s*\"", text)
    return match.end() if match else None


def _unsaid(reply: Reply, at: int) -> int | None:
    """How many characters the tokens spell before the answer's text begins; None where they spell another text.

    Servers list every token they generated, and take thoughts or a fence around JSON out of the text alone. A
    character split over tokens is not spelled; then the text up to `at` decides.
    """
    spelled = "".join(t.token for t in reply.logprobs or ())
    begins = spelled.rfind(reply.text)
    return begins if begins >= 0 else 0 if spelled.startswith(reply.text[: at + 1]) else None


def _from(tokens: Sequence[TokenLogprob], at: int) -> list[tuple[int, TokenLogprob]]:
    """The tokens from the one that covers position `at`, each with how many characters before `at` it holds.

    White space before `at` in the same token does not count: it belongs to the word, in its alternatives too.
    """
    start, found = 0, list[tuple[int, TokenLogprob]]()
    for token in tokens:
        end = start + len(token.token)
        if end > at:
            skip = max(0, at - start)
            found.append((0 if token.token[:skip].isspace() else skip, token))
        start = end
    return found


def _mass(tokens: Sequence[tuple[int, TokenLogprob]], labels: Sequence[str]) -> dict[str, float]:
    mass = dict.fromkeys(labels, 0.0)
    so_far, left = "", 1.0
    for skip, token in tokens:
        said = so_far + token.token[skip:]
        for other, logprob in token.top:
            if other != token.token and other[:skip] == token.token[:skip]:
                _share(mass, so_far + other[skip:], left * math.exp(logprob))
        left *= math.exp(token.logprob)
        if len(fitting := _beginning(said, labels)) <= 1:
            if fitting:
                mass[fitting[0]] += left
            break
        so_far = said
    return mass


def _share(mass: dict[str, float], said: str, p: float) -> None:
    fitting = _beginning(said, list(mass))
    for label in fitting:
        mass[label] += p / len(fitting)


def _beginning(said: str, labels: Sequence[str]) -> list[str]:
    """The labels that what was said begins, or that it is, with a quote or white space after it."""
    word, closed, _ = said.lstrip().partition('"')
    word = word.rstrip() if word.rstrip() in labels else word
    exact = [x for x in labels if x == word]
    return exact if exact or closed or not word else [x for x in labels if x.startswith(word)]
