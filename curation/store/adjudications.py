"""What adjudicators settled on: append-only decisions on items on which raters differ, and what was shown to whom.

An adjudicator gets an item under a random token, its answers in a drawn order and its raters under drawn numbers.
Deciding again appends; the last decision on an item stands. Once an item is settled its votes cannot be taken back.
"""

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

import sqlalchemy as sa
from pydantic import JsonValue

from curation.errors import Forbidden, UnknownRecord
from curation.records import Record
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger
from curation.store.review_records import exact_digest
from curation.store.review_tables import ITEMS, SHOWN, STUDIES, VOTES

Category = Literal["ambiguous", "guideline gap", "rater error", "edge case", "bad item"]
"""Why raters differed, in the adjudicator's judgement."""

ELSEWHERE = "settled elsewhere"
"""The adjudicator of a label that came in with a finished study."""

VIEWS = sa.Table(
    "review_adjudication_views",
    STATE,
    sa.Column("token", sa.String(32), primary_key=True),
    sa.Column("item", sa.ForeignKey("review_items.id"), nullable=False, index=True),
    sa.Column("adjudicator", sa.String, nullable=False, index=True),
    sa.Column("swap", sa.Boolean, nullable=False),  # whether the second answer was shown as A
    sa.Column("raters", sa.JSON, nullable=False),  # who R1, R2, ... are
    sa.Column("at", sa.String, nullable=False),
    sa.UniqueConstraint("item", "adjudicator"),
)
SETTLED = sa.Table(
    "review_adjudications",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("item", sa.ForeignKey("review_items.id"), nullable=False, index=True),
    sa.Column("token", sa.ForeignKey("review_adjudication_views.token")),  # none where it was settled elsewhere
    sa.Column("adjudicator", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),  # the order undone
    sa.Column("points", sa.Integer),
    sa.Column("category", sa.String),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("gold", sa.String),
    sa.Column("at", sa.String, nullable=False),
)
EDITS = sa.Table(
    "review_adjudication_edits",
    STATE,
    sa.Column("adjudication", sa.ForeignKey("review_adjudications.seq"), primary_key=True),
    sa.Column("edit", sa.Text, nullable=False),  # the corrected answer that stands
)
DEFERRED = sa.Table(
    "review_deferrals",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("token", sa.ForeignKey("review_adjudication_views.token"), nullable=False, index=True),
    sa.Column("at", sa.String, nullable=False),
)


class View(Record):
    """An item as one adjudicator sees it; `raters` are R1, R2, ... in this order, and their names stay here."""

    token: str
    study: str
    position: int
    swap: bool
    raters: tuple[str, ...]
    deferred: int = 0


class Settling(Record):
    """A decision about to be made, with the order of the answers undone.

    `points` says how far the first answer is preferred, as a vote does; `gold` names the gold set it should go into;
    `edit` is the corrected answer that stands where that is the decision.
    """

    verdict: str
    points: int | None = None
    category: Category | None = None
    note: str = ""
    gold: str | None = None
    edit: str | None = None


class Adjudication(Settling):
    """A decision on the item at a position; one that came with a finished study has no category."""

    position: int
    adjudicator: str
    at: str


def adjudicated(connection: sa.Connection, item: int) -> bool:
    """Whether an item (its row id) is settled, so that votes on it can no longer be taken back."""
    return connection.execute(sa.select(SETTLED.c.seq).where(SETTLED.c.item == item).limit(1)).first() is not None


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's; capitals and spaces make no other person.

    >>> same_person("Ana ", "ana"), same_person("ana", "ben")
    (True, False)
    """
    return _folded(one) == _folded(other)


def keep_settled(connection: sa.Connection, study: str, settled: Sequence[Adjudication], at: str) -> None:
    """Write what a finished study was settled on elsewhere, in the caller's transaction; `at` where no time is told."""
    items = sa.select(ITEMS.c.position, ITEMS.c.id).where(ITEMS.c.study == study)
    ids = {row.position: row.id for row in connection.execute(items)}
    for made in sorted(settled, key=lambda made: made.position):
        row = made.model_dump(exclude={"position", "edit"}) | {"item": ids[made.position], "at": made.at or at}
        _append(connection, row, made.edit)


def _append(connection: sa.Connection, row: Mapping[str, object], edit: str | None) -> None:
    """Write a decision, and the corrected answer that stands beside it."""
    seq = connection.execute(SETTLED.insert().values(**row).returning(SETTLED.c.seq)).scalar_one()
    if edit is not None:
        connection.execute(EDITS.insert().values(adjudication=seq, edit=edit))


