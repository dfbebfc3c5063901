"""The panel step: judges that may judge a sample vote on it, and those that earned it on gold decide by weight.

A judge related to the sample's teacher, to the student's base or to the baseline never sees the sample. With no gold
yet, or no judge that earned a vote, verdicts are advice: they stay with the sample and drop nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import polars as pl
from pydantic import JsonValue

from curation.asker import Ask
from curation.errors import TaskError, UnknownRecord
from curation.money.hours import judges_of
from curation.pipeline import Outcome
from curation.plugins import build, validate
from curation.progress import Progress
from curation.records import Sample, decisions_frame, digest, sample_of
from curation.rules import require_rules
from curation.store.panels import Panels
from curation.store.store import Store
from curation.store.verdicts import Verdicts
from curation.task import Environment, Task
from judges.aggregate import Fit, PanelVote
from judges.agreement import agreement_matrix
from judges.asking import Bench, Judge, JudgeTable, Said, Subject
from judges.canaries import Canary, canaries, passed
from judges.family import Eligibility, described, eligibility, known_family, overrides, suggestion
from judges.gold import GoldService
from judges.grading import Grader, Unit
from judges.parse import PARSER
from judges.policy import with_policy
from judges.rubric import read_rubric
from judges.ruling import Judged, ruled
from judges.trial import GoldRow, PanelReport, PanelTable, Trial

if TYPE_CHECKING:
    from curation.run import Resources

MOST = 8
"""Answers to one prompt that are put before a judge at once, at most."""
Compared = Mapping[str, tuple[Sample, ...]]
"""The samples whose answers a subject holds, in its order, by the subject's name."""


def build_step(resources: "Resources") -> "PanelStep":
    """The panel step of a task; with no judge declared it marks every sample unjudged.

    Raises TaskError naming a judge or teacher whose family is unknown, and what to write about it.
    """
    from curation.run import scrub_text

    task, store = resources.task, resources.store
    table = task.table("panel", PanelTable)
    judges = read_judges(task)
    grader = cast("Grader", build("judges.graders", table.grader, table.settings, "task.toml [panel.settings]"))
    if refused := next((why for j in judges if (why := grader.refuses(j.table))), None):
        raise TaskError(refused)
    may = eligibility(task, [j.table for j in judges])
    bench = Bench(grader, resources.asker, Verdicts(store.replies_db))
    trial = Trial(
        bench, judges, table, _barred(may, judges), task.prompts.system, scrub_text(task, store), task.task.seed
    )
    return PanelStep(task, store, judges, may, trial, gold_rows(store) if judges else (), resources.progress)


def gold_rows(store: Store) -> tuple[GoldRow, ...]:
    """What people judged: such rows of the newest version of every gold set."""
    gold = GoldService(store)
    return tuple(GoldRow(set=name, item=item) for name in gold.names() for item in gold.judged(name))


def read_judges(task: Task) -> tuple[Judge, ...]:
    """The judges declared in task.toml, each with its family and its rubric, the policy's rules among its criteria."""
    tables = [validate(JudgeTable, raw, f"task.toml [[judges]] {i}") for i, raw in enumerate(task.judges, start=1)]
    names = Counter(t.name for t in tables)
    if twice := [name for name, n in names.items() if n > 1]:
        raise TaskError(f"task.toml: two judges are named {twice[0]!r}")
    rubrics = [with_policy(read_rubric(t.rubric, task.root), task.written_policy) for t in tables]
    return tuple(Judge(t, known_family(t, "judge").name, rubric) for t, rubric in zip(tables, rubrics, strict=True))


def trial(resources: "Resources", rows: Sequence[GoldRow] | None = None) -> PanelReport:
    """Put rows people judged (default: those of the gold sets) before every judge; what each has earned by them.

    What was asked before is read from the journal; the rest is asked within the budget.
    """
    step = build_step(resources)
    return step.on_gold(step.gold if rows is None else tuple(rows))


