"""What may be done to many rows of a gold set at once: planned in words with numbers, then done, then undone.

A plan changes nothing. Done, it makes a new version; undone, another one with the content before: nothing is ever
taken out of the history.
"""

from collections.abc import Collection, Sequence

from pydantic import JsonValue

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record, text_digest
from curation.store.gold import Gold, GoldChange, GoldItem, GoldVersion, is_sealed
from curation.store.gold_guides import GoldSeal
from curation.store.review_imports import ReviewItems
from curation.store.reviews import Reviews
from curation.store.store import Store
from judges.gold_rows import GOLD, gold_name

NAMED = 5
"""Ids a sentence names before it says how many more there are."""


class GoldPlan(Record):
    """What an action on a gold set would do, in sentences; without a `change` it is blocked or would change nothing."""

    name: str
    words: tuple[str, ...]
    change: GoldChange | None = None

    @property
    def rows(self) -> int:
        """How many rows it changes or takes out."""
        return len(self.change.put) + len(self.change.remove) if self.change else 0


def plan_removal(store: Store, name: str, ids: Collection[str]) -> GoldPlan:
    """Taking these rows out of a set."""
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    known, words = at.known(ids)
    asked = at.under_review(known)
    out = [ident for ident in known if ident not in asked]
    words += _in_review(asked)
    if out and len(out) == len(at.rows):
        return GoldPlan(name=name, words=(*words, f"Blocked: that is all {_rows(len(out))}; a set keeps at least one."))
    if not out:
        return GoldPlan(name=name, words=(*words, "Nothing would change."))
    left = len(at.rows) - len(out)
    said = (
        f"Takes {_rows(len(out))} out of gold set {name!r}: version {at.next} holds {left:,} of {len(at.rows):,}.",
        "Samples like them may be trained on from the next run on, unless another gold row is like them too.",
    )
    change = GoldChange(based_on=at.version.number, note=f"took out {_rows(len(out))}", remove=tuple(out))
    return GoldPlan(name=name, words=(*said, *words), change=change)


def plan_move(store: Store, name: str, ids: Collection[str], slice_name: str | None) -> GoldPlan:
    """Putting these rows into a slice; None takes them out of any."""
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    known, words = at.known(ids)
    target = slice_name or None
    where = f"slice {target!r}" if target else "no slice"
    moved = [at.rows[i].model_copy(update={"slice": target}) for i in known if at.rows[i].slice != target]
    if there := len(known) - len(moved):
        words.append(f"Left alone: {_rows(there)} in {where} already.")
    if not moved:
        return GoldPlan(name=name, words=(*words, "Nothing would change."))
    held = sum(row.slice == target for row in at.rows.values())
    said = f"Moves {_rows(len(moved))} to {where}: version {at.next} has {held + len(moved):,} there, {held:,} now."
    change = GoldChange(
        based_on=at.version.number, note=f"moved {_rows(len(moved))} to {where}", put=tuple(moved)
    )  # fmt: skip
    return GoldPlan(name=name, words=(said, *words), change=change)


def plan_correction(store: Store, name: str, ident: str, answer: JsonValue, slice_name: str | None) -> GoldPlan:
    """Giving one row another right answer, another slice, or both."""
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    known, words = at.known([ident])
    if not known:
        return GoldPlan(name=name, words=(*words, "Nothing would change."))
    row = at.rows[ident]
    changed = row.model_copy(update={"answer": answer, "slice": slice_name or None})
    parts = [what for what, same in (("answer", row.answer == answer), ("slice", row.slice == changed.slice))
             if not same]  # fmt: skip
    if not parts:
        return GoldPlan(name=name, words=("Nothing would change.",))
    what = " and ".join(parts)
    said = [f"Changes the {what} of 1 of {len(at.rows):,} rows, {ident}; version {at.next} is the first with it."]
    if row.judged is not None and "answer" in parts:
        said.append(f"The verdict {row.judged.verdict!r} stays: it is about the answer that people were shown.")
    change = GoldChange(based_on=at.version.number, note=f"changed the {what} of {ident}", put=(changed,))
    return GoldPlan(name=name, words=tuple(said), change=change)


