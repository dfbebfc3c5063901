"""Who is shown what next: leases, both orders, and the items planted among a rater's own.

A rater practises first. Then the study's own items come, those nearest to complete first, and among them, not told
apart, gold rows and items the rater has answered before, in the other order. All of it happens inside one write
transaction, so any number of raters in any number of processes get whole answers.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from curation.records import draw
from curation.store.adjudications import VIEWS
from curation.store.review_records import Design, Draft, Item, Presentation, Study, exact_digest
from curation.store.review_tables import (
    ACTS,
    DRAFTS,
    ITEMS,
    OWN,
    PLANTS,
    SERVED,
    SHOWN,
    VOTES,
    in_one_order,
    live,
    number,
)

LAG = 3
"""A hidden repeat comes at least so many items after the first time."""


def later(at: str, seconds: int) -> str:
    """A moment some seconds after another, in the store's way of writing it."""
    moment = datetime.fromisoformat(at) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _has(role: str) -> sa.ColumnElement[bool]:
    return ITEMS.c.id.in_(sa.select(PLANTS.c.item).where(PLANTS.c.role == role))


# --- the statements of every vote, built once: building them took longer than running them ------------------------

_STUDY, _RATER, _OVERLAP = sa.bindparam("study"), sa.bindparam("rater"), sa.bindparam("overlap")
_AT: sa.BindParameter[str] = sa.bindparam("at")
_HELD = live(_AT)
_SETTLING = sa.select(VIEWS.c.item).where(VIEWS.c.adjudicator == _RATER)
_SEEN = sa.union_all(sa.select(SHOWN.c.item).where(SHOWN.c.rater == _RATER), _SETTLING)
"""Items this rater was shown, as a rater or, with the others' votes, as an adjudicator."""


def _mine(*columns: Any) -> sa.Select[Any]:
    """A rater's presentations of a study."""
    found: Any = sa.select(*columns)
    return (
        found.select_from(SHOWN)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .join(SERVED, SERVED.c.token == SHOWN.c.token, isouter=True)
        .where(ITEMS.c.study == _STUDY, SHOWN.c.rater == _RATER)
    )


def _unanswered() -> sa.Select[Any]:
    """A rater's open presentations that still have a place, and whether their order is not yet given to others."""
    others = SHOWN.alias()
    taken = (
        sa.select(sa.func.count())
        .where(others.c.item == SHOWN.c.item, others.c.token != SHOWN.c.token)
        .where(live(_AT, others))
    )
    alike = taken.where(others.c.swap == SHOWN.c.swap).scalar_subquery()
    return (
        _mine(SHOWN.c.token, sa.or_(~OWN, alike < sa.bindparam("alike")).label("ordered"))
        .where(SHOWN.c.state == "open", sa.or_(~OWN, taken.scalar_subquery() < _OVERLAP))
        .order_by(SHOWN.c.served, SERVED.c.seq, ITEMS.c.position)
    )


def _needing() -> sa.Select[Any]:
    """Items a rater has not seen and that still need one, with how often they are held and were shown, and how."""
    kept = SHOWN.c.state.in_(("open", "done"))  # who walked away may come back
    held = number(_HELD)
    counts = {
        **{"held": held, "swapped": number(_HELD & SHOWN.c.swap)},
        **{"all": sa.func.count(SHOWN.c.token), "all_swapped": number(SHOWN.c.swap)},
    }
    chosen = (
        sa.select(ITEMS.c.id, *(n.label(name) for name, n in counts.items()))
        .join(SHOWN, sa.and_(SHOWN.c.item == ITEMS.c.id, kept), isouter=True)
        .where(ITEMS.c.study == _STUDY, OWN, ITEMS.c.id.not_in(_SEEN))
        .group_by(ITEMS.c.id, ITEMS.c.position)
        .having(held < _OVERLAP)
        .order_by(held.desc(), ITEMS.c.position)
        .limit(sa.bindparam("most"))
        .subquery()
    )
    return (
        sa.select(ITEMS, *(chosen.c[name] for name in counts))
        .join(chosen, chosen.c.id == ITEMS.c.id)
        .order_by(chosen.c.held.desc(), ITEMS.c.position)
    )