def ask_judges(store: Store, task: Task, environment: Environment, *, progress: Progress) -> PanelReport:
    """`trial` of a workspace's gold sets, with an asker of its own; the report is kept as the newest."""
    from curation.run import Resources, open_asker
    from curation.scrub.scrubber import Scrubber

    require_rules(task, judges_of(task))
    with open_asker(store, task, environment, Scrubber.today(task.scrub, store.keys.scrub), progress) as asker:
        step = build_step(Resources(task, store, asker, environment, progress))
        report = step.on_gold(step.gold)
        step.keep(report)
    return report


def newest_report(store: Store) -> tuple[PanelReport, str]:
    """What was last found out about the judges, and when; UnknownRecord where no judge was ever asked."""
    found = Panels(store.state).newest()
    if found is None:
        raise UnknownRecord("no judge was asked here yet: `stillhouse run` asks those of task.toml's [[judges]]")
    return PanelReport.model_validate(found[0]), found[1]


def _barred(may: Eligibility, judges: Sequence[Judge]) -> dict[str, frozenset[str]]:
    everyone = frozenset(j.name for j in judges)
    return {teacher: everyone - set(names) for teacher, names in may.by_teacher.items()}


class _Found(NamedTuple):
    """What judges said, the gold rows they were measured on, planted answers each (let pass, judged), and the fit."""

    said: Said
    used: Sequence[GoldRow]
    failed: Mapping[str, tuple[int, int]]
    fit: Fit | None


