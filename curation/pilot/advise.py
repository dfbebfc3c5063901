"""Should this be distilled? A pilot's figures against stated thresholds, and what else the money could be saved with.

Every criterion is data: its number, its threshold, and whether it speaks for or against. Where a number is not known
it says so; it is never taken for 0.
"""

from collections.abc import Sequence

from curation.intervals import Share
from curation.llm.models import Models
from curation.money.hours import judges_of
from curation.pilot.advice import (
    ASSUMED,
    COUNT,
    Advice,
    Case,
    Criterion,
    Effect,
    Money,
    Thresholds,
    Verdict,
    Wishes,
    figures_of,
)
from curation.pilot.alternatives import alternatives_of
from curation.pilot.asking import newest_pilot, price_of
from curation.pilot.draw import BREADTH_PROMPTS
from curation.shares import percent
from curation.signals import labels_of
from curation.store.store import Store
from curation.task import Environment, Task

NO_PRICE = "the price is not known; write price = {{ input = ..., output = ... }} in the table of {}"


def advise(store: Store, task: Task, environment: Environment, wishes: Wishes) -> Advice:
    """Yes, no, or pilot more, from the newest pilot; asks nobody.

    Raises UnknownRecord where there is no pilot, TaskError where a named teacher is not in task.toml or was not asked.
    """
    case = _case(store, task, environment, wishes)
    money = money_of(case)
    criteria = (
        money_criterion(case, money),
        ceiling_criterion(case),
        volume_criterion(case),
        breadth_criterion(case),
        length_criterion(case),
        steps_criterion(case),
    )
    verdict, because = decide(criteria, case.limits)
    return Advice(
        verdict=verdict,
        because=because,
        criteria=criteria,
        money=money,
        alternatives=alternatives_of(case),
        thresholds=case.limits,
        sources=case.limits.sources(),
    )


def decide(criteria: Sequence[Criterion], limits: Thresholds) -> tuple[Verdict, str]:
    """A decisive criterion against it makes a no, and so do several others; one that is unknown asks for more."""
    against = [c for c in criteria if c.effect == "against"]
    if stops := [c for c in against if c.decisive]:
        return "no", "; ".join(c.why for c in stops)
    if len(against) >= limits.soft_against:
        return "no", "; ".join(c.why for c in against)
    if unknown := [c for c in criteria if c.decisive and c.effect == "unknown"]:
        return "pilot more", "; ".join(c.why for c in unknown)
    return "yes", "; ".join(c.why for c in criteria if c.decisive)


def _case(store: Store, task: Task, environment: Environment, wishes: Wishes) -> Case:
    pilot = newest_pilot(store)
    today = task.teacher(wishes.model or next(t.teacher for t in pilot.teachers if t.answers))
    figures_of(pilot, today.name)
    route = pilot.route()
    proposed = route.proposed if route else None
    source = next((t for t in task.teachers if t.name == proposed), today)
    models = Models(environment, task.root, budget_usd=None)
    return Case(task, pilot, wishes, models, today, source, Thresholds())


# --- money -----------------------------------------------------------------------------------------------------


def money_of(case: Case) -> Money:
    """What is spent a month now, what a student would cost once and monthly, and when it has paid for itself."""
    wishes, hours = case.wishes, case.task.hours
    serving = _else(wishes.serving_usd_month, hours.serving, ASSUMED.serving_hours)
    training = _else(wishes.training_usd, hours.training, ASSUMED.training_hours)
    dataset = _times(case.usd_per_1000(case.source), wishes.samples)
    judges = _times(_judging(case), wishes.samples)
    once = _sum(dataset, judges, training, wishes.review_usd)
    today = case.monthly(case.usd_per_1000(case.today))
    saved = None if today is None or serving is None else round(today - serving, 4)
    months = round(once / saved, 2) if once is not None and saved is not None and saved > 0 else None
    return Money(
        model=case.today.name,
        monthly_requests=wishes.monthly_requests,
        usd_month_today=today,
        serving_usd_month=serving,
        taught_by=case.source.name,
        samples=wishes.samples,
        dataset_usd=dataset,
        judges_usd=judges,
        training_usd=training,
        review_usd=wishes.review_usd,
        once_usd=once,
        saved_usd_month=saved,
        break_even_months=months,
        horizon_months=wishes.horizon_months,
        assumed=tuple(_assumed(case)),
    )


