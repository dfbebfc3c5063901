"""Quarantine: samples a step would not decide about wait here for a person, who approves or corrects them.

A ruling is recorded at once and applied by the next run: where a step would hold the sample again, the ruling lets
it go on from there (with the person's answer, if corrected), so that every later step still looks at it. A prompt that
scrubbing held back has no answer yet: it waits once, and a ruling on it lets the next run ask it.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import polars as pl
from pydantic import JsonValue

from curation.answers import parse_answer
from curation.checking import ChecksStep
from curation.errors import InputError, ReplyUnreadable, UnknownRecord
from curation.people import OWNER, Person
from curation.pipeline import Outcome
from curation.records import DECISIONS, Decision, Sample, canonical, decisions_frame, digest, sample_of
from curation.scrub.before import Gone, Original, reply_before
from curation.scrub.held import IS_HELD, HeldPrompts, Piece
from curation.scrub.scrubber import Scrubber
from curation.store.quarantine import Ruling, Rulings
from curation.store.scrub_rulings import Mark, PromptRuling, PromptRulings
from curation.store.store import Store
from curation.task import AnswerTable, Task

STEP = "rulings"


class RulingsStep:
    """Overrules the quarantine decisions that a person has ruled on; a step only to be named in the recipe."""

    name = STEP
    scope: Literal["sample", "table"] = "sample"

    def __init__(self, store: Store, answer: AnswerTable) -> None:
        self._rulings = {r.sample: r for r in Rulings(store.state, store.ledger).list()}
        self._prompts = PromptRulings(store.state, store.ledger).newest()
        self._answer = answer

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Nothing: its work is `overrule`, done where a step holds a sample."""
        return Outcome(pl.DataFrame(schema=DECISIONS))

    def describe(self) -> dict[str, JsonValue]:
        """How many rulings there are and a digest of them, free of names and sample ids."""
        rulings = sorted([r.request_key, r.index, r.ruling, r.answer] for r in self._rulings.values())
        prompts = sorted([r.prompt, r.ruling, [m.model_dump() for m in r.marks]] for r in self._prompts.values())
        return {"rulings": len(rulings) + len(prompts), "digest": digest([rulings, prompts] if prompts else rulings)}

    def overrule(self, samples: pl.DataFrame, outcome: Outcome) -> Outcome:
        """The outcome with ruled quarantine decisions turned into a keep, or an edit to the person's answer."""
        ruled = (pl.col("action") == "quarantine") & pl.col("sample").is_in(list(self._rulings))
        overruled = outcome.decisions.filter(ruled)
        if overruled.is_empty():
            return outcome
        lifted = [_decision(self._rulings[row["sample"]], row) for row in overruled.iter_rows(named=True)]
        decisions = pl.concat([outcome.decisions.filter(~ruled), decisions_frame(lifted)])
        return Outcome(decisions, self._corrected(samples, outcome, [d.sample for d in lifted]))

    def _corrected(self, samples: pl.DataFrame, outcome: Outcome, ids: list[str]) -> pl.DataFrame | None:
        """The outcome's new columns with the corrected answers written over them."""
        corrected = [r for i in ids if (r := self._rulings[i]).ruling == "correct"]
        if not corrected:
            return outcome.columns
        rows = [{"id": r.sample, "answer": r.answer, "labels": self._labels(r), "signal": None} for r in corrected]
        answers = pl.DataFrame(
            rows, schema={"id": pl.String, "answer": pl.String, "labels": pl.String, "signal": pl.String}
        )
        columns, merged = {*answers.columns}, samples
        if outcome.columns is not None:
            columns |= {*outcome.columns.columns}
            merged = merged.update(outcome.columns, on="id", how="left", include_nulls=True)
        merged = merged.update(answers, on="id", how="left", include_nulls=True)
        return merged.select(c for c in merged.columns if c in columns)

    def _labels(self, ruling: Ruling) -> str | None:
        labels = parse_answer(ruling.answer or "", self._answer)
        return None if labels is None else canonical(labels).decode()


