"""Hours of machines at the prices of [hours] and `price.hour`, booked in the ledger when they are over."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic

from curation.llm.prices import is_here
from curation.llm.protocol import host_of
from curation.store.attempts import Purpose
from curation.store.charges import Charge, Charges, Kind
from curation.store.store import Store
from curation.task import ModelTable, Task

HOUR = 3600.0
MINE = "[hours] {kind}"
"""Where the price of a machine of one's own stands."""


@contextmanager
def booked(store: Store, kind: Kind, what: str, usd_per_hour: float | None) -> Generator[None]:
    """Book the time the block takes, also when it fails; nothing where no price is declared."""
    began = monotonic()
    try:
        yield
    finally:
        if usd_per_hour:
            hours = (monotonic() - began) / HOUR
            Charges(store.replies_db).add(Charge(kind, what, hours, usd_per_hour, detail=MINE.format(kind=kind)))


def book_asking(store: Store, task: Task, seconds: Mapping[tuple[Purpose, str], float], run: int) -> None:
    """Book the time a run spent asking models that cost by the hour; `seconds` by purpose and model's name.

    A model with `price.hour` is charged its own time. Models on this machine share it, so of those asked for one
    purpose only the longest is charged.
    """
    charges: list[Charge] = []
    shared: dict[Purpose, tuple[float, str]] = {}
    for (purpose, name), spent in seconds.items():
        model = model_named(task, purpose, name)
        if model is None:
            continue
        if model.price is not None and model.price.hour:
            charges.append(Charge(_kind(purpose), name, spent / HOUR, model.price.hour, run, "price.hour"))
        elif _on_this_machine(model):
            shared[purpose] = max(shared.get(purpose, (0.0, "")), (spent, name))
    for purpose, (spent, name) in shared.items():
        kind = _kind(purpose)
        rate = task.hours.judging if kind == "judging" else task.hours.serving
        if rate:
            charges.append(Charge(kind, name, spent / HOUR, rate, run, MINE.format(kind=kind)))
    Charges(store.replies_db).add(*charges)


def model_named(task: Task, purpose: str, name: str) -> ModelTable | None:
    """The judge, or else the teacher, of that name; None where task.toml no longer has it."""
    models: Sequence[ModelTable] = judges_of(task) if purpose == "judge" else task.teachers
    return next((m for m in models if m.name == name), None)


def judges_of(task: Task) -> list[ModelTable]:
    """The judges of a task, with what all models have."""
    shared = set(ModelTable.model_fields)
    return [ModelTable.model_validate({k: v for k, v in j.items() if k in shared}) for j in task.judges]


def _kind(purpose: Purpose) -> Kind:
    return "judging" if purpose == "judge" else "serving"


def _on_this_machine(model: ModelTable) -> bool:
    free = model.price is None or model.price.input == model.price.output == 0
    return model.use == "local" or (free and model.base_url is not None and is_here(host_of(model.base_url)))
