"""Reviews in the state store: studies, items, what was shown to whom in which order, and append-only votes.

A *presentation* is one item shown to one rater; its random token is all that leaves the house. Serving and voting are
single write transactions, so any number of raters in any number of processes get whole answers: an item goes to
`overlap` different raters, never twice to one, in both orders as evenly as can be, and a presentation takes one vote
however often it is sent. A lease frees an item again when a rater walks away.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from curation.records import Record, draw
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

Kind = Literal["pairwise", "single"]

CHOICES: dict[str, tuple[str, ...]] = {
    "pairwise": ("a", "b", "tie", "both_bad", "skip"),
    "single": ("accept", "reject", "skip"),
}
"""What a rater may answer, by kind of study; `a` and `b` are the panes as shown to this rater."""

STUDIES = sa.Table(
    "review_studies",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("raters", sa.JSON(none_as_null=True)),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("opened", sa.String, nullable=False),
    sa.Column("closed", sa.String),
    sa.Column("report", sa.JSON(none_as_null=True)),
)
ITEMS = sa.Table(
    "review_items",
    STATE,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.ForeignKey("review_studies.name"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("second", sa.Text),
    sa.Column("first_sample", sa.String, nullable=False, index=True),
    sa.Column("second_sample", sa.String, index=True),
    sa.Column("first_teacher", sa.String, nullable=False),
    sa.Column("second_teacher", sa.String),
    sa.UniqueConstraint("study", "position"),
)
SHOWN = sa.Table(
    "review_presentations",
    STATE,
    sa.Column("token", sa.String(32), primary_key=True),
    sa.Column("item", sa.ForeignKey("review_items.id"), nullable=False, index=True),
    sa.Column("rater", sa.String, nullable=False, index=True),
    sa.Column("swap", sa.Boolean, nullable=False),  # whether the second answer was shown as A
    sa.Column("served", sa.String, nullable=False),
    sa.Column("expires", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # open | done | skipped
    sa.UniqueConstraint("item", "rater"),
)
VOTES = sa.Table(
    "review_votes",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("token", sa.ForeignKey("review_presentations.token"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),  # odd: a vote; even: it was taken back
    sa.Column("choice", sa.String),
    sa.Column("reason", sa.Text),
    sa.Column("dwell_ms", sa.Integer, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.UniqueConstraint("token", "turn"),
)


class Study(Record):
    """One review study: what is asked about which version, of whom, and whether it is still open."""

    name: str
    version: str
    kind: Kind
    question: str
    overlap: int
    seed: int
    raters: tuple[str, ...] | None
    items: int
    opened: str
    closed: str | None = None
    report: dict[str, JsonValue] | None = None


class Item(Record):
    """One thing to be judged: a prompt with one answer, or with two of different teachers."""

    prompt: str
    first: str
    second: str | None = None
    first_sample: str
    second_sample: str | None = None
    first_teacher: str
    second_teacher: str | None = None


class Presentation(Record):
    """One item as one rater sees it: an opaque token and texts, nothing that names where they came from."""

    token: str
    question: str
    prompt: str
    a: str
    b: str | None = None


class Shown(Record):
    """A presentation as a study's owner sees it."""

    position: int
    rater: str
    swap: bool
    state: Literal["open", "done", "skipped"]


class Ballot(Record):
    """One standing vote with everything needed to count it; it names the teachers, so raters never see it."""

    position: int
    rater: str
    choice: str
    swap: bool
    reason: str | None
    dwell_ms: int
    at: str
    first_sample: str
    second_sample: str | None
    first_teacher: str
    second_teacher: str | None

    @property
    def winner(self) -> str:
        """The vote with the order undone: `first`, `second`, or the choice itself where it names no side."""
        sides = ("second", "first") if self.swap else ("first", "second")
        return {"a": sides[0], "b": sides[1]}.get(self.choice, self.choice)


