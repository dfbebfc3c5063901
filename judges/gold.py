"""The gold sets as people and commands use them: made from files and reviews, versioned, sliced, sealed."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import Record
from curation.store.gold import Gold, GoldItem, GoldVersion
from curation.store.gold_guides import GoldSeal
from curation.store.reviews import Reviews
from curation.store.store import Store
from judges.gold_lines import read_line
from judges.gold_rows import SliceBy, rows_of_study


class BadGoldLine(Record):
    """A line of a gold file that could not be read, and why."""

    file: str
    line: int
    reason: str


class GoldImport(Record):
    """What an import did: `rows = kept + quarantined`; `changed` counts kept rows that were new or different."""

    name: str
    version: int
    rows: int
    kept: int
    changed: int
    quarantined: tuple[BadGoldLine, ...]


class StudyGold(Record):
    """What a review study gave a gold set: `items = rows + tied + undecided + unrated`.

    Tied: as many raters said one thing as another; undecided: most called both answers equal, or both bad.
    """

    study: str
    name: str
    version: int
    items: int
    rows: int
    changed: int
    tied: int
    undecided: int
    unrated: int


class SliceCount(Record):
    """The rows of one slice, and how many people accepted, rejected, or saw beside another answer."""

    slice: str | None
    rows: int
    accepts: int
    rejects: int
    pairs: int


class RaterCount(Record):
    """How many rows a rater voted on, and how often the row's verdict is what they said."""

    rater: str
    votes: int
    as_decided: int


class GoldService:
    """Reads and writes the gold sets of one workspace, as far as `who` may; which sets there are is no secret."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._store = store
        self._gold = Gold(store.state)
        self._who = who

    def names(self) -> list[str]:
        """The gold sets there are."""
        return self._gold.names()

    def versions(self, name: str) -> list[GoldVersion]:
        """The versions of one set, oldest first."""
        return self._gold.versions(name)

    def items(self, name: str, number: int | None = None) -> list[GoldItem]:
        """The rows of one version (default: the newest)."""
        self._who.require("see_gold")
        return self._gold.items(name, number)

    def guideline(self, name: str, number: int | None = None) -> str | None:
        """The text that the labels of a version (default: the newest) follow; None where nobody stated it."""
        self._who.require("see_gold")
        return self._gold.guideline(name, number)

    def sealed(self, name: str) -> GoldSeal | None:
        """The seal of a set; None while it can be changed."""
        return self._gold.sealed(name)

    def slices(self, name: str, number: int | None = None) -> list[SliceCount]:
        """The slices of a version, by name, each with its rows and what people said of them."""
        by_slice: dict[str | None, Counter[str]] = {}
        for item in self.items(name, number):
            count = by_slice.setdefault(item.slice, Counter())
            count["rows"] += 1
            count[item.judged.verdict if item.judged else "unjudged"] += 1
        return [
            SliceCount(
                slice=each,
                rows=count["rows"],
                accepts=count["accept"],
                rejects=count["reject"],
                pairs=count["first"] + count["second"],
            )
            for each, count in sorted(by_slice.items(), key=lambda found: found[0] or "")
        ]

    def raters(self, name: str, number: int | None = None) -> list[RaterCount]:
        """Who voted on the rows of a version, by name."""
        votes, alike = Counter[str](), Counter[str]()
        for item in self.items(name, number):
            for rater, said in item.judged.votes.items() if item.judged else ():
                votes[rater] += 1
                alike[rater] += item.judged is not None and said == item.judged.verdict
        return [RaterCount(rater=r, votes=votes[r], as_decided=alike[r]) for r in sorted(votes)]

    def judged(self, name: str | None = None) -> list[GoldItem]:
        """The rows people passed a verdict on, in the newest version of one set or of every set."""
        names = self.names() if name is None else [name]
        return [item for each in names for item in self.items(each) if item.judged is not None]

    def texts(self) -> list[str]:
        """What no training sample may resemble."""
        self._who.require("see_gold")
        return self._gold.texts()

    def add(self, name: str, items: Sequence[GoldItem], *, actor: str, note: str = "") -> GoldVersion:
        """Add or replace rows; the version that holds them (the present one when nothing changed)."""
        self._who.require("curate_gold")
        return self._gold.put(name, items, ledger=self._store.ledger, actor=actor, note=note)[0]

    def seal(self, name: str, actor: str) -> GoldSeal:
        """Let nobody change a set any more: what it measures from now on stays comparable."""
        self._who.require("curate_gold")
        return self._gold.seal(name, ledger=self._store.ledger, actor=actor)

    def create_from_study(
        self, study: str, gold_name: str, actor: str, *, slice_by: SliceBy | None = None, guideline: str | None = None
    ) -> StudyGold:
        """Put what most raters of a closed study said into a gold set, with every vote and the teachers' names.

        InputError for an open study (its raters could look here), and where no item was decided.
        """
        self._who.require("curate_gold")
        found = Reviews(self._store.state).study(study)
        if found.closed is None:
            raise InputError(f"study {study!r} is open, and gold rows name teachers; `stillhouse review close {study}`")
        made = rows_of_study(self._store, found, slice_by)
        if not made.rows:
            raise InputError(f"study {study!r} decided about none of its {found.items} items; there is nothing to keep")
        version, changed = self._gold.put(
            gold_name,
            made.rows,
            ledger=self._store.ledger,
            actor=actor,
            note=f"study {study}",
            guideline=guideline,
        )
        return StudyGold(
            study=study,
            name=gold_name,
            version=version.number,
            items=found.items,
            rows=len(made.rows),
            changed=changed,
            tied=made.tied,
            undecided=made.undecided,
            unrated=made.unrated,
        )

    def import_file(
        self, path: Path, *, name: str = "gold", actor: str = "engine", guideline: str | None = None
    ) -> GoldImport:
        """Import JSONL rows {id, text, answer, slice, verdict}; a bad line is named and set aside, the others go in.

        A `verdict` is about `shown` where the row has it, else about `answer`. Raises InputError when the file cannot
        be read or holds no good row.
        """
        self._who.require("curate_gold")
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        good: dict[str, GoldItem] = {}
        bad: list[BadGoldLine] = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            read = read_line(line, set(good))
            if isinstance(read, GoldItem):
                good[read.id] = read
            else:
                bad.append(BadGoldLine(file=path.name, line=number, reason=read))
        if not good:
            first = f"; line {bad[0].line}: {bad[0].reason}" if bad else ""
            raise InputError(f"{path} holds no gold row{first}. A row is {{id, text, answer, slice, verdict}}")
        note = f"import of {path.name}"
        rows, ledger = list(good.values()), self._store.ledger
        version, changed = self._gold.put(name, rows, ledger=ledger, actor=actor, note=note, guideline=guideline)
        return GoldImport(
            name=name,
            version=version.number,
            rows=len(good) + len(bad),
            kept=len(good),
            changed=changed,
            quarantined=tuple(bad),
        )