def plan_guideline(store: Store, name: str, text: str) -> GoldPlan:
    """Saying what the labels follow from now on; an empty text takes the guideline away."""
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    before = at.version.guideline
    after = text_digest(text) if text.strip() else None
    if before == after:
        return GoldPlan(name=name, words=("Nothing would change: the guideline is this text already.",))
    was = f"guideline {before[:12]}" if before else "no guideline"
    now = f"guideline {after[:12]}" if after else "no guideline"
    words = (
        f"Version {at.next} follows {now} instead of {was}; its {_rows(len(at.rows))} stay as they are.",
        "Nobody labels them anew for it: labels that the new text decides otherwise have to be changed by hand.",
    )
    change = GoldChange(
        based_on=at.version.number,
        note=f"set {now}" if after else "took the guideline away",
        guideline=text if after else "",
    )
    return GoldPlan(name=name, words=words, change=change)


def plan_undo(store: Store, name: str, number: int | None = None) -> GoldPlan:
    """Going back to what a set held before a version (default: the newest), as a version of its own.

    Blocked where a later version changed the set again, because its work would be lost.
    """
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    undone = next((v for v in at.versions if v.number == (number or at.version.number)), None)
    if undone is None:
        raise InputError(f"gold set {name!r} has versions 1 to {at.version.number}, not {number}")
    if undone.number == 1:
        return GoldPlan(name=name, words=(f"Blocked: version 1 began gold set {name!r}; there is nothing before it.",))
    if lost := _lost(at, undone):
        return GoldPlan(name=name, words=(lost,))
    before = {row.id: row for row in at.gold.items(name, undone.number - 1)}
    put = tuple(row for ident, row in before.items() if at.rows.get(ident) != row)
    remove = tuple(ident for ident in at.rows if ident not in before)
    if asked := at.under_review(remove):
        return GoldPlan(name=name, words=tuple(_in_review(asked)))
    text = at.gold.guideline(name, undone.number - 1) or ""
    back = [row.id for row in put if row.id not in at.rows]
    words = [
        f"Undoes version {undone.number} ({undone.note or 'no note'}, by {undone.actor}): version {at.next} holds "
        f"what version {undone.number - 1} held, {_rows(len(before))}.",
        f"{len(back):,} come back, {len(put) - len(back):,} change back, {len(remove):,} go.",
    ]
    if at.version.guideline != at.versions[undone.number - 2].guideline:
        words.append("The guideline goes back too.")
    change = GoldChange(
        based_on=at.version.number,
        note=f"undid version {undone.number}",
        put=put,
        remove=remove,
        guideline=text,
        facts={"undoes": undone.number},
    )
    return GoldPlan(name=name, words=tuple(words), change=change)


def _lost(at: "_At", undone: GoldVersion) -> str | None:
    """Why a version cannot be undone, where later ones changed the set again and are not undone themselves."""
    if at.version.guideline == undone.guideline and list(at.rows.values()) == at.gold.items(at.name, undone.number):
        return None
    later = [v for v in at.versions if v.number > undone.number]
    told = ", ".join(f"{v.number} ({v.note or 'no note'}, by {v.actor})" for v in later[:NAMED])
    more = f" and {len(later) - NAMED} more" if len(later) > NAMED else ""
    return (
        f"Blocked: {len(later)} later {'version' if len(later) == 1 else 'versions'} would be lost with version "
        f"{undone.number}: {told}{more}. Undo the newest first."
    )


