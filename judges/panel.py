"""The panel step: judges of other families than the teacher's vote on every sample, and the majority rules.

A judge whose family is the teacher's, or descends from it, never sees the sample. A sample nobody may judge is
`unjudged`: kept or held by `[select] unjudged`, and one line says which families would do.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import polars as pl
from pydantic import Field, JsonValue

from curation.asker import Ask, Asker, Failure
from curation.errors import ReplyUnreadable, TaskError
from curation.pipeline import Outcome
from curation.plugins import build, validate
from curation.progress import Progress
from curation.records import Action, Decision, Reply, Sample, decisions_frame, digest, sample_of
from curation.task import ModelTable, Table, Task
from judges.aggregate import PanelVote, Ruling, majority
from judges.family import known_family, may_judge, suggestion
from judges.grading import Candidate, Grader
from judges.parse import VERDICT_SCHEMA, read_verdict
from judges.rubric import Rubric, read_rubric

if TYPE_CHECKING:
    from curation.run import Resources

LONGEST_REASON = 1000
"""Characters of a judge's reason that are kept with its vote."""


class JudgeTable(ModelTable):
    """[[judges]]: a model that votes on answers of other families."""

    rubric: str = "general"
    """A shipped rubric, or a TOML file of your own beside task.toml."""


class PanelTable(Table):
    """[panel]: how judges are asked and their votes counted."""

    grader: str = "pointwise"
    """Way of asking, a plugin in judges/graders/."""
    quorum: Annotated[int, Field(ge=1)] = 1
    """Fewer readable votes than this on a sample put it into quarantine."""


@dataclass(frozen=True)
class Judge:
    """One member of the panel, ready to be asked."""

    table: JudgeTable
    family: str
    rubric: Rubric


@dataclass(frozen=True)
class Question:
    """One sample put before one judge: the request and what its reply must carry."""

    judge: Judge
    ask: Ask
    nonce: str


def build_step(resources: "Resources") -> "PanelStep":
    """The panel step of a task; with no judge declared it marks every sample unjudged.

    Raises TaskError naming a judge or teacher whose family is unknown, and what to write about it.
    """
    judges = read_judges(resources.task)
    panel = resources.task.table("panel", PanelTable)
    grader = cast("Grader", build("judges.graders", panel.grader, {}, "task.toml [panel]"))
    teachers = resources.task.teachers if judges else ()
    eligible = {t.name: tuple(j for j in judges if may_judge(j.table, t)) for t in teachers}
    return PanelStep(resources.task, panel, grader, judges, eligible, resources.asker, resources.progress)


def read_judges(task: Task) -> tuple[Judge, ...]:
    """The judges declared in task.toml, each with its family and rubric."""
    tables = [validate(JudgeTable, raw, f"task.toml [[judges]] {i}") for i, raw in enumerate(task.judges, start=1)]
    names = Counter(t.name for t in tables)
    if twice := [name for name, n in names.items() if n > 1]:
        raise TaskError(f"task.toml: two judges are named {twice[0]!r}")
    return tuple(Judge(t, known_family(t, "judge").name, read_rubric(t.rubric, task.root)) for t in tables)