class Reviews:
    """The review tables."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    # --- studies -----------------------------------------------------------------------------------------------

    def open(self, study: Study, items: Sequence[Item], ledger: Ledger, actor: str) -> Study:
        """Record a study with its items in the order given; InputError when the name is taken."""
        with self._database.write() as connection:
            if _study(connection, study.name) is not None:
                raise InputError(f"there is already a study {study.name!r}; choose another name")
            study = study.model_copy(update={"opened": now(connection), "items": len(items)})
            connection.execute(STUDIES.insert().values(study.model_dump(mode="json")))
            rows = [{"study": study.name, "position": i, **item.model_dump()} for i, item in enumerate(items)]
            connection.execute(ITEMS.insert(), rows)
            ledger.append_in(connection, "review_opened", study.model_dump(mode="json", exclude={"opened"}), actor)
        return study

    def study(self, name: str) -> Study:
        """The study of that name; UnknownRecord naming the known ones."""
        with self._database.read() as connection:
            found = _study(connection, name)
        if found is None:
            known = ", ".join(s.name for s in self.studies()) or "none; `stillhouse review create` opens one"
            raise UnknownRecord(f"no study {name!r}. Known: {known}")
        return found

    def studies(self) -> list[Study]:
        """Every study, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(STUDIES).order_by(STUDIES.c.opened, STUDIES.c.name)).mappings()
            return [Study(**row) for row in rows]

    def close(self, name: str, report: dict[str, JsonValue], ledger: Ledger, actor: str) -> Study:
        """Close a study with its report; a closed one keeps the report it was closed with."""
        with self._database.write() as connection:
            study = _study(connection, name, lock=True)
            if study is not None and study.closed is None:
                connection.execute(
                    STUDIES.update().where(STUDIES.c.name == name).values(closed=now(connection), report=report)
                )
                ledger.append_in(connection, "review_closed", {"study": name, "report": report}, actor)
        return self.study(name)

    # --- serving and voting ------------------------------------------------------------------------------------

    def serve(self, name: str, rater: str, limit: int, lease_seconds: int) -> list[Presentation]:
        """Up to `limit` items for this rater: those already shown and unanswered first, then new ones.

        Empty when nothing is left for the rater or the study is closed.
        """
        with self._database.write() as connection:
            study = _study(connection, name, lock=True)
            if study is None or study.closed is not None:
                return []
            at = now(connection)
            until = _later(at, lease_seconds)
            tokens = _renewed(connection, study, rater, at, until)[:limit]
            for row in _waiting(connection, study, rater, at, limit - len(tokens)):
                token = secrets.token_hex(16)
                values = {"token": token, "item": row["id"], "rater": rater, "swap": _swap(study, row)}
                connection.execute(SHOWN.insert().values(**values, served=at, expires=until, state="open"))
                tokens.append(token)
            return [_presentation(connection, study, token) for token in tokens]

    def vote(self, token: str, rater: str, choice: str, reason: str | None, dwell_ms: int, ledger: Ledger) -> bool:
        """Record a vote and its ledger event; False when this presentation already holds one.

        Raises UnknownRecord when the token was never shown to this rater, InputError when the study is closed or
        does not offer the choice.
        """
        with self._database.write() as connection:
            shown = _shown(connection, token)
            if shown is None or shown["rater"] != rater:
                raise UnknownRecord("this token was not shown to this rater; reload the page to get new items")
            if shown["closed"] is not None:
                raise InputError(f"study {shown['study']!r} is closed; the vote was not recorded")
            if choice not in CHOICES[shown["kind"]]:
                raise InputError(f"no choice {choice!r} here. Known: {', '.join(CHOICES[shown['kind']])}")
            if shown["state"] != "open":
                return False
            _append(connection, shown, choice, reason, dwell_ms)
            state = "skipped" if choice == "skip" else "done"
            connection.execute(SHOWN.update().where(SHOWN.c.token == token).values(state=state))
            ledger.append_in(connection, "vote", {**_event(shown), "choice": choice}, rater)
        return True

    def undo(self, token: str, ledger: Ledger, lease_seconds: int) -> bool:
        """Take a standing vote back by appending so; False when there is none. The item is shown again."""
        with self._database.write() as connection:
            shown = _shown(connection, token)
            if shown is None or shown["state"] == "open" or shown["closed"] is not None:
                return False
            _append(connection, shown, None, None, 0)
            until = _later(now(connection), lease_seconds)
            connection.execute(SHOWN.update().where(SHOWN.c.token == token).values(state="open", expires=until))
            ledger.append_in(connection, "vote_undone", _event(shown), shown["rater"])
        return True

    # --- reading -----------------------------------------------------------------------------------------------

    def ballots(self, name: str) -> list[Ballot]:
        """The standing votes of a study, skips included, in item order."""
        with self._database.read() as connection:
            rows = connection.execute(_standing().where(ITEMS.c.study == name)).mappings()
            return [Ballot(**{k: row[k] for k in Ballot.model_fields}) for row in rows]

    def presented(self, name: str) -> list[Shown]:
        """Every presentation of a study, in item order."""
        columns = (ITEMS.c.position, SHOWN.c.rater, SHOWN.c.swap, SHOWN.c.state)
        query = sa.select(*columns).join(ITEMS, SHOWN.c.item == ITEMS.c.id).where(ITEMS.c.study == name)
        with self._database.read() as connection:
            return [Shown(**row) for row in connection.execute(query.order_by(ITEMS.c.position)).mappings()]

    def votes_for(self, sample: str) -> list[dict[str, JsonValue]]:
        """What people said about one sample, oldest first: study, rater, choice, reason, time."""
        about = sa.or_(ITEMS.c.first_sample == sample, ITEMS.c.second_sample == sample)
        with self._database.read() as connection:
            rows = connection.execute(_standing().where(about)).mappings().all()
        found: list[dict[str, JsonValue]] = []
        for row in sorted(rows, key=lambda r: r["at"]):
            ballot = Ballot(**{k: row[k] for k in Ballot.model_fields})
            said = {"study": row["study"], "rater": ballot.rater, "choice": _about(ballot, sample)}
            found.append({**said, "reason": ballot.reason, "at": ballot.at})
        return found