def carry_out(store: Store, plan: GoldPlan, actor: str, *, who: Person = OWNER) -> GoldVersion:
    """Make the version a plan speaks of; InputError where it is blocked or the set was changed meanwhile."""
    who.require("curate_gold")
    if plan.change is None:
        raise InputError(" ".join(plan.words))
    return Gold(store.state).change(plan.name, plan.change, ledger=store.ledger, actor=actor)


def plan_seal(store: Store, name: str) -> GoldPlan:
    """What sealing a set means; blocked where it is sealed."""
    at = _At(store, name)
    if at.sealed:
        return at.blocked()
    guided = f"guideline {at.version.guideline[:12]}" if at.version.guideline else "no guideline"
    words = [
        f"Seals gold set {name!r} at version {at.version.number}: {_rows(len(at.rows))}, {guided}, "
        f"digest {at.version.digest[:12]}.",
        "Nobody can change it afterwards, and there is no way back. What it measures from then on stays comparable.",
    ]
    if asked := at.under_review(at.rows):
        studies = ", ".join(sorted({repr(study) for study in asked.values()}))
        words.append(f"Note: {_rows(len(asked))} in open reviews ({studies}); their verdicts could not go in any more.")
    return GoldPlan(name=name, words=tuple(words), change=GoldChange(based_on=at.version.number, note="sealed"))


def seal(store: Store, plan: GoldPlan, actor: str, *, who: Person = OWNER) -> GoldSeal:
    """Seal the set that `plan_seal` was asked about; InputError where it was changed meanwhile."""
    who.require("curate_gold")
    newest = Gold(store.state).versions(plan.name)[-1]
    if plan.change is None or newest.number != plan.change.based_on:
        raise InputError(f"gold set {plan.name!r} is at version {newest.number} by now; look at it again")
    return Gold(store.state).seal(plan.name, ledger=store.ledger, actor=actor)


class _At:
    """A gold set as it is now."""

    def __init__(self, store: Store, name: str) -> None:
        self.gold = Gold(store.state)
        self.name = name
        self.versions = self.gold.versions(name)
        self.version = self.versions[-1]
        self.next = self.version.number + 1
        self.rows: dict[str, GoldItem] = {row.id: row for row in self.gold.items(name, self.version.number)}
        self.sealed = self.gold.sealed(name)
        self._store = store

    def blocked(self) -> GoldPlan:
        """The plan of whatever is asked of a sealed set."""
        return GoldPlan(name=self.name, words=(f"Blocked: {is_sealed(self.sealed)}.",) if self.sealed else ())

    def known(self, ids: Collection[str]) -> tuple[list[str], list[str]]:
        """Those of these ids that are rows, and a sentence about the others where there are any."""
        asked = list(dict.fromkeys(ids))
        unknown = [ident for ident in asked if ident not in self.rows]
        words = [f"Blocked: {len(unknown):,} of {len(asked):,} ids are no rows of it: {_some(unknown)}."]
        return [ident for ident in asked if ident in self.rows], words if unknown else []

    def under_review(self, ids: Collection[str]) -> dict[str, str]:
        """The open review that each of these rows is shown in, where there is one: its verdict needs the row."""
        names = {gold_name(self.name, self.rows[ident]): ident for ident in ids}
        found: dict[str, str] = {}
        for study in Reviews(self._store.state).studies():
            if study.closed is None and study.version.startswith(f"{GOLD}{self.name}/"):
                items = ReviewItems(self._store.state).of(study.name)
                found |= {names[i.first_sample]: study.name for i in items if i.first_sample in names}
        return found


def _in_review(asked: dict[str, str]) -> list[str]:
    """Why rows stay that people are being asked about, a sentence for each review."""
    found: dict[str, list[str]] = {}
    for ident, study in asked.items():
        found.setdefault(study, []).append(ident)
    return [
        f"Blocked: {_rows(len(there))} in the open review {study!r}, {_some(there)}; close it first."
        for study, there in found.items()
    ]


def _some(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return f"{', '.join(ids[:NAMED])}{more}"


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"
