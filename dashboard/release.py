"""Can a version be released? Every condition that was looked at, what was found, and how it is mended."""

from dataclasses import dataclass
from typing import Any, Literal, cast

from curation.store.evaluations import Evaluations
from curation.store.gates import Gates
from curation.store.gold import Gold
from curation.store.store import Store
from curation.store.versions import Manifest
from dashboard.queries import models_of
from judges.review import ReviewService

Level = Literal["good", "open", "bad"]


@dataclass(frozen=True)
class Finding:
    """One condition of a release: what was looked at, what was found, and where or how it is mended."""

    what: str
    found: str
    level: Level
    page: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class Release:
    """The answer to "can this dataset be released?" with everything it rests on."""

    answer: Literal["yes", "not yet", "no"]
    sentence: str
    findings: tuple[Finding, ...]


def release(store: Store, manifest: Manifest) -> Release:
    """Whether a version can be released: every finding good, or the first that is not, in words."""
    findings = (
        _kept(manifest),
        _quarantine(manifest),
        _judged(manifest),
        _terms(manifest),
        _gold(store),
        _reviewed(store, manifest),
        _gated(store, manifest),
    )
    worst = next((f for f in findings if f.level == "bad"), None) or next(
        (f for f in findings if f.level == "open"), None
    )
    if worst is None:
        return Release("yes", "Every condition below is met.", findings)
    answer = "no" if worst.level == "bad" else "not yet"
    others = sum(f.level != "good" for f in findings) - 1
    more = f", and {others} more below" if others else ""
    return Release(answer, f"{worst.what}: {worst.found}{more}.", findings)


def _kept(manifest: Manifest) -> Finding:
    kept = manifest.counts.get("kept", 0)
    if not kept:
        return Finding("Samples", "none is kept", "bad", page="samples")
    return Finding("Samples", f"{kept:,} of {manifest.records:,} kept", "good", page="samples")


def _quarantine(manifest: Manifest) -> Finding:
    waiting = manifest.counts.get("quarantined", 0)
    if not waiting:
        return Finding("Quarantine", "empty", "good")
    found = f"{waiting:,} samples wait for a person"
    return Finding("Quarantine", found, "open", page="samples", command="stillhouse quarantine list")


def _judged(manifest: Manifest) -> Finding:
    unjudged = cast("dict[str, Any]", manifest.facts.get("unjudged") or {}).get("kept", 0)
    if not manifest.facts.get("judges"):
        return Finding("Judges", "no judge is set up", "open", command="stillhouse doctor")
    if unjudged:
        return Finding("Judges", f"{unjudged:,} kept samples were decided on by no judge with a vote", "open")
    return Finding("Judges", "every kept sample was graded by another family", "good")


def _terms(manifest: Manifest) -> Finding:
    unknown = [str(m.get("name")) for m in models_of(manifest) if m.get("terms") in (None, "unknown")]
    if unknown:
        return Finding("Terms of use", f"unknown for {', '.join(unknown)}", "open", page="provenance")
    return Finding("Terms of use", "known for every teacher", "good", page="provenance")


def _gold(store: Store) -> Finding:
    gold = Gold(store.state)
    if not (names := gold.names()):
        return Finding("Gold set", "there is none", "open", page="gold", command="stillhouse gold import FILE")
    rows = sum(gold.versions(name)[-1].items for name in names)
    return Finding("Gold set", f"{rows:,} rows guarded, checked at every build", "good", page="gold")


def _reviewed(store: Store, manifest: Manifest) -> Finding:
    studies = [s for s in ReviewService(store).studies() if s.version == manifest.version]
    if not studies:
        command = "stillhouse review create NAME"
        return Finding("Review", "no person has reviewed this version", "open", page="review", command=command)
    closed = [s for s in studies if s.closed]
    if not closed:
        return Finding("Review", f"{len(studies)} open, none closed yet", "open", page="review")
    alpha = (closed[-1].report or {}).get("alpha")
    said = "agreement cannot be told" if alpha is None else f"agreement α = {alpha:.2f}"
    return Finding("Review", f"{closed[-1].items} items, {said}", "good", page="review")


def _gated(store: Store, manifest: Manifest) -> Finding:
    mine = [g for g in Gates(store.state).list() if manifest.version in _versions_of(store, g.candidate)]
    if not mine:
        return Finding("Gate", "not decided for this version", "open", page="gate", command="stillhouse gate")
    level: Level = {"PASS": "good", "FAIL": "bad"}.get(mine[-1].outcome, "open")  # type: ignore[assignment]
    return Finding("Gate", mine[-1].outcome, level, page="gate")


def _versions_of(store: Store, candidate: str) -> set[str | None]:
    """The versions the candidate's students were trained on; a pooled candidate joins its ids with `+`."""
    wanted = set(candidate.split("+"))
    return {e.version for e in Evaluations(store.state).list() if e.id in wanted}