def _remaining() -> sa.Select[Any]:
    """How many of the study's own items a rater may still answer."""
    touched = sa.select(SHOWN.c.item).where(SHOWN.c.rater == _RATER, SHOWN.c.state != "open")
    full = (
        sa.select(SHOWN.c.item)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .where(ITEMS.c.study == _STUDY, SHOWN.c.state == "done")
        .group_by(SHOWN.c.item)
        .having(sa.func.count() >= _OVERLAP)
    )
    gone = (ITEMS.c.id.not_in(some) for some in (touched, full, _SETTLING))
    return sa.select(sa.func.count()).where(ITEMS.c.study == _STUDY, OWN, *gone)


_UNANSWERED, _WAITING, _LEFT = _unanswered(), _needing(), _remaining()
_UNSEEN = (
    sa.select(ITEMS)
    .join(PLANTS, PLANTS.c.item == ITEMS.c.id)
    .where(ITEMS.c.study == _STUDY, PLANTS.c.role == sa.bindparam("role"), ITEMS.c.id.not_in(_SEEN))
    .order_by(ITEMS.c.position)
    .limit(sa.bindparam("most"))
)
"""Planted items of a role that a rater has not seen, in their order."""
_COUNTS = {
    name: _mine(sa.func.count()).where(*where)
    for name, where in {
        "own": (OWN,),
        "own_open": (OWN, SHOWN.c.state == "open"),
        "planted_open": (~OWN, ~_has("practice"), SHOWN.c.state == "open"),
        "after_practice": (~_has("practice"),),
        "repeat": (_has("repeat"),),
        "gold": (_has("gold"),),
    }.items()
}
"""How many of a rater's presentations are of a sort."""
_NEWEST = _mine(SERVED.c.seq).where(SERVED.c.seq.is_not(None)).order_by(SERVED.c.seq.desc()).limit(LAG)
_REPEATABLE = (
    _mine(*ITEMS.c, SHOWN.c.swap)
    .where(OWN, SHOWN.c.state == "done", SERVED.c.seq < sa.bindparam("before"))
    .where(ITEMS.c.id.not_in(sa.select(PLANTS.c.of).where(PLANTS.c.rater == _RATER, PLANTS.c.of.is_not(None))))
    .order_by(SERVED.c.seq)
    .limit(1)
)
_PRESENTED = (
    sa.select(SHOWN.c.token, SHOWN.c.swap, ITEMS, PLANTS.c.role, DRAFTS.c.draft)
    .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
    .join(PLANTS, PLANTS.c.item == ITEMS.c.id, isouter=True)
    .join(DRAFTS, DRAFTS.c.token == SHOWN.c.token, isouter=True)
    .where(SHOWN.c.token.in_(sa.bindparam("tokens", expanding=True)))
)


@dataclass(frozen=True)
class Owed:
    """How many planted items a rater still has coming, by role."""

    repeats: int
    gold: int