def _judging(case: Case) -> float | None:
    """Dollars of the verdicts on a thousand answers, at the prices of now."""
    tables = {judge.name: judge for judge in judges_of(case.task)}
    if not tables:
        return 0.0
    costs = [
        None if (cost := price_of(case.models, tables[j.judge], j.tokens)) is None else cost * j.per_answer
        for j in case.pilot.judges
        if j.judge in tables
    ]
    return _sum(*costs) if costs else None


def _assumed(case: Case) -> list[str]:
    wishes, hours = case.wishes, case.task.hours
    said = [
        f"a request of production costs what an answer of {case.today.name} cost in the pilot",
        f"a dataset of {wishes.samples:,} samples (--samples), answered by {case.source.name}",
        "every request goes to the student once it serves; nothing is added for upkeep",
    ]
    if wishes.serving_usd_month is None and hours.serving is not None:
        said.append(f"serving: [hours] serving = {hours.serving:g} for {ASSUMED.serving_hours:g} hours a month")
    if wishes.training_usd is None and hours.training is not None:
        said.append(f"training: [hours] training = {hours.training:g} for {ASSUMED.training_hours:g} hours")
    if not wishes.review_usd:
        said.append("no cost of human review (--review-usd)")
    return said


def _else(given: float | None, hourly: float | None, hours: float) -> float | None:
    if given is not None:
        return given
    return None if hourly is None else round(hourly * hours, 4)


def _times(usd_per_1000: float | None, n: int) -> float | None:
    return None if usd_per_1000 is None else round(usd_per_1000 * n / 1000, 4)


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return round(sum(known), 6) if len(known) == len(parts) else None


def money_criterion(case: Case, money: Money) -> Criterion:
    """Whether it pays for itself in time; against it also where not even the best case does."""
    effect, why = _money_effect(case, money)
    months = money.break_even_months
    return Criterion(
        name="break-even",
        number=months,
        shown="unknown" if months is None else f"{months:.1f} months",
        threshold=f"within {money.horizon_months:g} months",
        effect=effect,
        decisive=True,
        why=why,
    )


def _money_effect(case: Case, money: Money) -> tuple[Effect, str]:
    if money.usd_month_today is None:
        what = COUNT if money.monthly_requests is None else NO_PRICE.format(f"teacher {money.model!r}")
        return "unknown", f"what is spent today is not known: {what}"
    best_saving = money.usd_month_today - (money.serving_usd_month or 0.0)
    if best_saving <= 0:
        serving = f", and serving a student ${money.serving_usd_month:,.2f}" if money.serving_usd_month else ""
        return (
            "against",
            f"there is nothing to save: {money.model} costs ${money.usd_month_today:,.2f} a month{serving}",
        )
    parts = {"the dataset": money.dataset_usd, "the judges": money.judges_usd, "training": money.training_usd}
    best = (sum(part or 0.0 for part in parts.values()) + money.review_usd) / best_saving
    if best > money.horizon_months:
        return "against", f"it pays for itself after {best:,.1f} months at the earliest"
    missing = [name for name, part in {**parts, "serving": money.serving_usd_month}.items() if part is None]
    if missing:
        return "unknown", f"the cost of {', '.join(missing)} is not known: {_how_to_tell(missing)}"
    return "for", f"it pays for itself after {money.break_even_months or 0.0:,.1f} months"


def _how_to_tell(missing: Sequence[str]) -> str:
    ways = {
        "training": "give --training-usd, or [hours] training",
        "serving": "give --serving-usd-month, or [hours] serving",
        "the dataset": "state the price of the teacher",
        "the judges": "state the price of the judges, or run a pilot with them",
    }
    return "; ".join(ways[name] for name in missing)


# --- what can be learnt ----------------------------------------------------------------------------------------