@dataclass(frozen=True)
class PanelStep:
    """Asks every eligible judge about every sample, about rows people judged and about planted answers; then rules."""

    task: Task
    store: Store
    judges: tuple[Judge, ...]
    may: Eligibility
    trial: Trial
    gold: tuple[GoldRow, ...]
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
        """Judges with their rubrics' digests, the panel's rules, the gold it learns from and the form of a verdict."""
        judges: list[JsonValue] = [
            {
                "name": j.name,
                "model": j.table.model,
                "family": j.family,
                "rubric": j.rubric.name,
                "rubric_digest": j.rubric.digest,
            }
            for j in self.judges
        ]
        gold = digest([row.model_dump(mode="json") for row in self.gold]) if self.gold else None
        form: dict[str, JsonValue] = {"form": self.trial.bench.grader.digest, "parser": PARSER, "gold": gold}
        return {"judges": judges, **described(self.task, self.may), **self.trial.table.model_dump(mode="json"), **form}

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Judge the living samples; one that is kept keeps the votes on it as evidence."""
        rows = [sample_of(row) for row in samples.iter_rows(named=True)]
        subjects, compared = self._subjects(rows)
        pairs = [(s, j) for s in subjects for j in self._judges_of(compared[s.name])]
        used = self.trial.usable(self.gold) if rows else []
        found = self._ask([*pairs, *self.trial.pairs(used)], [s.unit for s in subjects], used)
        judged = self._judged(rows, subjects, compared, found)
        if self.judges and judged:
            self.keep(self._report(self.gold, found, judged))
        self._tell(found.fit, rows)
        columns = pl.DataFrame({"id": samples["id"], "judged": pl.Series([j.judged for j in judged], dtype=pl.String)})
        return Outcome(decisions_frame(j.decision for j in judged), columns)

    def asks(self, sample: Sample) -> list[Ask]:
        """What is asked about a sample, for a plan that asks nobody: its share of the comparisons it takes part in."""
        least, _ = self.trial.bench.grader.answers
        unit = self._unit([sample] * least)
        subject = Subject(kind="sample", name=sample.id, unit=unit)
        return [ask for judge in self._judges_of([sample]) for ask in self.trial.bench.asks(subject, judge)]

    def asks_first(self) -> list[Ask]:
        """What is asked about the rows people judged, once per rubric and way of asking."""
        return [a for s, j in self.trial.pairs(self.trial.usable(self.gold)) for a in self.trial.bench.asks(s, j)]

    # --- what is put before whom ---------------------------------------------------------------------------------

    def _subjects(self, rows: Sequence[Sample]) -> tuple[list[Subject], Compared]:
        """What is judged, and the samples each holds: one by one, in pairs, or all answers to a prompt at once."""
        least, most = self.trial.bench.grader.answers
        by_prompt: dict[int, list[Sample]] = {}
        for row in rows:
            by_prompt.setdefault(row.position, []).append(row)
        compared: dict[str, tuple[Sample, ...]] = {}
        for group in by_prompt.values():
            for members in _groups(group, least, most):
                compared["+".join(m.id for m in members)] = tuple(members)
        subjects = [Subject(kind="sample", name=n, unit=self._unit(members)) for n, members in compared.items()]
        return subjects, compared

    def _unit(self, members: Sequence[Sample]) -> Unit:
        unit = Unit.of(members)
        if (column := self.trial.table.reference) is None:
            return unit
        reference = members[0].fields.get(column)
        return unit.model_copy(update={"reference": None if reference is None else str(reference)})

    def _judges_of(self, members: Sequence[Sample]) -> list[Judge]:
        teachers = {m.teacher for m in members}
        return [j for j in self.judges if all(j.name in self.may.by_teacher.get(t, ()) for t in teachers)]

    def _planted(self, units: Sequence[Unit]) -> list[tuple[Subject, Canary]]:
        share = self.trial.table.canaries
        found = canaries(units, self.task.task.seed, share) if share and self.judges else []
        return [
            (
                Subject(
                    kind="canary", name=f"canary/{c.kind}/{digest(c.unit.model_dump(mode='json'))[:16]}", unit=c.unit
                ),
                c,
            )
            for c in found
        ]

    # --- what comes of it ----------------------------------------------------------------------------------------

    def _judged(
        self, rows: Sequence[Sample], subjects: Sequence[Subject], compared: Compared, heard: _Found
    ) -> list[Judged]:
        said, families = heard.said, {j.name: j.family for j in self.judges}
        places: dict[str, list[tuple[str, int]]] = {row.id: [] for row in rows}
        for subject in subjects:
            for place, member in enumerate(compared[subject.name]):
                places[member.id].append((subject.name, place))
        found: list[Judged] = []
        for row in rows:
            votes: list[PanelVote] = []
            for judge in self._judges_of([row]):
                each = [(said[s, judge.name], k) for s, k in places[row.id] if (s, judge.name) in said]
                if each:
                    votes.append(vote_of(judge.name, families[judge.name], [(j.votes[k], j.reason) for j, k in each]))
            found.append(ruled(row, votes, heard.fit, self.trial.table.quorum))
        return found

    def on_gold(self, rows: Sequence[GoldRow]) -> PanelReport:
        """Judge rows that people judged, and planted answers made from them, and nothing else."""
        used = self.trial.usable(rows)
        pairs = self.trial.pairs(used)
        units = {s.name: s.unit for s, _ in pairs}
        return self._report(rows, self._ask(pairs, list(units.values()), used))

    def _ask(self, pairs: Sequence[tuple[Subject, Judge]], units: Sequence[Unit], used: Sequence[GoldRow]) -> _Found:
        """Ask about these and about answers planted among the units; what gold then says of each judge."""
        planted = self._planted(units)
        said = self.trial.bench.ask([*pairs, *((s, j) for s, _ in planted for j in self.judges)])
        failed = {j.name: _failed(planted, said, j.name) for j in self.judges}
        return _Found(said, used, failed, self.trial.fit(self.trial.votes(used, said, failed)) if used else None)

    def keep(self, report: PanelReport) -> None:
        """Write a report down, and what of it counts into the ledger."""
        fit = report.fit
        stated: list[JsonValue] = [o.model_dump(mode="json") for o in overrides(self.task)]
        event: dict[str, JsonValue] = {
            "gold": {**report.gold},
            "weights": {**fit.weights} if fit else {},
            "alarm": fit.alarm if fit else None,
            "families_stated_by_hand": stated,
        }
        Panels(self.store.state).save(report.model_dump(mode="json"), event, self.store.ledger)

    def _report(
        self,
        rows: Sequence[GoldRow],
        found: _Found,
        judged: Sequence[Judged] = (),
    ) -> PanelReport:
        service = GoldService(self.store)
        return PanelReport(
            grader=self.trial.table.grader,
            gold={
                name: service.versions(name)[-1].number
                for name in sorted({row.set for row in rows} & set(service.names()))
            },
            rows=len(found.used),
            unusable=len(rows) - len(found.used),
            rubrics={j.name: j.rubric.digest for j in self.judges},
            families={j.name: j.family for j in self.judges},
            eligibility=self.may,
            fit=found.fit,
            canaries=dict(found.failed),
            samples=len(judged),
            agreement=agreement_matrix(_said(judged, self.judges), [j.cluster for j in judged]) if judged else (),
        )

    def _tell(self, fit: Fit | None, rows: Sequence[Sample]) -> None:
        if fit is not None and fit.alarm:
            self.progress.notice(f"alarm: {fit.alarm}")
        if self.judges and rows and not (fit and any(fit.weights.values())):
            why = (
                "no row of a gold set says what people think of an answer"
                if fit is None
                else "no judge earned a vote on gold"
            )
            self.progress.notice(f"judges give advice and drop nothing, since {why}. Next: stillhouse gold start -n 50")
        unseen = Counter(row.teacher for row in rows if not self._judges_of([row]))
        for name, count in sorted(unseen.items()):
            self.progress.notice(f"{count:,} samples of {name} are unjudged: {self._why_not(name)}")

    def _why_not(self, teacher: str) -> str:
        lack = self.may.why_not(teacher) or "no judge is declared"
        return f"{lack}. {suggestion(self.task.teacher(teacher))}"


def vote_of(judge: str, family: str, heard: Sequence[tuple[str, str]]) -> PanelVote:
    """One judge's vote on a sample, from the (vote, reason) it got each time it was compared."""
    count = Counter(vote for vote, _ in heard)
    vote: Literal["accept", "reject", "unscored"] = "unscored"
    if count["accept"] != count["reject"]:
        vote = "accept" if count["accept"] > count["reject"] else "reject"
    reason = next((reason for said, reason in heard if said == vote), "it won as often as it lost")
    return PanelVote(judge=judge, family=family, vote=vote, reason=reason)


def _groups(members: list[Sample], least: int, most: int) -> list[Sequence[Sample]]:
    """The answers to one prompt as they are put before a judge together."""
    if most == 1:
        return [[m] for m in members]
    if most == 2:
        return [list(pair) for pair in combinations(members, 2)]
    parts = [members[start : start + min(most, MOST)] for start in range(0, len(members), min(most, MOST))]
    return [part for part in parts if len(part) >= least]


def _failed(planted: Sequence[tuple[Subject, Canary]], said: Said, judge: str) -> tuple[int, int]:
    """How many planted answers a judge did not turn away, and how many it said something readable about."""
    results = [passed(canary, said[subject.name, judge]) for subject, canary in planted]
    read = [r for r in results if r is not None]
    return sum(not r for r in read), len(read)


def _said(judged: Sequence[Judged], judges: Sequence[Judge]) -> dict[str, list[str | None]]:
    """What each judge said about each sample; None where it said nothing readable or was not asked."""
    by_judge: dict[str, list[str | None]] = {j.name: [] for j in judges}
    for one in judged:
        votes = {v.judge: v.vote for v in one.votes if v.vote != "unscored"}
        for name, said in by_judge.items():
            said.append(votes.get(name))
    return by_judge
