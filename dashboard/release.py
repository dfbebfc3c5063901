"""Can a version be released? Every condition that was looked at, what was found, and how it is mended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from curation.shares import percent
from curation.store.evaluations import Evaluations
from curation.store.gates import Gates
from curation.store.gold import Gold
from curation.store.reviews import Study
from curation.store.store import Store
from curation.store.versions import Manifest
from dashboard.lineage import Lineage
from dashboard.queries import models_of
from judges.review import ReviewService

Level = Literal["good", "open", "bad"]
FAIR = (0.45, 0.55)
"""Where the share of votes for pane A may lie: an interval that misses all of it says that the order decided."""


@dataclass(frozen=True)
class Finding:
    """One condition of a release: what was looked at and found, what is asked for, and where or how it is mended."""

    what: str
    found: str
    level: Level
    page: str | None = None
    command: str | None = None
    wanted: str = ""
    """What would be good, in words."""
    n: int | None = None
    """What it was found on."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """What the page is narrowed to."""


@dataclass(frozen=True)
class Release:
    """The answer to "can this dataset be released?" with everything it rests on."""

    answer: Literal["yes", "not yet", "no"]
    sentence: str
    findings: tuple[Finding, ...]


def release(store: Store, manifest: Manifest, traced: Lineage | None = None) -> Release:
    """Whether a version can be released: every finding good, or the first that is not, in words.

    `traced` is what is known of the rows' origin; None while that is being counted, which holds a release up.
    """
    studies = [s for s in ReviewService(store).studies() if s.version == manifest.version]
    findings = (
        _kept(manifest),
        _quarantine(manifest),
        _judged(manifest),
        _traced(manifest, traced),
        _terms(manifest),
        _gold(store),
        _reviewed(studies),
        *_position(studies),
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
    kept, wanted = manifest.counts.get("kept", 0), "at least one"
    shown: dict[str, Any] = {"page": "samples", "filters": {"state": "kept"}, "n": manifest.records, "wanted": wanted}
    if not kept:
        return Finding("Samples", "none is kept", "bad", **shown)
    return Finding("Samples", f"{kept:,} of {manifest.records:,} kept", "good", **shown)


def _quarantine(manifest: Manifest) -> Finding:
    waiting = manifest.counts.get("quarantined", 0)
    shown: dict[str, Any] = {
        "wanted": "nobody waits",
        "n": manifest.records,
        "page": "samples",
        "filters": {"state": "quarantined"},
    }
    if not waiting:
        return Finding("Quarantine", "empty", "good", **shown)
    found = f"{waiting:,} samples wait for a person"
    return Finding("Quarantine", found, "open", command="stillhouse quarantine list", **shown)


def _judged(manifest: Manifest) -> Finding:
    unjudged = cast("dict[str, Any]", manifest.facts.get("unjudged") or {}).get("kept", 0)
    shown: dict[str, Any] = {"wanted": "every kept sample", "n": manifest.counts.get("kept", 0)}
    if not manifest.facts.get("judges"):
        return Finding("Judges", "no judge is set up", "open", page="judges", command="stillhouse doctor", **shown)
    if unjudged:
        found = f"{unjudged:,} kept samples were decided on by no judge with a vote"
        narrowed = {"state": "kept", "judged": "unjudged"}
        return Finding("Judges", found, "open", page="samples", filters=narrowed, **shown)
    return Finding("Judges", "every kept sample was graded by another family", "good", page="judges", **shown)


def _traced(manifest: Manifest, traced: Lineage | None) -> Finding:
    shown: dict[str, Any] = {"wanted": "every row", "n": manifest.records, "page": "provenance"}
    if traced is None:
        return Finding("Provenance", "still being counted", "open", **shown)
    if traced.complete == traced.rows:
        return Finding("Provenance", "every row names source, teacher and request", "good", **shown)
    return Finding("Provenance", traced.missing, "open", **shown)


def _terms(manifest: Manifest) -> Finding:
    teachers = models_of(manifest)
    unknown = [str(m.get("name")) for m in teachers if m.get("terms") in (None, "unknown")]
    shown: dict[str, Any] = {"wanted": "known for each", "n": len(teachers), "page": "provenance"}
    if unknown:
        return Finding("Terms of use", f"unknown for {', '.join(unknown)}", "open", **shown)
    return Finding("Terms of use", "known for every teacher", "good", **shown)


def _gold(store: Store) -> Finding:
    gold, wanted = Gold(store.state), "at least one set"
    if not (names := gold.names()):
        command = "stillhouse gold import FILE"
        return Finding("Gold set", "there is none", "open", page="gold", command=command, wanted=wanted)
    rows = sum(gold.versions(name)[-1].items for name in names)
    return Finding("Gold set", f"{rows:,} rows guarded, checked at every build", "good", "gold", wanted=wanted, n=rows)


def _reviewed(studies: Sequence[Study]) -> Finding:
    wanted = "one closed study"
    if not studies:
        command = "stillhouse review create NAME"
        return Finding("Review", "no person has reviewed this version", "open", "review", command, wanted)
    closed = [s for s in studies if s.closed]
    if not closed:
        return Finding("Review", f"{len(studies)} open, none closed yet", "open", page="review", wanted=wanted)
    last = closed[-1]
    alpha = (last.report or {}).get("alpha")
    said = "agreement cannot be told" if alpha is None else f"agreement α = {alpha:.2f}"
    shown: dict[str, Any] = {"page": "studies", "filters": {"study": last.name}, "wanted": wanted, "n": last.items}
    return Finding("Review", f"{last.items} items, {said}", "good", **shown)


def _position(studies: Sequence[Study]) -> list[Finding]:
    """Whether the order of the answers decided in the newest closed study of pairs; nothing where there is none."""
    closed = [s for s in studies if s.closed and s.kind == "pairwise"]
    report = (closed[-1].report or {}) if closed else {}
    found = cast("dict[str, Any]", report.get("position") or {})
    if found.get("share") is None:
        return []
    low, high = found["ci"]
    fair = low <= FAIR[1] and high >= FAIR[0]
    said = f"{percent(found['share'])} for pane A, interval {percent(low)} to {percent(high)}"
    wanted = f"reaches {percent(FAIR[0])} to {percent(FAIR[1])}"
    shown: dict[str, Any] = {
        "page": "studies",
        "filters": {"study": closed[-1].name},
        "wanted": wanted,
        "n": found["decided"],
    }
    return [Finding("Order of answers", said, "good" if fair else "open", **shown)]


def _gated(store: Store, manifest: Manifest) -> Finding:
    mine = [g for g in Gates(store.state).list() if manifest.version in _versions_of(store, g.candidate)]
    wanted = "PASS"
    if not mine:
        found, command = "not decided for this version", "stillhouse gate"
        return Finding("Gate", found, "open", page="gate", command=command, wanted=wanted)
    level: Level = {"PASS": "good", "FAIL": "bad"}.get(mine[-1].outcome, "open")  # type: ignore[assignment]
    n = mine[-1].body.get("n")
    return Finding("Gate", mine[-1].outcome, level, "gate", wanted=wanted, n=n if isinstance(n, int) else None)


def _versions_of(store: Store, candidate: str) -> set[str | None]:
    """The versions the candidate's students were trained on; a pooled candidate joins its ids with `+`."""
    wanted = set(candidate.split("+"))
    return {e.version for e in Evaluations(store.state).list() if e.id in wanted}