def ceiling_criterion(case: Case) -> Criterion:
    """How right the source is: a student inherits its mistakes. For free text the judges stand in for gold."""
    figures, limits = case.figures(case.source), case.limits
    labelled = bool(labels_of(case.task.answer)) or case.task.answer.format == "label" or case.task.answer.field
    if figures.gold is not None:
        share, what = figures.gold, f"{case.source.name} agrees with gold"
    elif not labelled and figures.rubric is not None:
        share, what = figures.rubric, f"the judges accept {case.source.name}"
    else:
        share, what = None, ""
    effect, why = _ceiling_effect(share, what, case)
    return Criterion(
        name="ceiling",
        number=None if share is None else share.share,
        shown="unknown" if share is None else f"{share.words}, n = {share.n}",
        threshold=f"at least {percent(limits.ceiling)} on {limits.gold_rows} rows",
        effect=effect,
        decisive=True,
        why=why,
    )


def _ceiling_effect(share: Share | None, what: str, case: Case) -> tuple[Effect, str]:
    limit = case.limits.ceiling
    if share is None:
        return "unknown", f"how right {case.source.name} is was not measured: {case.pilot.gold_words or 'no gold'}"
    words = f"{what} {share.words}, and a faithful student inherits the rest"
    if share.high < limit:
        return "against", words
    if share.n < case.limits.gold_rows:
        return "unknown", f"{words}, but on {share.n} rows alone: add gold and pilot again"
    if share.share < limit:
        return "unknown", f"{words}; {percent(limit)} lies within the interval: add gold and pilot again"
    return "for", words


def volume_criterion(case: Case) -> Criterion:
    """Whether there are enough requests for a model of one's own."""
    n, limit = case.wishes.monthly_requests, case.limits.monthly_requests
    return Criterion(
        name="volume",
        number=n,
        shown="unknown" if n is None else f"{n:,} requests a month",
        threshold=f"at least {limit:,}",
        effect=_effect(None if n is None else n >= limit),
        decisive=False,
        why=COUNT if n is None else f"{n:,} requests a month",
    )


def breadth_criterion(case: Case) -> Criterion:
    """How varied the prompts are: a narrow task is learnt from few samples."""
    breadth, limit = case.pilot.breadth, case.limits.unseen_words
    enough = breadth.unseen is not None and breadth.prompts >= BREADTH_PROMPTS
    shown = "unknown" if breadth.unseen is None else f"{percent(breadth.unseen)} unseen words"
    return Criterion(
        name="breadth of prompts",
        number=breadth.unseen,
        shown=f"{shown}, on {breadth.prompts} prompts",
        threshold=f"at most {percent(limit)} on {BREADTH_PROMPTS} prompts",
        effect=_effect((breadth.unseen or 0.0) <= limit if enough else None),
        decisive=False,
        why=f"{shown} between two halves of {breadth.prompts} prompts"
        + ("" if enough else f"; it takes {BREADTH_PROMPTS} to tell"),
    )


def length_criterion(case: Case) -> Criterion:
    """Long answers in free words are hard on a small student; a label is not, whatever stands around it."""
    words, limit = case.figures(case.source).words, case.limits.answer_words
    labels = labels_of(case.task.answer)
    median = None if words is None else words.p50
    shown = "unknown" if words is None else f"{words.p50:.0f} words [{words.low:.0f}, {words.high:.0f}]"
    why = f"answers have {shown} in the median"
    if labels:
        why = f"a classifier learns one of {len(labels)} labels; the rest of the answer ({shown}) is not taught to it"
    short = None if median is None else bool(labels) or median <= limit
    return Criterion(
        name="output length",
        number=median,
        shown=shown,
        threshold="any, with labels" if labels else f"at most {limit:.0f} words",
        effect=_effect(short),
        decisive=False,
        why=why,
    )


def steps_criterion(case: Case) -> Criterion:
    """Tools, several stages and long conversations are harder to copy than one question and one answer."""
    steps, limit = case.pilot.multi_step, case.limits.multi_step
    return Criterion(
        name="tools and several steps",
        number=None if steps is None else steps.share,
        shown="unknown" if steps is None else f"{steps.words}, n = {steps.n}",
        threshold=f"at most {percent(limit)}",
        effect=_effect(None if steps is None else steps.share <= limit),
        decisive=False,
        why="" if steps is None else f"{steps.words} of the answers take tools, stages or a longer conversation",
    )


def _effect(good: bool | None) -> Effect:
    return "unknown" if good is None else "for" if good else "against"