@dataclass(frozen=True)
class PanelStep:
    """Asks every eligible judge about every sample and decides by the majority of readable verdicts."""

    task: Task
    panel: PanelTable
    grader: Grader
    judges: tuple[Judge, ...]
    eligible: Mapping[str, tuple[Judge, ...]]
    """By teacher's name."""
    asker: Asker
    progress: Progress

    @property
    def name(self) -> str:
        """The name decisions carry."""
        return "judges"

    @property
    def scope(self) -> Literal["sample", "table"]:
        """All rows at once, so that one queue keeps every judge busy."""
        return "table"

    def describe(self) -> dict[str, JsonValue]:
        """Judges with their rubrics' digests, the panel's rules and the form of a verdict."""
        judges: list[JsonValue] = [
            {
                "name": j.table.name,
                "model": j.table.model,
                "family": j.family,
                "rubric": j.rubric.name,
                "rubric_digest": j.rubric.digest,
            }
            for j in self.judges
        ]
        return {"judges": judges, **self.panel.model_dump(mode="json"), "form": digest(VERDICT_SCHEMA)}

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Judge the living samples; an agreed one keeps its votes as the evidence of a `keep`."""
        rows = [sample_of(row) for row in samples.iter_rows(named=True)]
        questions = {row.id: self._questions(row) for row in rows}
        asks = [q.ask for some in questions.values() for q in some]
        replies = self.asker.ask(asks, "judge") if asks else {}
        decisions: list[Decision] = []
        judged: list[str] = []
        for row in rows:
            votes = [_vote(q, replies[q.ask.request.key]) for q in questions[row.id]]
            ruling = majority(votes, self.panel.quorum)
            judged.append(ruling.judged)
            decisions.append(_decision(row, votes, ruling, self.panel.quorum))
        self._say_who_was_not_judged([row.teacher for row in rows if not questions[row.id]])
        columns = pl.DataFrame({"id": samples["id"], "judged": pl.Series(judged, dtype=pl.String)})
        return Outcome(decisions_frame(decisions), columns)

    def asks(self, sample: Sample) -> list[Ask]:
        """What is asked about a sample, for a plan that asks nobody: one request per eligible judge."""
        return [q.ask for q in self._questions(sample)]

    def _questions(self, sample: Sample) -> list[Question]:
        found: list[Question] = []
        for judge in self.eligible.get(sample.teacher, ()):
            candidate = Candidate.of(judge.rubric, sample)
            request = self.asker.request(
                judge.table,
                self.grader(judge.rubric, candidate),
                answer_schema=VERDICT_SCHEMA,
                template=f"judge:{self.panel.grader}:{judge.rubric.digest[:16]}",
            )
            found.append(Question(judge, Ask(request, judge.table), candidate.nonce))
        return found

    def _say_who_was_not_judged(self, teachers: Sequence[str]) -> None:
        for name, count in sorted(Counter(teachers).items()):
            self.progress.notice(f"{count:,} samples of {name} are unjudged: {self._why_not(name)}")

    def _why_not(self, teacher: str) -> str:
        table = self.task.teacher(teacher)
        lack = "no judge is declared" if not self.judges else "every judge is of the teacher's own family"
        return f"{lack}. {suggestion(table)}"


def _vote(question: Question, reply: Reply | Failure) -> PanelVote:
    judge = question.judge
    vote: Literal["accept", "reject", "unscored"] = "unscored"
    match reply:
        case Failure():
            reason = f"not asked to the end: {reply.words}"
        case Reply(stop="refusal" | "filtered"):
            reason = "the judge refused"
        case Reply(stop="length"):
            reason = "the verdict was cut off"
        case Reply():
            try:
                verdict = read_verdict(reply.text, question.nonce)
                vote, reason = verdict.verdict, verdict.reason
            except ReplyUnreadable as error:
                reason = str(error)
    return PanelVote(judge=judge.table.name, family=judge.family, vote=vote, reason=reason[:LONGEST_REASON])


def _decision(sample: Sample, votes: Sequence[PanelVote], ruling: Ruling, quorum: int) -> Decision:
    action, reason, words = _ruled(ruling, len(votes), quorum)
    scored = ruling.accept + ruling.reject
    return Decision(
        sample=sample.id,
        step="judges",
        action=action,
        reason=reason,
        words=words,
        number=ruling.accept / scored if scored else None,
        evidence={"votes": [v.as_evidence() for v in votes]} if votes else None,
    )


def _ruled(ruling: Ruling, votes: int, quorum: int) -> tuple[Action, str, str]:
    """Action, reason code and words of a ruling."""
    scored = ruling.accept + ruling.reject
    match ruling.judged:
        case "agreed":
            return "keep", "judge_agreed", f"{ruling.accept} of {scored} judges accepted it"
        case "rejected":
            return "drop", "judge_rejected", f"{ruling.reject} of {scored} judges rejected it"
        case "split":
            return "quarantine", "judge_split", f"{ruling.accept} of {scored} judges accepted it, as many rejected it"
        case "unjudged" if votes:
            return "quarantine", "judge_unscored", f"{scored} of {votes} verdicts can be counted, {quorum} needed"
        case "unjudged":
            return "keep", "unjudged", "no judge of another family than its teacher's"
