"""Prompts planned as requests; replies made into samples: what happens before any sample is decided about."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, cast

import polars as pl

from curation.answers import parse_answer
from curation.asker import Ask, Asker, Failure, Turn
from curation.asking import Way
from curation.errors import ReplyUnreadable
from curation.plugins import build
from curation.records import SAMPLES, Decision, Prompt, canonical, decisions_frame, draw, message_row
from curation.salvage import Form, Reading, Salvage
from curation.scrub.ledger import told
from curation.signals import mean_logprob, signal_of
from curation.task import AnswerTable, Task, TeacherTable

BLOCK = 4096
"""Samples made from the journal at a time."""


@dataclass(frozen=True)
class Planned:
    """One sample to be made: a prompt, the teacher that answers it, which of its n answers, and the request."""

    position: int
    prompt: Prompt
    teacher: TeacherTable
    index: int
    ask: Ask
    salvage: Salvage


@dataclass(frozen=True)
class Plan:
    """Which teacher is asked what; nothing is held but the task, so it may be walked over any number of prompts."""

    task: Task
    asker: Asker

    @cached_property
    def _ways(self) -> dict[str, Way]:
        return {t.name: way_of(t) for t in self.task.teachers}

    @cached_property
    def _form(self) -> Form:
        return Form(self.task.answer, self.task.sampling.repair)

    def samples(self, prompts: Iterable[Prompt], start: int = 0) -> Iterator[Planned]:
        """Every sample to be made, in the order (prompt, teacher in task.toml, index); positions count from `start`."""
        for position, prompt in enumerate(prompts, start):
            for teacher in self.teachers_for(prompt):
                yield from self.of(position, prompt, teacher)

    def of(self, position: int, prompt: Prompt, teacher: TeacherTable) -> Iterator[Planned]:
        """The samples of one prompt from one teacher; those of a way that asks for many share one request."""
        way = self._ways[teacher.name]
        salvage = Salvage(way, prompt, self._form, self.task.sampling, teacher.n if way.many else 1)
        asking = way(prompt, self.task.answer, teacher.n)
        ask: Ask | None = None
        for index in range(teacher.n):
            if ask is None or not way.many:
                request = self.asker.request(
                    teacher, asking.messages, answer_schema=asking.answer_schema, index=index,
                    template=asking.template, params=dict(asking.params),
                )  # fmt: skip
                ask = Ask(request, teacher, salvage)
            yield Planned(position, prompt, teacher, index, ask, salvage)

    def stream(self, prompts: Iterable[Prompt], teacher: TeacherTable) -> Iterator[Ask]:
        """What one teacher is asked, in plan order."""
        for position, prompt in enumerate(prompts):
            if teacher in self.teachers_for(prompt):
                yield from self._asks(position, prompt, teacher)

    def _asks(self, position: int, prompt: Prompt, teacher: TeacherTable) -> Iterator[Ask]:
        asks = (p.ask for p in self.of(position, prompt, teacher))
        yield from islice(asks, 1) if self._ways[teacher.name].many else asks

    def count(self, prompts: Iterable[Prompt]) -> int:
        """How many requests that is."""
        per = {t.name: 1 if self._ways[t.name].many else t.n for t in self.task.teachers}
        return sum(per[t.name] for prompt in prompts for t in self.teachers_for(prompt))

    def teachers_for(self, prompt: Prompt) -> list[TeacherTable]:
        """Those whose tags fit; of these as many as asked for, drawn by weight without putting back."""
        fitting = [t for t in self.task.teachers if not t.tags or set(t.tags) & set(prompt.tags)]
        wanted = self.task.sampling.teachers_per_prompt
        if wanted == "all" or wanted >= len(fitting):
            return fitting
        # Efraimidis and Spirakis (2006): the k largest u^(1/w) are a weighted draw without replacement.
        seed = self.task.task.seed
        luck = {t.name: draw(seed, "route", prompt.id, t.name) ** (1 / t.weight) for t in fitting}
        chosen = sorted(luck, key=lambda name: -luck[name])[:wanted]
        return [t for t in fitting if t.name in chosen]

    def stand_ins(self, prompts: Iterable[Prompt], failed: Collection[str]) -> dict[str, list[Ask]]:
        """By teacher: what is asked now because the teacher planned, and those tried since, failed or declined."""
        asks: dict[str, list[Ask]] = {}
        if not any(t.fallback for t in self.task.teachers):
            return asks
        planned = (p for p in self.samples(prompts) if p.teacher.fallback)
        while block := list(islice(planned, BLOCK)):
            for p, turns in zip(block, self.asker.recall([p.ask for p in block]), strict=True):
                following = self._next_to_ask(p, turns, failed)
                if following is not None:
                    asks.setdefault(following.teacher.name, []).append(following.ask)
        return asks

    def _next_to_ask(self, p: Planned, turns: tuple[Turn, ...], failed: Collection[str]) -> Planned | None:
        asked = {p.teacher.name}
        while p.salvage.declined(turns):
            following = self.instead(p)
            if following is None or following.teacher.name in asked:
                return None
            asked.add(following.teacher.name)
            turns = self.asker.recall([following.ask])[0]
            if not turns and following.ask.request.key not in failed:
                return following
            p = following
        return None

    def instead(self, planned: Planned) -> Planned | None:
        """The same sample from the teacher this one falls back to; None where there is none."""
        if planned.teacher.fallback is None:
            return None
        teacher = self.task.teacher(planned.teacher.fallback)
        samples = list(self.of(planned.position, planned.prompt, teacher))
        return replace(samples[min(planned.index, len(samples) - 1)], index=planned.index)


def way_of(teacher: TeacherTable) -> Way:
    """A teacher's way of asking, with its settings; TaskError where there is none of that name."""
    where = f"task.toml teacher {teacher.name!r}, ask"
    return cast("Way", build("curation.teachers", teacher.ask, teacher.ask_with, where))