class Sitting:
    """One rater before one study, inside a transaction that holds the study's lock."""

    def __init__(self, connection: sa.Connection, study: Study, design: Design, rater: str, at: str) -> None:
        self._connection = connection
        self._study = study
        self._design = design
        self._rater = rater
        self._at = at
        self._facts = {"study": study.name, "rater": rater, "at": at, "overlap": study.overlap}
        """What the statements below ask about."""

    # --- serving -----------------------------------------------------------------------------------------------

    def serve(self, limit: int, lease_seconds: int) -> list[str]:
        """Tokens of up to `limit` items: those already shown and unanswered first, then new ones."""
        until = later(self._at, lease_seconds)
        tokens = self._renewed(until)[:limit]
        practice = self._unseen("practice", limit - len(tokens))
        tokens += [self._show(row, swap=self._first_order(row), until=until) for row in practice]
        waiting = self._waiting(limit - len(tokens))
        while len(tokens) < limit:
            planted = self._planted(until, hurry=not waiting)
            if planted is None and not waiting:
                break
            tokens.append(planted or self._show_own(waiting.pop(0), until))
        return tokens

    def _renewed(self, until: str) -> list[str]:
        """The rater's unanswered presentations, leases renewed; an expired one only where a place is still free.

        Where the place is free but the order was meanwhile given to others, the item is shown anew in the other order.
        """
        alike = in_one_order(self._study.kind, self._study.overlap)
        found = self._connection.execute(_UNANSWERED, {**self._facts, "alike": alike}).mappings().all()
        kept = [row["token"] for row in found if row["ordered"]]
        if kept:
            self._connection.execute(SHOWN.update().where(SHOWN.c.token.in_(kept)).values(expires=until))
        return kept + self._turned([row["token"] for row in found if not row["ordered"]], until)

    def _turned(self, tokens: Sequence[str], until: str) -> list[str]:
        """Items shown anew in the other order, under new tokens; one that was answered and taken back keeps its own."""
        query = (
            _mine(*ITEMS.c, SHOWN.c.token, SHOWN.c.swap)
            .where(SHOWN.c.token.in_(tokens), SHOWN.c.token.not_in(sa.select(VOTES.c.token)))
            .order_by(SERVED.c.seq)
        )
        rows = self._connection.execute(query, self._facts).mappings().all() if tokens else []
        for table in (ACTS, DRAFTS, SERVED, SHOWN):
            if rows:
                self._connection.execute(table.delete().where(table.c.token.in_([row["token"] for row in rows])))
        return [self._show(row, swap=not row["swap"], until=until) for row in rows]

    def _waiting(self, limit: int) -> list[sa.RowMapping]:
        """Items of the study this rater has not seen and that still need one, those nearest to complete first."""
        if limit <= 0:
            return []
        return list(self._connection.execute(_WAITING, {**self._facts, "most": limit}).mappings())

    def _show_own(self, row: sa.RowMapping, until: str) -> str:
        if self._design.plants:
            self.own += 1
        return self._show(row, swap=_swap(self._study, row), until=until)

    def _first_order(self, row: sa.RowMapping) -> bool:
        """The order of an item that only this rater sees, or whose order nobody counts."""
        pair = self._study.kind == "pairwise"
        return pair and draw(self._study.seed, "swap", self._study.name, self._rater, row["position"]) < 0.5

    def _show(self, row: sa.RowMapping, *, swap: bool, until: str) -> str:
        token = secrets.token_hex(16)
        values = {"token": token, "item": row["id"], "rater": self._rater, "swap": swap}
        self._connection.execute(SHOWN.insert().values(**values, served=self._at, expires=until, state="open"))
        self._connection.execute(SERVED.insert().values(token=token, shown=shown_digests(row, swap=swap)))
        return token

    def left(self) -> int:
        """How many items, planted ones included, this rater may still be shown or has open; practice left out."""
        own = int(self._connection.execute(_LEFT, self._facts).scalar_one())
        if not self._design.plants:
            return own
        open_own, open_plants = self._count("own_open"), self._count("planted_open")
        due = self.owed(self.own + max(0, own - open_own))
        repeats = due.repeats if own or self.repeatable() else 0
        return own + open_plants + repeats + due.gold

    # --- planted among them ------------------------------------------------------------------------------------

    @cached_property
    def own(self) -> int:
        """How many of the study's own items this rater was shown; grows while serving."""
        return self._count("own")

    def _count(self, name: str) -> int:
        return int(self._connection.execute(_COUNTS[name], self._facts).scalar_one())

    def owed(self, own: int) -> Owed:
        """How many plants are due once `own` of the study's own items were shown."""
        start = draw(self._study.seed, "plants", self._study.name, self._rater)  # not every rater at the same place
        had = {role: self._count(role) for role in ("repeat", "gold")}
        gold = min(int(self._design.gold_share * own + start), had["gold"] + len(self._unseen("gold", own)))
        return Owed(max(0, int(self._design.repeats * own + start) - had["repeat"]), max(0, gold - had["gold"]))

    def _planted(self, until: str, *, hurry: bool) -> str | None:
        """A planted item where one is due; the place is drawn, save at the end, where what is due comes at once."""
        if not self._design.plants:
            return None
        due = self.owed(self.own)
        place = self._count("after_practice") if due.repeats or due.gold else 0
        if not hurry and draw(self._study.seed, "place", self._study.name, self._rater, place) < 0.5:
            return None
        if due.gold and (row := next(iter(self._unseen("gold", 1)), None)):
            return self._show(row, swap=self._first_order(row), until=until)
        if due.repeats and (row := self.repeatable()):
            return self._show(self._repeated(row), swap=not row["swap"] and row["second"] is not None, until=until)
        return None

    def _unseen(self, role: str, limit: int) -> Sequence[sa.RowMapping]:
        """Planted items of a role that this rater has not seen, in their order."""
        if limit <= 0:
            return []
        wanted = {**self._facts, "role": role, "most": limit}
        return self._connection.execute(_UNSEEN, wanted).mappings().all()

    def repeatable(self) -> sa.RowMapping | None:
        """The item answered longest ago that was not shown again, with at least LAG others since."""
        newest = self._connection.execute(_NEWEST, self._facts).scalars()
        wanted = {**self._facts, "before": min(newest, default=0)}
        return self._connection.execute(_REPEATABLE, wanted).mappings().first()

    def _repeated(self, row: sa.RowMapping) -> sa.RowMapping:
        """The item as an item of its own, for this rater alone."""
        item = Item(**{name: row[name] for name in Item.model_fields})
        made = add_items(self._connection, self._study.name, [item])[0]
        self._connection.execute(PLANTS.insert().values(item=made, role="repeat", of=row["id"], rater=self._rater))
        return self._connection.execute(sa.select(ITEMS).where(ITEMS.c.id == made)).mappings().one()


