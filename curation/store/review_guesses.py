"""What raters guessed about the sources: pairs of answers they rated, drawn once, and one word about each pair.

A pair has a random token, which with its two texts is all that leaves the house.
"""

import secrets
from collections.abc import Sequence
from typing import Literal, get_args

import sqlalchemy as sa

from curation.errors import InputError, UnknownRecord
from curation.records import Record
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger
from curation.store.review_tables import ITEMS, STUDIES

Word = Literal["same", "different", "do not know"]
"""Whether both answers were written by the same model."""
WORDS: tuple[Word, ...] = get_args(Word)
Side = Literal["first", "second"]

PAIRS = sa.Table(
    "review_guess_pairs",
    STATE,
    sa.Column("token", sa.String(32), primary_key=True),
    sa.Column("study", sa.ForeignKey("review_studies.name"), nullable=False, index=True),
    sa.Column("rater", sa.String, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("a_item", sa.ForeignKey("review_items.id"), nullable=False),
    sa.Column("a_side", sa.String, nullable=False),
    sa.Column("b_item", sa.ForeignKey("review_items.id"), nullable=False),
    sa.Column("b_side", sa.String, nullable=False),
    sa.Column("same", sa.Boolean, nullable=False),
    sa.UniqueConstraint("study", "rater", "place"),
)
GUESSES = sa.Table(
    "review_guesses",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("token", sa.ForeignKey("review_guess_pairs.token"), nullable=False, unique=True),
    sa.Column("word", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)


class Answer(Record):
    """One answer of a study: the position of its item, and which of its answers it is."""

    position: int
    side: Side = "first"


class DrawnPair(Record):
    """Two answers a rater is to compare; `same` is whether one teacher wrote both."""

    a: Answer
    b: Answer
    same: bool


class GuessPair(Record):
    """A pair as a rater's browser gets it: an opaque token and two texts."""

    token: str
    a: str
    b: str


class Guess(Record):
    """What a rater said about a pair, and what is true of it."""

    rater: str
    same: bool
    word: Word


class Guesses:
    """The tables of guesses."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    def drawn(self, study: str, rater: str) -> bool:
        """Whether this rater's pairs were drawn already."""
        query = sa.select(PAIRS.c.token).where(PAIRS.c.study == study, PAIRS.c.rater == rater).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def keep(self, study: str, rater: str, pairs: Sequence[DrawnPair]) -> None:
        """Write a rater's pairs in their order, unless they have some."""
        with self._database.write() as connection:
            connection.execute(sa.select(STUDIES.c.name).where(STUDIES.c.name == study).with_for_update())
            had = connection.execute(sa.select(PAIRS.c.token).where(PAIRS.c.study == study, PAIRS.c.rater == rater))
            if had.first() is not None or not pairs:
                return
            items = sa.select(ITEMS.c.position, ITEMS.c.id).where(ITEMS.c.study == study)
            ids = {row.position: row.id for row in connection.execute(items)}
            same = {"study": study, "rater": rater}
            rows = [{**same, "token": secrets.token_hex(16), "place": k, **_row(p, ids)} for k, p in enumerate(pairs)]
            connection.execute(PAIRS.insert(), rows)

    def open(self, study: str, rater: str) -> list[GuessPair]:
        """The pairs of this rater that they said nothing about yet, in their order."""
        a, b = ITEMS.alias("a"), ITEMS.alias("b")
        query = (
            sa.select(PAIRS.c.token, _text(a, PAIRS.c.a_side).label("a"), _text(b, PAIRS.c.b_side).label("b"))
            .join(a, PAIRS.c.a_item == a.c.id)
            .join(b, PAIRS.c.b_item == b.c.id)
            .where(PAIRS.c.study == study, PAIRS.c.rater == rater)
            .where(PAIRS.c.token.not_in(sa.select(GUESSES.c.token)))
            .order_by(PAIRS.c.place)
        )
        with self._database.read() as connection:
            return [GuessPair(**row) for row in connection.execute(query).mappings()]

    def study_of(self, token: str, rater: str) -> str:
        """The study of a pair; UnknownRecord where it was not shown to this rater."""
        with self._database.read() as connection:
            return _pair(connection, token, rater)["study"]

    def guess(self, token: str, rater: str, word: Word, ledger: Ledger) -> bool:
        """Record a guess; False where this pair holds one, the first of which stands.

        UnknownRecord for a pair not shown to this rater, InputError for a closed study.
        """
        with self._database.write() as connection:
            pair = _pair(connection, token, rater, lock=True)
            if pair["closed"] is not None:
                raise InputError(f"study {pair['study']!r} is closed; the guess was not recorded")
            if connection.execute(sa.select(GUESSES.c.seq).where(GUESSES.c.token == token)).first() is not None:
                return False
            connection.execute(GUESSES.insert().values(token=token, word=word, at=now(connection)))
            event = {"study": pair["study"], "pair": token, "word": word}
            ledger.append_in(connection, "vote_source_guess", event, rater)
        return True

    def of(self, study: str) -> list[Guess]:
        """Every guess of a study with what is true, in the order they were made."""
        query = (
            sa.select(PAIRS.c.rater, PAIRS.c.same, GUESSES.c.word)
            .join(GUESSES, GUESSES.c.token == PAIRS.c.token)
            .where(PAIRS.c.study == study)
            .order_by(GUESSES.c.seq)
        )
        with self._database.read() as connection:
            return [Guess(**row) for row in connection.execute(query).mappings()]


def _row(pair: DrawnPair, ids: dict[int, int]) -> dict[str, object]:
    sides = {"a_side": pair.a.side, "b_side": pair.b.side}
    return {"a_item": ids[pair.a.position], "b_item": ids[pair.b.position], **sides, "same": pair.same}


def _text(item: sa.FromClause, side: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.case((side == "second", item.c.second), else_=item.c.first)


def _pair(connection: sa.Connection, token: str, rater: str, *, lock: bool = False) -> sa.RowMapping:
    query = (
        sa.select(PAIRS, STUDIES.c.closed)
        .join(STUDIES, PAIRS.c.study == STUDIES.c.name)
        .where(PAIRS.c.token == token, PAIRS.c.rater == rater)
    )
    found = connection.execute(query.with_for_update(of=PAIRS) if lock else query).mappings().first()
    if found is None:
        raise UnknownRecord("this pair was not shown to this rater; reload the page")
    return found
