"""What the Admin page asks: people, invites, studies with their settings, unmaskings, and what a backup must hold."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curation.people import Person
from curation.store import ledger_search
from curation.store.ledger_search import Wanted
from curation.store.people import Invite
from curation.store.review_touched import raters
from curation.store.store import Store
from dashboard import audit
from dashboard.queries import moment
from dashboard.review_desk import MIN_DWELL_MS
from judges.people import PeopleService
from judges.review import LEASE_SECONDS, ReviewService

UNBLINDING = ("review_unblinded", "review_closed")
"""Kinds of event after which somebody may know which source an answer came from."""
SHOWN = 50

_TEXT = pl.String


def members(store: Store, who: Person) -> pl.DataFrame:
    """address, roles, since: everybody who signs in with an address."""
    found = PeopleService(store, who).members()
    rows = [{"address": m.email, "roles": sorted(m.roles), "since": moment(m.added)} for m in found]
    return pl.DataFrame(rows, schema={"address": _TEXT, "roles": pl.List(_TEXT), "since": _TEXT})


def invites(store: Store, who: Person) -> pl.DataFrame:
    """study, name, role, state, made, until: every invite, newest first; no link, which nobody can show again."""
    rows = [
        {
            "study": i.study, "name": i.name, "role": i.role, "state": _state(i),
            "made": moment(i.made), "until": moment(i.expires),
        }
        for i in PeopleService(store, who).invites()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(("study", "name", "role", "state", "made", "until"), _TEXT))


def _state(invite: Invite) -> str:
    if invite.revoked:
        return "revoked"
    if invite.opened:
        return "opened"
    return "expired" if invite.over else "unopened"


def rated(store: Store) -> pl.DataFrame:
    """study, rater, votes, passed, held, last: how much each rater did, and nothing of what they said."""
    rows = [{**r._asdict(), "last": moment(r.last)} for r in raters(store.state)]
    numbers = dict.fromkeys(("votes", "passed", "held"), pl.Int64)
    return pl.DataFrame(rows, schema={"study": _TEXT, "rater": _TEXT, **numbers, "last": _TEXT})


def studies(store: Store, who: Person) -> pl.DataFrame:
    """One row for each study, the newest first: its settings, as it was opened with them, and whether it is open."""
    service = ReviewService(store, who)
    rows: list[dict[str, object]] = []
    for study in reversed(service.studies()):
        design = service.design(study.name)
        rows.append(
            {
                "study": study.name,
                "state": "closed" if study.closed else "open",
                "kind": study.kind,
                "items": study.items,
                "overlap": study.overlap,
                "raters": "anybody" if study.raters is None else ", ".join(study.raters),
                "practice": design.practice,
                "repeats": design.repeats,
                "gold": design.gold_share,
                "guideline": (design.guideline or "")[:12],
                "opened": moment(study.opened),
            }
        )
    return pl.DataFrame(rows, schema=_STUDIES)


_STUDIES: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("study", "state", "kind"), pl.String),
    **dict.fromkeys(("items", "overlap"), pl.Int64),
    "raters": pl.String,
    "practice": pl.Int64,
    **dict.fromkeys(("repeats", "gold"), pl.Float64),
    **dict.fromkeys(("guideline", "opened"), pl.String),
}


def fixed() -> list[tuple[str, str, str]]:
    """(label, value, words) of the settings that are the same for every study."""
    return [
        ("Lease", f"{LEASE_SECONDS // 60} min", "an item shown and not answered stays with its rater so long"),
        ("Dwell floor", f"{MIN_DWELL_MS} ms", "a vote sooner than that after the item was painted is not taken"),
    ]


def unblindings(store: Store) -> pl.DataFrame:
    """The newest events after which sources may be known, as the ledger has them."""
    found = ledger_search.find(store.state, Wanted(kinds=UNBLINDING), SHOWN)
    return audit.rows(found)


# --- backups ---------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """Something that a backup must hold: where it lies, what it is for, and how large it is."""

    path: str
    what: str
    size: int


def parts(store: Store) -> list[Part]:
    """Everything in a workspace that no command could make again; what is copied last comes last."""
    layout = store.layout
    wanted = [
        (layout.task, "the task as declared"),
        (layout.keys, "signing and record keys: without them nothing can be sealed or proven; keep them apart"),
        (layout.chunks, "the rows of every version"),
        (layout.versions, "manifests and leaves"),
        (layout.replies, "every request and reply, and what each cost"),
        (layout.house / "checkpoint.json", "the signed end of the ledger"),
        (layout.students, "trained students"),
        (layout.cards, "dataset cards"),
    ]
    if store.state.is_sqlite:
        wanted.insert(5, (layout.state, "runs, reviews, gold, people, the ledger"))
    return [Part(str(p.relative_to(layout.root)), what, size_of(p)) for p, what in wanted if p.exists()]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files under a folder."""
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


COPY = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', sys.argv[2:])"
"""A program that copies a database as it is at one moment, also while others write to it."""


def backup_commands(store: Store) -> list[str]:
    """The commands of a backup, to be run in the workspace, also while it is in use.

    The order matters: the signed end of the ledger before the ledger, which may only be longer, and the databases
    before the files that never change, of which there may only be more.
    """
    there, house = "BACKUP/.stillhouse", store.layout.house
    databases = [name for name in ("state", "replies", "keys/records") if (house / f"{name}.db").exists()]
    secrets = sorted(path.name for path in store.layout.keys.glob("*.key"))
    folders = [name for name in ("chunks", "versions", "students") if (house / name).exists()]
    beside = sorted(p.name for p in store.layout.root.iterdir() if not p.name.startswith("."))
    lines = [f"mkdir -p {there}/keys", f"cp .stillhouse/checkpoint.json {there}/"]
    if not store.state.is_sqlite:
        schema = f"stillhouse_{store.fingerprint[:16]}"
        lines.append(f'pg_dump --schema={schema} "$DATABASE_URL" > BACKUP/state.sql')
    lines += [f'python3 -c "{COPY}" .stillhouse/{name}.db {there}/{name}.db' for name in databases]
    lines += [f"cp -p .stillhouse/keys/{name} {there}/keys/" for name in secrets]
    lines += [f"cp -a .stillhouse/{name} {there}/" for name in folders]
    lines += [f"cp -a {shlex.join(beside)} BACKUP/"]
    return [*lines, f"chmod 700 {there}/keys", f"stillhouse -C BACKUP verify --key {store.fingerprint}"]


def written(size: int) -> str:
    """A size for reading.

    >>> written(532), written(2_500_000)
    ('532 B', '2.5 MB')
    """
    value, units = float(size), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while value >= 1000 and (larger := next(units, None)):
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def total(found: Iterable[Part]) -> str:
    """The size of all of them."""
    return written(sum(part.size for part in found))
