"""A bench for graders: units put before practice judges over HTTP, through the journal as a run does it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from curation.asker import Ask, Asker, Failure
from curation.errors import ReplyUnreadable
from curation.llm.practice import PROFILES, KeyEntry, PracticeServer, Profile
from curation.progress import Silent
from curation.records import Message, Reply
from curation.store.replies import Replies
from curation.store.store import Store
from curation.task import AnswerTable, Environment, ModelTable, SamplingTable
from judges.grading import Grader, Judgement, Put, Unit, Verdict
from judges.rubric import read_rubric

LABELS = ("refund", "track", "cancel", "change", "repair", "invoice", "login", "other")
ANSWER = AnswerTable(format="label", labels=LABELS)
KEY = [KeyEntry(id=f"k{i}", text=f"message {i}", answer=LABELS[i % 8], difficulty=0.5) for i in range(200)]
SOUND = {name: p.model_copy(update={"judge": 0.0, "malformed": 0.0, "gullible": 0.0}) for name, p in PROFILES.items()}
RUBRIC = read_rubric("general", Path())
FAMILIES = ("alder", "birch", "cedar", "dogwood")


def unit(i: int, *answers: str, reference: str | None = None) -> Unit:
    """Some answers to the i-th message of the key."""
    return Unit(messages=(Message(role="user", content=f"message {i}"),), answers=answers, reference=reference)


def right(i: int) -> str:
    """The i-th message's right answer."""
    return LABELS[i % 8]


def wrong(i: int) -> str:
    """One it is easily confused with."""
    return LABELS[(i + 1) % 8]


def judge_named(family: str, **fields: object) -> ModelTable:
    """A judge's table."""
    return ModelTable.model_validate(
        {"name": f"{family}-judge", "use": "practice", "model": f"{family}-large", **fields}
    )


class Bench:
    """An asker and how a grader uses it."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    def said(self, grader: Grader, units: Sequence[Unit], family: str, **fields: object) -> list[list[Verdict | str]]:
        """What a judge said to each put of each unit, or why that is unscored."""
        table = judge_named(family, **fields)
        puts = [[(put, self._ask(table, put)) for put in grader.puts(RUBRIC, one)] for one in units]
        replies = self.asker.ask([ask for some in puts for _, ask in some], "judge")
        return [[read(grader, put, replies[ask.request.key]) for put, ask in some] for some in puts]

    def judge(self, grader: Grader, units: Sequence[Unit], family: str, **fields: object) -> list[Judgement]:
        """A judge's judgement on each unit."""
        said = self.said(grader, units, family, **fields)
        return [grader.judge(u, grader.puts(RUBRIC, u), some) for u, some in zip(units, said, strict=True)]

    def _ask(self, table: ModelTable, put: Put) -> Ask:
        request = self.asker.request(
            table, put.messages, answer_schema=put.answer_schema, template=put.template, params=put.params
        )
        return Ask(request, table)


def read(grader: Grader, put: Put, reply: Reply | Failure) -> Verdict | str:
    """The verdict in a reply, or why there is none."""
    if isinstance(reply, Failure):
        return reply.words
    try:
        return grader.read(RUBRIC, put, reply)
    except ReplyUnreadable as error:
        return str(error)


@contextmanager
def bench(root: Path, profiles: Mapping[str, Profile] = SOUND, seed: int = 1) -> Generator[Bench]:
    """A real store, a real asker, the practice server."""
    with (
        PracticeServer(KEY, seed=seed, profiles=profiles, answer=ANSWER) as server,
        Store.create(root) as store,
        Asker(
            Replies(store.replies_db), Environment({}), sampling=SamplingTable(), budget_usd=None,
            practice_url=server.url, progress=Silent(),
        ) as asker,
    ):  # fmt: skip
        yield Bench(asker)