def add_items(connection: sa.Connection, study: str, items: Sequence[Item]) -> list[int]:
    """Append items to a study; their row ids, in order."""
    last = connection.execute(sa.select(sa.func.max(ITEMS.c.position)).where(ITEMS.c.study == study)).scalar()
    start = 0 if last is None else last + 1
    rows = [{"study": study, "position": start + i, **item.model_dump()} for i, item in enumerate(items)]
    if rows:
        connection.execute(ITEMS.insert(), rows)
    query = sa.select(ITEMS.c.id).where(ITEMS.c.study == study, ITEMS.c.position >= start).order_by(ITEMS.c.position)
    return list(connection.execute(query).scalars())


def shown_digests(row: sa.RowMapping, *, swap: bool) -> dict[str, str]:
    """SHA-256 of each text of an item, by the pane it is shown in."""
    a, b = _panes(row, swap=swap)
    texts = {"prompt": row["prompt"], "a": a, "b": b}
    return {pane: exact_digest(text) for pane, text in texts.items() if text is not None}


def presentations(connection: sa.Connection, study: Study, tokens: Sequence[str]) -> list[Presentation]:
    """What a rater's browser gets of these presentations, in their order."""
    rows = connection.execute(_PRESENTED, {"tokens": list(tokens)}).mappings()
    found = {row["token"]: row for row in rows}
    return [_presentation(study, found[token]) for token in tokens]


def _presentation(study: Study, row: sa.RowMapping) -> Presentation:
    a, b = _panes(row, swap=row["swap"])
    return Presentation(
        token=row["token"],
        question=study.question,
        prompt=row["prompt"],
        a=a,
        b=b,
        practice=row["role"] == "practice",
        draft=Draft.model_validate(row["draft"]) if row["draft"] else None,
    )


def _panes(row: sa.RowMapping, *, swap: bool) -> tuple[str, str | None]:
    return (row["second"], row["first"]) if swap else (row["first"], row["second"])


def _swap(study: Study, row: sa.RowMapping) -> bool:
    """The order shown less often so far; where both were shown alike, drawn from the study's seed.

    Whoever holds the item counts first, then also whoever let their lease run out and may come back.
    """
    if study.kind != "pairwise":
        return False
    for shown, swapped in (("held", "swapped"), ("all", "all_swapped")):
        plain = row[shown] - row[swapped]
        if plain != row[swapped]:
            return plain > row[swapped]
    return draw(study.seed, "swap", study.name, row["position"], row["held"]) < 0.5
