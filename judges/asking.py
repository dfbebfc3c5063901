"""Puts units before judges and reads what they say: asked through the journal, every verdict written down."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.asker import Ask, Asker, Failure
from curation.errors import ReplyUnreadable
from curation.records import Record, Reply
from curation.store.verdicts import Kind, VerdictRow, Verdicts
from curation.task import ModelTable
from judges.grading import Grader, Judgement, Put, Unit, Verdict
from judges.parse import PARSER
from judges.rubric import Rubric

LONGEST_REASON = 1000
"""Characters of a judge's reason that are kept with its vote."""


class JudgeTable(ModelTable):
    """[[judges]]: a model that votes on answers of other families."""

    rubric: str = "general"
    """A shipped rubric, or a TOML file of your own beside task.toml."""


@dataclass(frozen=True)
class Judge:
    """One member of the panel, ready to be asked."""

    table: JudgeTable
    family: str
    rubric: Rubric

    @property
    def name(self) -> str:
        """As task.toml calls it."""
        return self.table.name


class Subject(Record):
    """What judges are asked about: its name in the table of verdicts, and what is put before them."""

    kind: Kind
    name: str
    unit: Unit


Said = Mapping[tuple[str, str], Judgement]
"""What each judge made of each subject, by the subject's and the judge's name."""


@dataclass(frozen=True)
class _Question:
    subject: Subject
    judge: Judge
    puts: tuple[Put, ...]
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Bench:
    """Judges share one way of being asked; what they said before is read from the journal and costs nothing."""

    grader: Grader
    asker: Asker
    verdicts: Verdicts

    def asks(self, subject: Subject, judge: Judge) -> list[Ask]:
        """The requests that put a subject before a judge."""
        return list(self._question(subject, judge).asks)

    def ask(self, pairs: Iterable[tuple[Subject, Judge]]) -> Said:
        """What each judge makes of each subject put before it; nothing raises for one verdict that cannot be read."""
        questions = [self._question(subject, judge) for subject, judge in pairs]
        asks = [ask for q in questions for ask in q.asks]
        replies = self.asker.ask(asks, "judge") if asks else {}
        said: dict[tuple[str, str], Judgement] = {}
        rows: list[VerdictRow] = []
        for question in questions:
            read = [self._read(question, *put, replies) for put in zip(question.puts, question.asks, strict=True)]
            unit, name = question.subject.unit, (question.subject.name, question.judge.name)
            said[name] = self.grader.judge(unit, question.puts, read)
            rows += self._rows(question, read)
        self.verdicts.add(rows)
        return said

    def _question(self, subject: Subject, judge: Judge) -> _Question:
        puts = self.grader.puts(judge.rubric, subject.unit)
        return _Question(subject, judge, puts, tuple(self._ask(put, judge) for put in puts))

    def _ask(self, put: Put, judge: Judge) -> Ask:
        request = self.asker.request(
            judge.table, put.messages, answer_schema=put.answer_schema, template=put.template, params=put.params
        )
        return Ask(request, judge.table)

    def _read(self, question: _Question, put: Put, ask: Ask, replies: Mapping[str, Reply | Failure]) -> Verdict | str:
        match replies[ask.request.key]:
            case Failure(words=words):
                return f"not asked to the end: {words}"
            case Reply() as reply:
                try:
                    return self.grader.read(question.judge.rubric, put, reply)
                except ReplyUnreadable as error:
                    return str(error)

    def _rows(self, question: _Question, read: Sequence[Verdict | str]) -> Iterator[VerdictRow]:
        judge, subject = question.judge, question.subject
        for put, ask, verdict in zip(question.puts, question.asks, read, strict=True):
            scored = verdict if isinstance(verdict, Verdict) else None
            reason = scored.reason if scored else str(verdict)
            yield VerdictRow(
                kind=subject.kind,
                subject=subject.name,
                judge=judge.name,
                model=judge.table.model,
                family=judge.family,
                rubric=judge.rubric.digest,
                grader=self.grader.digest,
                parser=PARSER,
                request=ask.request.key,
                order=put.order,
                verdict=scored.verdict if scored else None,
                reason=reason[:LONGEST_REASON],
                items=scored.items if scored else None,
                score=scored.score if scored else None,
            )
