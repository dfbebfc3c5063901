"""Starts a gold set: a person judges a few drawn samples blind, and sees what the judges are worth as votes come in.

Nothing here prints or waits; the command line does.
"""

import math
from time import monotonic
from typing import Literal

import polars as pl

from curation.intervals import wilson
from curation.progress import Progress
from curation.records import Record
from curation.shares import percent
from curation.store.gold import Gold
from curation.store.reviews import Presentation, Reviews, Study
from curation.store.store import Store
from curation.tables import AnswerTable
from curation.task import Environment, Task
from judges.gold import GoldService, StudyGold
from judges.gold_draw import draw_over_clusters
from judges.gold_rows import SliceBy, rows_of_study
from judges.qualify import Role, Rules, Standing, qualified
from judges.review import Drawn, ReviewService
from judges.study import item_of

STUDY = "gold-start"
EVERY = 10
"""Votes between two looks at the judges."""
FARTHEST = 2000
"""More votes than this are never promised to be enough."""


class JudgeLine(Record):
    """What the votes so far say of one judge: how often right with its interval, its role, and votes it still needs.

    `more` is None where more votes would not help, or nobody can tell yet.
    """

    judge: str
    n: int
    accuracy: float | None
    low: float
    high: float
    role: Role
    more: int | None
    why: str

    @property
    def words(self) -> str:
        """The line a person reads."""
        right = "no readable verdict yet" if self.accuracy is None else f"right on {percent(self.accuracy)}"
        told = f"{self.judge}: {right} of {self.n}, 95 % interval {100 * self.low:.0f} to {100 * self.high:.0f}"
        if self.role == "votes":
            return f"{told}; votes"
        role = "excluded" if self.role == "excluded" else "gives advice"
        if self.more is None:
            return f"{told}; {role}: {self.why}"
        return f"{told}; {role}, and may vote after about {self.more} more if it goes on like this"


# --- opening and closing ---------------------------------------------------------------------------------------


def begin(store: Store, answer: AnswerTable, n: int, *, seed: int = 0, actor: str = "engine") -> tuple[Study, bool]:
    """The open study of an earlier start, else a new one of up to `n` samples of the head version; whether it is new.

    Samples that already are gold are left out. Raises InputError where nothing is left to look at.
    """
    reviews = Reviews(store.state)
    known = {study.name: study for study in reviews.studies()}
    for study in known.values():
        if _is_start(study.name) and study.closed is None:
            return study, False
    version = store.versions.resolve("head")
    gold = Gold(store.state)
    done = {item.sample for name in gold.names() for item in gold.items(name) if item.sample}
    samples = store.versions.samples(version).filter(~pl.col("id").is_in(list(done)))
    drawn = draw_over_clusters(samples, n, seed, answer)
    name = next(name for i in range(1, len(known) + 2) if (name := STUDY if i == 1 else f"{STUDY}-{i}") not in known)
    how = f"over labels and clusters, {len(drawn)} of {samples.filter(pl.col('state') == 'kept').height} kept samples"
    chances = Drawn(how=how, probabilities=tuple(d.probability for d in drawn))
    items = [item_of({**d.row}, None) for d in drawn]
    return ReviewService(store).open_on(name, version, items, seed=seed, drawn=chances, actor=actor), True


def _is_start(name: str) -> bool:
    stem, _, number = name.removeprefix(STUDY).partition("-")
    return name.startswith(STUDY) and not stem and (number.isdigit() or name == STUDY)


def votes_of(store: Store, study: str) -> tuple[int, int]:
    """The votes given, skips aside, and the items nobody has looked at yet."""
    shown = [p for p in Reviews(store.state).presented(study) if p.state != "open"]
    left = Reviews(store.state).study(study).items - len({p.position for p in shown})
    return sum(p.state == "done" for p in shown), left


def finish(
    store: Store,
    study: str,
    gold_name: str,
    actor: str,
    *,
    slice_by: SliceBy | None = None,
    guideline: str | None = None,
) -> StudyGold:
    """Close the study and put what was said into the gold set."""
    ReviewService(store).close(study, actor)
    return GoldService(store).create_from_study(study, gold_name, actor, slice_by=slice_by, guideline=guideline)


