"""What a pilot asks: prompts drawn over all tags, gold rows over all slices; the same for the same seed."""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from curation.answers import target
from curation.reading import prompt_of
from curation.records import Prompt, Record, draw
from curation.scrub.prompts import PromptScrubber
from curation.scrub.scrubber import Scrubber
from curation.store.gold import Gold, GoldItem
from curation.tables import AnswerTable, PromptsTable

BREADTH_PROMPTS = 400
"""Prompts that breadth is measured on; the figure depends on their number, so that it is always the same."""

Stratum = tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """A drawn prompt, and how many prompts of its kind it stands for."""

    prompt: Prompt
    weight: float


class Breadth(Record):
    """How varied prompts are: of the words of one half of them, the share that the other half never uses.

    The rate of words out of vocabulary, as speech recognition measures it; `prompts` says on how many.
    """

    unseen: float | None
    prompts: int


def draw_prompts(prompts: Iterable[Prompt], n: int, seed: int) -> list[Drawn]:
    """At most `n` prompts, spread over the sets of tags they carry; `prompts` is walked over twice.

    Each set gets places in proportion to the square root of its size, the compromise between figures for the whole
    and for its parts (power allocation, Bankier 1988), so rare tags are over-represented and weights say by how much.
    """
    sizes = Counter(_stratum(p) for p in prompts)
    places = allocate(sizes, n)
    heaps: dict[Stratum, list[tuple[float, str, Prompt]]] = defaultdict(list)
    for prompt in prompts:
        stratum = _stratum(prompt)
        if not places.get(stratum):
            continue
        heap, entry = heaps[stratum], (-draw(seed, "pilot", prompt.id), prompt.id, prompt)
        if len(heap) < places[stratum]:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)
    return [
        Drawn(prompt, sizes[stratum] / places[stratum])
        for stratum in sorted(heaps)
        for _, _, prompt in sorted(heaps[stratum], key=lambda entry: -entry[0])
    ]


def allocate(sizes: Mapping[Stratum, int], n: int) -> dict[Stratum, int]:
    """`n` places for strata of these sizes, by the square root of the size, none above it.

    >>> allocate({("a",): 900, ("b",): 100, ("c",): 1}, 9)
    {('a',): 7, ('b',): 2, ('c',): 0}
    """
    places = dict.fromkeys(sorted(sizes), 0)
    for _ in range(min(n, sum(sizes.values()))):
        free = [s for s in places if places[s] < sizes[s]]
        places[max(free, key=lambda s: math.sqrt(sizes[s]) / (places[s] + 0.5))] += 1
    return places


def _stratum(prompt: Prompt) -> Stratum:
    return tuple(sorted(set(prompt.tags)))


def breadth_of(prompts: Iterable[Prompt], seed: int) -> Breadth:
    """Breadth on up to 400 prompts drawn from the seed; None of fewer than two."""
    drawn = heapq.nsmallest(BREADTH_PROMPTS, prompts, key=lambda p: (draw(seed, "breadth", p.id), p.id))
    halves = drawn[::2], drawn[1::2]
    seen = {word for prompt in halves[0] for word in plain_words(prompt.text)}
    words = [word for prompt in halves[1] for word in plain_words(prompt.text)]
    unseen = round(sum(word not in seen for word in words) / len(words), 4) if words else None
    return Breadth(unseen=unseen, prompts=len(drawn))


def plain_words(text: str) -> list[str]:
    """The words of a text, in lower case, without numbers."""
    return re.findall(r"[^\W\d_]+", text.lower())


# --- gold ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GoldRow:
    """A gold row as a prompt, which carries its slice as a tag, and the label that would be right."""

    prompt: Prompt
    expected: str


@dataclass(frozen=True)
class GoldDrawn:
    """The gold rows of a pilot; `words` says why there are none, or what was left out."""

    rows: tuple[GoldRow, ...]
    words: str | None = None


def draw_gold(gold: Gold, n: int, answer: AnswerTable, table: PromptsTable, scrubber: Scrubber, seed: int) -> GoldDrawn:
    """Up to `n` rows of each slice from the newest version of every gold set, asked as the prompts are: scrubbed."""
    items = [(name, item) for name in gold.names() for item in gold.items(name)]
    if not items:
        return GoldDrawn((), "no gold yet: `stillhouse gold import FILE` makes one")
    labelled = [(name, item, label) for name, item in items if (label := right_label(item.answer, answer)) is not None]
    if not labelled:
        return GoldDrawn((), "gold answers without a label are free text: agreement with them is not measured")
    slices: dict[str | None, list[tuple[str, GoldItem, str]]] = defaultdict(list)
    for name, item, label in sorted(labelled, key=lambda row: draw(seed, "gold", row[0], row[1].id)):
        slices[item.slice].append((name, item, label))
    chosen = [row for some in slices.values() for row in some[:n]]
    rows = _askable(chosen, table, PromptScrubber(scrubber))
    left = len(chosen) - len(rows)
    words = f"{left} gold rows were not asked: the template needs other columns, or a person must look at them first"
    return GoldDrawn(tuple(rows), words if left else None)


def right_label(value: JsonValue, answer: AnswerTable) -> str | None:
    """The label of a gold answer; None where it is none."""
    if isinstance(value, str):
        return value if answer.format == "label" else None
    return target(value, answer) if isinstance(value, dict) else None


def _askable(chosen: Sequence[tuple[str, GoldItem, str]], table: PromptsTable, scrub: PromptScrubber) -> list[GoldRow]:
    prompts: list[tuple[Prompt, str]] = []
    for name, item, label in chosen:
        tags: list[JsonValue] = [item.slice] if item.slice else []
        try:
            prompt = prompt_of({"id": f"gold:{name}:{item.id}", "text": item.text, "tags": tags}, table)
        except ValueError:  # the template wants a column that gold rows do not have
            continue
        prompts.append((prompt, label))
    scrubbed = zip(scrub([prompt for prompt, _ in prompts]), prompts, strict=True)
    return [GoldRow(clean, label) for clean, (_, label) in scrubbed if isinstance(clean, Prompt)]
