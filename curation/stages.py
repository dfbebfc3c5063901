"""What happens before there are samples: prompts are read, scrubbed, varied and asked, each laid aside on disk."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import polars as pl

from curation.asker import Asker, Failure
from curation.errors import TaskError
from curation.llm.terms_registry import unknown_terms
from curation.progress import Progress
from curation.reading import BadLine, read_prompts
from curation.records import SAMPLES, Decision, Prompt, decisions_frame, digest, message_row
from curation.sampling import Maker, Plan, Planned
from curation.scrub.prompts import PromptQuarantine, PromptScrubber
from curation.scrub.rare import held_for_rarity
from curation.scrub.scrubber import Scrubber
from curation.store.scrub_rulings import PromptRulings
from curation.store.spool import Spool
from curation.store.store import Store
from curation.task import Task
from curation.varying import vary_prompts

BLOCK = 2048
"""Prompts scrubbed, or varied, at a time."""

SHOWN = 3
"""Bad lines shown one by one; the others are counted."""


class Stages:
    """One run's prompts on their way to samples; a context manager, because they lie in a file meanwhile."""

    def __init__(self, store: Store, task: Task, asker: Asker, progress: Progress, scrubber: Scrubber) -> None:
        self.read = 0
        """Prompts read, those held back included."""
        self.held: list[PromptQuarantine] = []
        self.prompts = Spool(store.layout.house)
        self.plan = Plan(task, asker)
        self._bad: list[BadLine] = []
        self._store = store
        self._task = task
        self._asker = asker
        self._progress = progress
        self._scrub = PromptScrubber(scrubber, PromptRulings(store.state, store.ledger).newest())

    @property
    def bad_lines(self) -> tuple[BadLine, ...]:
        """The lines that could not be read."""
        return tuple(self._bad)

    def read_and_scrub(self) -> None:
        """Read every prompt file; what may be asked is laid aside, what must wait for a person is held back."""
        for name in unknown_terms(self._task.teachers, self._task.task.use):
            use = self._task.task.use
            self._progress.notice(f"teacher {name!r}: nobody has read its terms for the use {use!r}; the card says so")
        for block in _blocks(self._readable(), BLOCK):
            for scrubbed in self._scrub(block):
                self._lay_aside(scrubbed)
        if self._task.scrub.enabled and self._task.scrub.rare_sources:
            self._hold_rare()
        if len(self._bad) > SHOWN:
            self._progress.notice(f"{len(self._bad)} lines were set aside in all; the other prompts go on")
        if not self.read:
            where = f"{', '.join(self._task.prompts.files)} under {self._task.root}"
            raise TaskError(f"no prompts in {where}; add a JSONL file there")

    def _tell_bad(self, bad: BadLine) -> None:
        self._bad.append(bad)
        if len(self._bad) <= SHOWN:
            self._progress.notice(f"{bad.file}:{bad.line} was set aside: {bad.reason}")

    def _hold_rare(self) -> None:
        """Hold the prompts in which something is left that few others hold, unless a person let them through."""
        with self.prompts as before:
            self.prompts = Spool(self._store.layout.house)
            held = held_for_rarity(before, self._task.scrub.rare_sources)
            for prompt in before:
                self._lay_aside(prompt if self._scrub.ruled(prompt) else held(prompt) or prompt)

    def _readable(self) -> Iterator[Prompt]:
        for read in read_prompts(self._task):
            if isinstance(read, Prompt):
                self.read += 1
                yield read
            else:
                self._tell_bad(read)

    def _lay_aside(self, scrubbed: Prompt | PromptQuarantine) -> None:
        if isinstance(scrubbed, Prompt):
            self.prompts.add(scrubbed)
        else:
            self.held.append(scrubbed)

    def vary(self) -> None:
        """Put the variants of [vary] after their prompts; what a teacher wrote is scrubbed like everything else."""
        if not self._task.vary.per_prompt:
            return
        with self.prompts as before:
            self.prompts = Spool(self._store.layout.house)
            for block in _blocks(before, BLOCK):
                texts = {prompt.id: prompt.text for prompt in block}
                made = vary_prompts(block, self._task, self._asker)
                variants = [prompt for prompt in made if prompt.id not in texts]
                scrubbed = iter(self._scrub(variants, {v.id: texts.get(v.parent or "", "") for v in variants}))
                for prompt in made:
                    self._lay_aside(prompt if prompt.id in texts else next(scrubbed))

    def sample(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Ask every planned request; prompts held back before sampling keep a quarantined row per planned sample."""
        failures = self._buy()
        if self._asker.waiting:
            return pl.DataFrame(schema=SAMPLES), decisions_frame([])
        maker = Maker(self._task.answer, self._asker.recall, self._store.sample_id, failures, self.plan.instead)
        samples, failed = maker.frames(self.plan.samples(self.prompts))
        if not self.held:
            return samples, failed
        waiting, why = self._held_rows()
        return pl.concat([samples, waiting]), pl.concat([failed, why])

    def _buy(self) -> dict[str, Failure]:
        """Every teacher asked what it is asked; then, as long as there are any, those that others fall back to."""
        teachers = self._task.teachers
        streams = [self.plan.stream(self.prompts, t) for t in teachers]
        failures = self._asker.buy(streams, "sample", self.plan.count(self.prompts))
        while not self._asker.waiting and (asks := self.plan.stand_ins(self.prompts, failures)):
            failures |= self._asker.buy(list(asks.values()), "sample", sum(map(len, asks.values())))
        return failures

    def _held_rows(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        reasons = {h.prompt.id: h for h in self.held}
        rows: list[dict[str, Any]] = []
        decisions: list[Decision] = []
        for p in self.plan.samples((h.prompt for h in self.held), start=len(self.prompts)):
            held = reasons[p.prompt.id]
            rows.append(self._held_row(p, held))
            found = list(held.prompt.masked)
            decisions.append(
                Decision(
                    sample=rows[-1]["id"], step="scrub", action=held.action, reason=held.reason, words=held.words,
                    evidence={"spans": found} if found else None,
                )
            )  # fmt: skip
        return pl.DataFrame(rows, schema=SAMPLES), decisions_frame(decisions)

    def _held_row(self, p: Planned, held: PromptQuarantine) -> dict[str, Any]:
        # No request was keyed or sent; the identity below is the prompt's place in the plan.
        place = digest([p.prompt.id, p.teacher.name])
        return {
            **dict.fromkeys(SAMPLES),
            "id": self._store.sample_id(f"held|{place}", p.index), "position": p.position,
            "teacher": p.teacher.name, "index": p.index, "prompt_id": p.prompt.id, "parent": p.prompt.parent,
            "request_key": "", "messages": [message_row(m) for m in p.prompt.messages], "group": p.prompt.group,
            "tags": list(p.prompt.tags), "source": p.prompt.source,
            "state": "dropped" if held.action == "drop" else "quarantined", "reason": held.reason, "step": "scrub",
            "edited": False, "control": False,
        }  # fmt: skip

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *error: object) -> None:
        self.prompts.close()


def _blocks(prompts: Iterable[Prompt], size: int) -> Iterable[list[Prompt]]:
    block: list[Prompt] = []
    for prompt in chain(prompts):
        block.append(prompt)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