class Quarantine:
    """The samples of a workspace's newest version that wait for a person, as far as `who` may see and rule."""

    def __init__(self, store: Store, task: Task, who: Person = OWNER) -> None:
        self._store = store
        self._task = task
        self._who = who
        self._rulings = Rulings(store.state, store.ledger)

    @cached_property
    def prompts(self) -> HeldPrompts:
        """Those among them that were held back before anybody was asked."""
        return HeldPrompts(self._store, self._task, self._who)

    def waiting(self) -> pl.DataFrame:
        """One row per quarantined sample: id, prompt_id, teacher, step, reason, words, prompt, answer, ruling.

        A held prompt has one row however many samples were planned of it, with no answer.
        """
        held = self._held()
        why = (
            self._store.versions.decisions()
            .filter(pl.col("action") == "quarantine")
            .unique("sample", keep="first", maintain_order=True)
            .select(pl.col("sample").alias("id"), "words")
        )
        ruled = [(r.sample, r.ruling) for r in self._rulings.list()]
        on_prompts = {p.id: p.ruling.ruling for p in self.prompts.prompts(held) if p.ruling is not None}
        ruled += [
            (row[0], on_prompts[row[1]])
            for row in held.filter(IS_HELD)["id", "prompt_id"].rows()
            if row[1] in on_prompts
        ]
        rulings = pl.DataFrame(ruled, {"id": pl.String, "ruling": pl.String}, orient="row")
        once = held.filter(~IS_HELD | pl.struct("prompt_id", IS_HELD).is_first_distinct())
        prompts = pl.Series("prompt", [sample_of(row).prompt for row in once.iter_rows(named=True)], pl.String)
        return (
            once.with_columns(prompts)
            .join(why, on="id", how="left", maintain_order="left")
            .join(rulings, on="id", how="left", maintain_order="left")
            .select("id", "prompt_id", "teacher", "step", "reason", "words", "prompt", "answer", "ruling")
        )

    def approve(self, sample: str, by: str, why: str = "") -> Ruling | PromptRuling:
        """Let a sample through as it is, or have a held prompt asked as it is masked, from the next run on."""
        self._may_rule()
        row = self._one(sample)
        if not row["request_key"]:
            return self.prompts.approve(row["prompt_id"], by, why)
        return self._add(_ruling(sample_of(row), None, by, why))

    def rule_on(self, rows: pl.DataFrame, ruling: Literal["approve", "withdraw"], by: str, why: str = "") -> int:
        """Approve the quarantined samples among rows of the newest version, or take rulings on them back.

        How many rulings were recorded: one for each answer, and one for each held prompt however many samples were
        planned of it.
        """
        self._may_rule()
        answered = rows.filter((pl.col("state") == "quarantined") & ~IS_HELD)
        ruled = [_ruling(sample_of(row), None, by, why) for row in answered.iter_rows(named=True)]
        self._rulings.add(*(one.model_copy(update={"ruling": ruling}) for one in ruled))
        return len(ruled) + self.prompts.rule_on(rows, ruling, by, why)

    def correct(self, sample: str, answer: str, by: str, why: str = "") -> Ruling:
        """Let a sample through with a person's answer, from the next run on.

        The answer is scrubbed like a reply and must be readable and pass the task's checks, else InputError.
        """
        self._may_rule()
        row = self._one(sample)
        if not row["request_key"]:
            raise InputError(
                f"prompt {row['prompt_id']} was held before any teacher was asked: there is no answer to correct. "
                "Approve it, or say what else to mask in it: quarantine correct ID --mask 'TEXT=person'"
            )
        found = sample_of(row)
        clean = self._scrubber.scrub(answer).text
        try:
            labels = parse_answer(clean, self._task.answer)
        except ReplyUnreadable as error:
            raise InputError(f"the corrected answer cannot be read as {self._task.answer.format}: {error}") from error
        self._check(found.model_copy(update={"answer": clean, "labels": labels, "stop": "end"}))
        return self._add(_ruling(found, clean, by, why))

    def mask(self, sample: str, more: Sequence[Mark | Piece], by: str, why: str = "") -> PromptRuling:
        """Have a held prompt asked with more of it masked, from the next run on; raises as `HeldPrompts.correct`."""
        self._may_rule()
        row = self._one(sample)
        if row["request_key"]:
            raise InputError(f"{row['id']} has an answer, so its prompt was asked; correct it with --answer TEXT")
        return self.prompts.correct(row["prompt_id"], more, by, why)

    def before(self, sample: str, by: str = "", *, again: bool = False) -> Original | Gone:
        """The held prompt, or the reply behind a held answer, before it was scrubbed; for a person's eyes only.

        That somebody looked is in the ledger before they see it: who (`by`, as far as the owner says), when and what;
        `again` draws what is in sight already.
        """
        self._who.require("see_raw")
        row = self._one(sample)
        if not again:
            told: dict[str, JsonValue] = {"sample": row["id"], "prompt": row["prompt_id"]}
            self._store.ledger.append("raw_viewed", told, by or self._who.name)
        if not row["request_key"]:
            return self.prompts.original(row["prompt_id"])
        return reply_before(self._store, row, self._task, self._scrubber)

    def _may_rule(self) -> None:
        self._who.require("rule_on_held")

    @cached_property
    def _scrubber(self) -> Scrubber:
        return Scrubber.today(self._task.scrub, self._store.keys.scrub)

    def _held(self) -> pl.DataFrame:
        return self._store.versions.samples().filter(pl.col("state") == "quarantined")

    def _one(self, sample: str) -> dict[str, Any]:
        """The row an id names by its beginning, or a held prompt by its own id."""
        held = self._held()
        of_prompt = held.filter(IS_HELD & (pl.col("prompt_id") == sample)).head(1)
        matches = held.filter(pl.col("id").str.starts_with(sample)) if sample else held.clear()
        matches = of_prompt if matches.is_empty() else matches
        if matches.height != 1:
            found = "no quarantined sample" if matches.is_empty() else f"{matches.height} quarantined samples"
            raise UnknownRecord(
                f"{found} in the newest version with id {sample!r}; `stillhouse quarantine list` shows them"
            )
        return matches.row(0, named=True)

    def _check(self, sample: Sample) -> None:
        for name, look in ChecksStep(self._task.check_plugins, self._task.answer).opened:
            objection = look(sample)
            if objection is not None and objection.action == "drop":
                raise InputError(f"the corrected answer does not pass check {name!r}: {objection.words}")

    def _add(self, ruling: Ruling) -> Ruling:
        self._rulings.add(ruling)
        return ruling


def _ruling(sample: Sample, answer: str | None, by: str, why: str) -> Ruling:
    return Ruling(
        request_key=sample.request_key,
        index=sample.index,
        sample=sample.id,
        ruling="approve" if answer is None else "correct",
        answer=answer,
        by=by,
        why=why,
    )


def _decision(ruling: Ruling, held: dict[str, Any]) -> Decision:
    """The decision that stands in place of the quarantine, carrying what that one was based on."""
    verb = {"approve": "approved", "correct": "corrected"}[ruling.ruling]
    known: dict[str, JsonValue] = json.loads(held["evidence"]) if held["evidence"] else {}
    return Decision(
        sample=ruling.sample,
        step=STEP,
        action="keep" if ruling.ruling == "approve" else "edit",
        reason=verb,
        words=f"{ruling.by} {verb} what {held['step']} held: {held['words']}",
        number=held["number"],
        evidence={**known, "by": ruling.by, "why": ruling.why, "overruled": f"{held['step']}: {held['reason']}"},
    )