# --- samples ---------------------------------------------------------------------------------------------------

SampleId = Callable[[str, int], str]
Recall = Callable[[Sequence[Ask]], list[tuple[Turn, ...]]]


class Maker:
    """Makes samples from what the journal holds; prompts of one text share a request and its reply, and from the
    second on, rows are named by their place among them."""

    def __init__(
        self,
        answer: AnswerTable,
        recall: Recall,
        sample_id: SampleId,
        failures: Mapping[str, Failure],
        instead: Callable[[Planned], Planned | None] = lambda planned: None,
    ) -> None:
        self._answer = answer
        self._recall = recall
        self._sample_id = sample_id
        self._failures = failures
        self._instead = instead
        self._seen: Counter[tuple[str, int]] = Counter()

    def frames(self, planned: Iterable[Planned]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """One row per planned sample (schema SAMPLES), kept or failed, and the decisions about the failed ones."""
        rest = iter(planned)
        samples, decisions = [pl.DataFrame(schema=SAMPLES)], [decisions_frame([])]
        while block := list(islice(rest, BLOCK)):
            rows, failed = self._block(block)
            samples.append(pl.DataFrame(rows, schema=SAMPLES))
            decisions.append(decisions_frame(failed))
        return pl.concat(samples), pl.concat(decisions)

    def _block(self, planned: Sequence[Planned]) -> tuple[list[dict[str, Any]], list[Decision]]:
        chains = self._recall([p.ask for p in planned])
        rows: list[dict[str, Any]] = []
        failed: list[Decision] = []
        for first, own in zip(planned, chains, strict=True):
            p, turns = self._answering(first, own)
            row = self._row(p, turns[0].reply.key if turns else p.ask.request.key)
            reading = p.salvage.reading(turns, p.index) if turns else None
            if reading is not None:
                row |= _answered(reading, self._answer)
            if (why := _why_failed(self._failures.get(p.ask.request.key), reading)) is not None:
                row |= {"answer": None, "state": "failed", "reason": why[0], "step": "sample"}
                failed.append(_failing(row["id"], *why))
            if p.prompt.masked:
                failed.append(told(row["id"], p.prompt))
            rows.append(row)
        return rows, failed

    def _answering(self, first: Planned, own: tuple[Turn, ...]) -> tuple[Planned, tuple[Turn, ...]]:
        """The teacher whose answer counts: the planned one, or those it falls back to where it failed or declined."""
        p, turns, asked = first, own, {first.teacher.name}
        while p.salvage.declined(turns):
            following = self._instead(p)
            if following is None or following.teacher.name in asked:
                return first, own
            asked.add(following.teacher.name)
            p, turns = following, self._recall([following.ask])[0]
        return p, turns

    def _row(self, p: Planned, key: str) -> dict[str, Any]:
        """`key` is of the request that was bought: a sample keeps its name when only the cap on its length rose."""
        place = self._seen[key, p.index]
        self._seen[key, p.index] += 1
        return {
            **dict.fromkeys(SAMPLES),
            "id": self._sample_id(f"{key}#{place}" if place else key, p.index),
            "position": p.position, "teacher": p.teacher.name, "index": p.index,
            "prompt_id": p.prompt.id, "parent": p.prompt.parent, "request_key": key,
            "messages": [message_row(m) for m in p.prompt.messages],
            "group": p.prompt.group, "tags": list(p.prompt.tags),
            "fields": canonical(p.prompt.fields).decode() if p.prompt.fields else None,
            "source": p.prompt.source, "state": "kept", "edited": False, "control": False,
        }  # fmt: skip


def _failing(sample: str, reason: str, words: str, attempts: int) -> Decision:
    return Decision(sample=sample, step="sample", action="fail", reason=reason, words=words, number=attempts)


def _why_failed(failure: Failure | None, reading: Reading | None) -> tuple[str, str, int] | None:
    """(reason, words, attempts) of what cannot become a sample; a reply that says nothing is one of these."""
    if reading is None:
        if failure is not None:
            return failure.kind, failure.words, failure.attempts
        return "missing", "no reply and no failure is known of this request", 0
    if reading.problem is not None:
        return "unreadable", reading.problem, 1
    if not reading.reply.text.strip() and not reading.reply.tool_calls:
        return "empty", f"the reply holds neither text nor a tool call (stop reason: {reading.reply.stop})", 1
    return None


def _answered(reading: Reading, answer: AnswerTable) -> dict[str, Any]:
    reply, said = reading.reply, reading.said
    signal = signal_of(reply, answer)
    calls = [c.model_dump() for c in reply.tool_calls]
    return {
        "answer": said.text,
        "labels": _labels(said.text, answer),
        "signal": None if signal is None else canonical(signal).decode(),
        "tool_calls": canonical(calls).decode() if calls else None,
        "stop": reply.stop,
        "logprob": mean_logprob(reply),
        "mode": reading.mode,
        "rationale": said.rationale,
        "confidence": said.confidence,
        "model": reply.model,
        "fingerprint": reply.fingerprint,
    }


def _labels(text: str, answer: AnswerTable) -> str | None:
    try:
        labels = parse_answer(text, answer)
    except ReplyUnreadable:
        return None  # the schema check says so and why
    return None if labels is None else canonical(labels).decode()
