"""Whether a teacher is still the model it was: what its replies say they come from, beside the last version's."""

import polars as pl

from curation.progress import Progress
from curation.store.store import Store


def identities(samples: pl.DataFrame) -> dict[str, set[str]]:
    """By teacher, every (model, fingerprint) its replies came from, in words."""
    seen = samples.filter(pl.col("model").is_not_null()).select("teacher", "model", "fingerprint").unique()
    found: dict[str, set[str]] = {}
    for teacher, model, fingerprint in seen.iter_rows():
        found.setdefault(teacher, set()).add(f"{model} ({fingerprint})" if fingerprint else model)
    return found


def tell_drift(store: Store, samples: pl.DataFrame, progress: Progress) -> None:
    """One line per teacher whose replies come from a model or backend that the last version did not know."""
    head = store.versions.head()
    if head is None:
        return
    before = identities(store.versions.samples(head))
    for teacher, now in identities(samples).items():
        if teacher in before and (new := now - before[teacher]):
            was = ", ".join(sorted(before[teacher]))
            progress.notice(
                f"teacher {teacher!r} changed since version {head[:8]}: replies now come from {', '.join(sorted(new))} "
                f"(was {was}); compare answers before mixing them"
            )
