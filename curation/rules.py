"""What must hold before the first call: terms, regions, retention, and parameters that the provider no longer takes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from curation.errors import TaskError, TermsConflict
from curation.llm.protocol import FREE, refused_params
from curation.llm.terms_registry import require_terms
from curation.progress import Progress
from curation.store.replies import Replies
from curation.store.store import Store
from curation.store.verdicts import Verdicts
from curation.task import ModelTable, RulesTable, Task

AT_HOME = frozenset({*FREE})
"""Providers that send nothing out of the house: no rule about where it goes concerns them."""


def require_rules(task: Task, models: Sequence[ModelTable]) -> None:
    """Raise TaskError or TermsConflict, naming model and key, where a model may not be asked for this task."""
    require_terms(task)
    for model in models:
        _require_params(model)
        if model.use not in AT_HOME:
            _require_place(model, task.rules)


def _require_params(model: ModelTable) -> None:
    if "n" in model.params:
        raise TaskError(
            f"{model.name!r}: n = {model.params['n']!r} in params would pay for answers nobody reads; write n beside "
            'params for so many samples, and ask = "together" to have them in one request'
        )
    if gone := refused_params(model):
        raise TaskError(
            f"{model.name!r}: {model.model} takes no {', '.join(gone)} (API version 2026-10-21 answers 400, in a batch "
            'for every row); take it out of params, and vary the prompts or use ask = "candidates" to get variety'
        )


def _require_place(model: ModelTable, rules: RulesTable) -> None:
    if rules.regions and model.region not in rules.regions:
        stated = f"is in region {model.region!r}" if model.region else "states no region"
        raise TermsConflict(
            f"{model.name!r} {stated}, and [rules] regions allows only {', '.join(rules.regions)}; "
            "write region = ... in its table, as your contract for this address says"
        )
    if rules.zero_retention and not model.zero_retention:
        raise TermsConflict(
            f"{model.name!r}: [rules] zero_retention asks for models whose provider keeps nothing; write "
            "zero_retention = true in its table if your contract says so"
        )


def erase_old(store: Store, rules: RulesTable, progress: Progress) -> None:
    """Erase raw requests and replies that [rules] keep_days has outlived; what they cost and were stays known."""
    if rules.keep_days is None:
        return
    day = (datetime.now(UTC) - timedelta(days=rules.keep_days)).strftime("%Y-%m-%dT%H:%M:%S")
    Verdicts(store.replies_db).erase_before(day)
    if erased := Replies(store.replies_db).erase_before(day):
        store.ledger.append("erase", {"replies": erased, "before": day, "rule": f"keep_days = {rules.keep_days}"})
        progress.notice(f"{erased} raw replies older than {rules.keep_days} days were erased from the journal")