# --- the judges ------------------------------------------------------------------------------------------------


def standing(
    store: Store, task: Task, environment: Environment, study: str, gold_name: str, progress: Progress
) -> list[JudgeLine]:
    """Ask the judges about the rows voted on so far, within the task's budget, and say what each is worth by them.

    What they said before is read from the journal. Empty where no judge is declared or no vote was given.
    """
    from curation.money.hours import judges_of
    from curation.rules import require_rules
    from curation.run import Resources, open_asker
    from curation.scrub.scrubber import Scrubber
    from judges.panel import trial
    from judges.trial import GoldRow, PanelTable

    rows = rows_of_study(store, Reviews(store.state).study(study)).rows
    if not task.judges or not rows:
        return []
    require_rules(task, judges_of(task))
    service = GoldService(store)
    held = [(gold_name, item) for item in (service.judged(gold_name) if gold_name in service.names() else ())]
    given = [GoldRow(set=name, item=item) for name, item in [*held, *((gold_name, row) for row in rows)]]
    scrubber = Scrubber.today(task.scrub, store.keys.scrub)
    with open_asker(store, task, environment, scrubber, progress) as asker:
        report = trial(Resources(task, store, asker, environment, progress), given)
    rules = task.table("panel", PanelTable).rules
    found = report.fit.standings if report.fit else ()
    return [line_of(s, rules) for s in found if s.slice is None]


def line_of(s: Standing, rules: Rules) -> JudgeLine:
    """The line that tells a judge's standing."""
    return JudgeLine(
        judge=s.judge,
        n=s.n,
        accuracy=s.accuracy,
        low=s.low,
        high=s.high,
        role=s.role,
        more=votes_needed(s, rules),
        why="; ".join(s.reasons),
    )


def votes_needed(s: Standing, rules: Rules) -> int | None:
    """How many more votes until the judge may vote if it goes on being right as often; None where they will not do.

    >>> seen = Standing(judge="birch", role="report_only", n=10, right=9, accuracy=0.9, low=0.6, high=0.98,
    ...                 informedness=0.8, informedness_low=0.2, informedness_high=1.0)
    >>> votes_needed(seen, Rules())
    10
    """
    if s.role == "votes":
        return 0
    if not s.n or s.accuracy is None:
        return None
    return next((m for m in range(1, FARTHEST + 1) if qualified(_after(s, m), rules).role == "votes"), None)


def _after(s: Standing, more: int) -> Standing:
    """The standing after so many more rows of the same kind: bounds come nearer with the square root of the rows."""
    n, accuracy = s.n + more, s.accuracy or 0.0
    low, high = wilson(accuracy * n, n)
    nearer = math.sqrt(s.n / n)
    lower = (
        None
        if s.informedness is None or s.informedness_low is None
        else s.informedness - (s.informedness - s.informedness_low) * nearer
    )
    return s.model_copy(update={"n": n, "right": accuracy * n, "low": low, "high": high, "informedness_low": lower})


# --- one person at a terminal ----------------------------------------------------------------------------------

Key = Literal["accept", "reject", "skip", "undo", "stop"]
KEYS: dict[str, Key] = {"a": "accept", "r": "reject", "s": "skip", "u": "undo", "q": "stop"}


class Sitting:
    """One rater going through a study item by item; what was answered stays answered when they come back."""

    def __init__(self, service: ReviewService, study: str, rater: str) -> None:
        self._service, self._study, self._rater = service, study, rater
        self._answered: list[str] = []
        self._since = monotonic()

    def show(self) -> Presentation | None:
        """The item to look at now; None when nothing is left for this rater."""
        self._since = monotonic()
        return next(iter(self._service.next(self._study, self._rater, 1)), None)

    def press(self, shown: Presentation, key: Key) -> bool:
        """Do what a key says about the item shown; False where there is nothing to take back."""
        if key == "undo":
            return bool(self._answered) and self._service.undo(self._answered.pop(), self._rater)
        if key != "stop" and self._service.vote(
            shown.token, self._rater, key, None, int(1000 * (monotonic() - self._since))
        ):
            self._answered.append(shown.token)
        return True