class Adjudications:
    """The tables of decisions on disputed items."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def views(self, study: str, adjudicator: str, raters: Mapping[int, Sequence[str]]) -> dict[int, View]:
        """The items at these positions as this adjudicator sees them, whoever voted on them numbered; made if new."""
        with self._database.read() as connection:
            known = _views(connection, study, adjudicator)
        if any(p not in known or set(who) - set(known[p].raters) for p, who in raters.items()):
            with self._database.write() as connection:
                connection.execute(sa.select(STUDIES.c.name).where(STUDIES.c.name == study).with_for_update())
                _make_views(connection, study, adjudicator, raters)
                known = _views(connection, study, adjudicator)
        return {position: known[position] for position in raters}

    def deferred(self, study: str, adjudicator: str) -> dict[int, int]:
        """How often this adjudicator deferred each item they were shown, by position."""
        with self._database.read() as connection:
            return {position: view.deferred for position, view in _views(connection, study, adjudicator).items()}

    def view(self, token: str, adjudicator: str) -> View:
        """What a token stands for; UnknownRecord where it was not shown to this adjudicator."""
        with self._database.read() as connection:
            return _view(connection, token, adjudicator)[0]

    def settle(self, token: str, adjudicator: str, settling: Settling, ledger: Ledger) -> Adjudication:
        """Append a decision; Forbidden where the adjudicator voted on the item themselves.

        The ledger tells the digest of a corrected answer that stands, and not its text.
        """
        with self._database.write() as connection:
            view, item = _view(connection, token, adjudicator)
            _lock_votes(connection, item)
            if any(same_person(rater, adjudicator) for rater in _voters(connection, item)):
                raise Forbidden(f"{adjudicator} voted on this item, so somebody else has to settle it")
            again, at = adjudicated(connection, item), now(connection)
            row = {"item": item, "token": token, "adjudicator": adjudicator, "at": at}
            _append(connection, row | settling.model_dump(exclude={"edit"}), settling.edit)
            told = settling.model_dump(mode="json", exclude={"note", "edit"})
            if settling.edit is not None:
                told["edit"] = exact_digest(settling.edit)
            event: dict[str, JsonValue] = {"study": view.study, "position": view.position, "presentation": token}
            ledger.append_in(connection, "vote_adjudicated", {**event, **told, "again": again}, adjudicator)
        return Adjudication(position=view.position, adjudicator=adjudicator, at=at, **settling.model_dump())

    def defer(self, token: str, adjudicator: str, ledger: Ledger) -> None:
        """Put an item behind the others of this adjudicator."""
        with self._database.write() as connection:
            view, _ = _view(connection, token, adjudicator)
            connection.execute(DEFERRED.insert().values(token=token, at=now(connection)))
            event: dict[str, JsonValue] = {"study": view.study, "position": view.position, "presentation": token}
            ledger.append_in(connection, "vote_adjudication_deferred", event, adjudicator)

    def history(self, study: str) -> list[Adjudication]:
        """Every decision of a study, oldest first."""
        columns = [SETTLED.c[name] for name in Adjudication.model_fields if name not in ("position", "edit")]
        query = (
            sa.select(*columns, ITEMS.c.position, EDITS.c.edit)
            .join(ITEMS, SETTLED.c.item == ITEMS.c.id)
            .join(EDITS, EDITS.c.adjudication == SETTLED.c.seq, isouter=True)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.where(ITEMS.c.study == study).order_by(SETTLED.c.seq)).mappings()
            return [Adjudication(**row) for row in rows]

    def standing(self, study: str) -> dict[int, Adjudication]:
        """The decision that stands on each settled item, by position."""
        return {found.position: found for found in self.history(study)}

    def voters(self, study: str) -> dict[int, list[str]]:
        """Whoever voted on each item, votes taken back and passed on included: they may not settle it."""
        query = (
            sa.select(ITEMS.c.position, SHOWN.c.rater)
            .join(SHOWN, SHOWN.c.item == ITEMS.c.id)
            .where(ITEMS.c.study == study, SHOWN.c.token.in_(sa.select(VOTES.c.token)))
        )
        found: dict[int, list[str]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.position, []).append(row.rater)
        return found


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _views(connection: sa.Connection, study: str, adjudicator: str) -> dict[int, View]:
    query = _view_query().where(ITEMS.c.study == study, VIEWS.c.adjudicator == adjudicator)
    return {row["position"]: _as_view(row) for row in connection.execute(query).mappings()}


def _view(connection: sa.Connection, token: str, adjudicator: str) -> tuple[View, int]:
    """The view of a token and the row id of its item."""
    query = _view_query().where(VIEWS.c.token == token, VIEWS.c.adjudicator == adjudicator)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise UnknownRecord("this token was not shown to this adjudicator; reload the page")
    return _as_view(row), row["item"]


def _view_query() -> sa.Select[tuple[object, ...]]:
    deferred = sa.select(sa.func.count()).where(DEFERRED.c.token == VIEWS.c.token).scalar_subquery()
    return sa.select(VIEWS, ITEMS.c.study, ITEMS.c.position, deferred.label("deferred")).join(
        ITEMS, VIEWS.c.item == ITEMS.c.id
    )


def _as_view(row: sa.RowMapping) -> View:
    return View(**{name: row[name] for name in View.model_fields})


def _make_views(connection: sa.Connection, study: str, adjudicator: str, raters: Mapping[int, Sequence[str]]) -> None:
    """Draw what is missing: tokens, orders, numbers of raters. Someone who voted later gets the next number."""
    known = _views(connection, study, adjudicator)
    items = sa.select(ITEMS.c.position, ITEMS.c.id).where(ITEMS.c.study == study)
    ids = {row.position: row.id for row in connection.execute(items)}
    at = now(connection)
    for position, who in raters.items():
        view = known.get(position)
        late = [name for name in who if view is None or name not in view.raters]
        secrets.SystemRandom().shuffle(late)
        if view is None:
            row = {"token": secrets.token_hex(16), "swap": bool(secrets.randbits(1)), "raters": late, "at": at}
            connection.execute(VIEWS.insert().values(item=ids[position], adjudicator=adjudicator, **row))
        elif late:
            numbered = [*view.raters, *late]
            connection.execute(VIEWS.update().where(VIEWS.c.token == view.token).values(raters=numbered))


def _lock_votes(connection: sa.Connection, item: int) -> None:
    """Taking a vote back waits until the decision is written, and then finds it (PostgreSQL; SQLite has one writer)."""
    connection.execute(sa.select(SHOWN.c.token).where(SHOWN.c.item == item).with_for_update()).all()


def _voters(connection: sa.Connection, item: int) -> list[str]:
    voted = SHOWN.c.token.in_(sa.select(VOTES.c.token))
    return list(connection.execute(sa.select(SHOWN.c.rater).where(SHOWN.c.item == item, voted)).scalars())