def _about(ballot: Ballot, sample: str) -> str:
    if ballot.winner not in ("first", "second"):
        return ballot.winner
    chosen = ballot.first_sample if ballot.winner == "first" else ballot.second_sample
    return "preferred" if chosen == sample else "other_preferred"


def _study(connection: sa.Connection, name: str, *, lock: bool = False) -> Study | None:
    # The row lock orders raters on PostgreSQL; on SQLite the write transaction already does.
    query = sa.select(STUDIES).where(STUDIES.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return Study(**row) if row else None


def _later(at: str, seconds: int) -> str:
    moment = datetime.fromisoformat(at) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _live(at: str) -> sa.ColumnElement[bool]:
    """A presentation that holds a place: answered, or leased and not expired."""
    return sa.or_(SHOWN.c.state == "done", sa.and_(SHOWN.c.state == "open", SHOWN.c.expires > at))


def _renewed(connection: sa.Connection, study: Study, rater: str, at: str, until: str) -> list[str]:
    """The rater's unanswered presentations, leases renewed; an expired one only where a place is still free."""
    others = SHOWN.alias()
    taken = (
        sa.select(sa.func.count())
        .where(others.c.item == SHOWN.c.item, others.c.token != SHOWN.c.token)
        .where(sa.or_(others.c.state == "done", sa.and_(others.c.state == "open", others.c.expires > at)))
        .scalar_subquery()
    )
    query = (
        sa.select(SHOWN.c.token)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .where(ITEMS.c.study == study.name, SHOWN.c.rater == rater, SHOWN.c.state == "open", taken < study.overlap)
        .order_by(SHOWN.c.served, ITEMS.c.position)
    )
    tokens = list(connection.execute(query).scalars())
    if tokens:
        connection.execute(SHOWN.update().where(SHOWN.c.token.in_(tokens)).values(expires=until))
    return tokens


def _waiting(connection: sa.Connection, study: Study, rater: str, at: str, limit: int) -> Sequence[sa.RowMapping]:
    """Items this rater has not seen and that still need one, those nearest to complete first."""
    if limit <= 0:
        return []
    seen = sa.select(SHOWN.c.item).where(SHOWN.c.rater == rater)
    live = sa.func.count(SHOWN.c.token)
    swapped = sa.func.coalesce(sa.func.sum(sa.case((SHOWN.c.swap, 1), else_=0)), 0)
    query = (
        sa.select(ITEMS.c.id, ITEMS.c.position, live.label("live"), swapped.label("swapped"))
        .join(SHOWN, sa.and_(SHOWN.c.item == ITEMS.c.id, _live(at)), isouter=True)
        .where(ITEMS.c.study == study.name, ITEMS.c.id.not_in(seen))
        .group_by(ITEMS.c.id, ITEMS.c.position)
        .having(live < study.overlap)
        .order_by(live.desc(), ITEMS.c.position)
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def _swap(study: Study, row: sa.RowMapping) -> bool:
    """The order shown less often so far; where both were shown alike, drawn from the study's seed."""
    if study.kind == "single":
        return False
    plain = row["live"] - row["swapped"]
    if plain != row["swapped"]:
        return plain > row["swapped"]
    return draw(study.seed, "swap", study.name, row["position"], row["live"]) < 0.5


def _presentation(connection: sa.Connection, study: Study, token: str) -> Presentation:
    query = sa.select(SHOWN.c.swap, ITEMS).join(ITEMS, SHOWN.c.item == ITEMS.c.id).where(SHOWN.c.token == token)
    row = connection.execute(query).mappings().one()
    a, b = (row["second"], row["first"]) if row["swap"] else (row["first"], row["second"])
    return Presentation(token=token, question=study.question, prompt=row["prompt"], a=a, b=b)


def _shown(connection: sa.Connection, token: str) -> sa.RowMapping | None:
    query = (
        sa.select(SHOWN, ITEMS.c.study, ITEMS.c.first_sample, ITEMS.c.second_sample, STUDIES.c.closed, STUDIES.c.kind)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .join(STUDIES, ITEMS.c.study == STUDIES.c.name)
        .where(SHOWN.c.token == token)
    )
    return connection.execute(query.with_for_update(of=SHOWN)).mappings().first()


def _append(
    connection: sa.Connection, shown: sa.RowMapping, choice: str | None, reason: str | None, dwell_ms: int
) -> None:
    turns = sa.select(sa.func.count()).where(VOTES.c.token == shown["token"])
    turn = int(connection.execute(turns).scalar_one()) + 1
    values = {"token": shown["token"], "turn": turn, "choice": choice, "reason": reason, "dwell_ms": dwell_ms}
    connection.execute(VOTES.insert().values(**values, at=now(connection)))


def _event(shown: sa.RowMapping) -> dict[str, JsonValue]:
    samples = [shown["first_sample"], shown["second_sample"]]
    return {"study": shown["study"], "presentation": shown["token"], "samples": samples, "swap": shown["swap"]}


def _standing() -> sa.Select[Any]:
    """Votes not taken back: the last turn of every answered presentation."""
    last = sa.select(sa.func.max(VOTES.c.seq)).group_by(VOTES.c.token).scalar_subquery()
    return (
        sa.select(SHOWN.c.rater, SHOWN.c.swap, VOTES, ITEMS)
        .join(SHOWN, VOTES.c.token == SHOWN.c.token)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .where(VOTES.c.seq.in_(last), VOTES.c.choice.is_not(None))
        .order_by(ITEMS.c.position, VOTES.c.seq)
    )
