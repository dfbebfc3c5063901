"""Rare strings are held for a person: what stays after scrubbing, stands in few sources and is in no list of words.

A name that no detector knows, or one customer's number, is told by being rare: what many sources share identifies
nobody. Prompts are held before anybody is asked, answers before anybody sees them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import polars as pl
from pydantic import JsonValue

from curation.pipeline import Outcome
from curation.rarity import Rare, rare_strings
from curation.records import Decision, Prompt, decisions_frame
from curation.scrub.prompts import PromptQuarantine

REASON = "rare_string"


@dataclass(frozen=True)
class _Texts:
    """The user turns of prompts by their source; read anew each time it is walked over."""

    prompts: Iterable[Prompt]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for prompt in self.prompts:
            yield from ((_source(prompt), m.content) for m in prompt.messages if m.role == "user")


def held_for_rarity(prompts: Iterable[Prompt], k: int) -> Callable[[Prompt], PromptQuarantine | None]:
    """Says of each of these prompts whether it holds a string that fewer than `k` sources (groups, or prompts) hold."""
    rare = rare_strings(_Texts(prompts), k, _known())
    return partial(_held, rare=rare, k=k)


def _held(prompt: Prompt, rare: Mapping[str, list[Rare]], k: int) -> PromptQuarantine | None:
    found = rare.get(_source(prompt))
    return None if not found else PromptQuarantine(prompt, REASON, _words(len(found), k, "the prompt"))


def _source(prompt: Prompt) -> str:
    return prompt.group or prompt.id


@dataclass(frozen=True)
class RareStep:
    """Step `rare`: answers with a string that the answers to fewer than `k` prompts hold wait for a person."""

    k: int
    name: str = "rare"
    scope: Literal["sample", "table"] = "table"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Hold what holds something rare; what its own prompt says as well was looked at there."""
        rows = samples.select("id", "prompt_id", "messages", "answer").rows(named=True)
        answers = [(row["prompt_id"], row["answer"] or "") for row in rows]
        rare = rare_strings(answers, self.k, _known())
        decisions: list[Decision] = []
        seen: dict[str, int] = {}
        for row in rows:
            number = seen[row["prompt_id"]] = seen.get(row["prompt_id"], -1) + 1
            asked = " ".join(m["content"] for m in row["messages"] or ()).casefold()
            places = [p for p in rare.get(row["prompt_id"], ()) if p.text == number]
            new = [p for p in places if row["answer"][p.start : p.end].casefold() not in asked]
            if new:
                evidence: dict[str, JsonValue] = {
                    "places": [{"start": p.start, "end": p.end, "sources": p.sources} for p in new]
                }
                words = _words(len(new), self.k, "the answer")
                decisions.append(
                    Decision(
                        sample=row["id"], step=self.name, action="quarantine", reason=REASON, words=words,
                        number=len(new), evidence=evidence,
                    )
                )  # fmt: skip
        return Outcome(decisions_frame(decisions))

    def describe(self) -> dict[str, JsonValue]:
        """How many sources are enough."""
        return {"sources": self.k}


def _words(found: int, k: int, where: str) -> str:
    what = "a name, number or code" if found == 1 else f"{found} names, numbers or codes"
    return f"{what} in {where} that fewer than {k} sources hold and no list of words knows; a person must look"


def _known() -> Callable[[str], bool]:
    from curation.tagger.tagger import Tagger

    return Tagger.load().is_ordinary
