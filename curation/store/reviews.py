"""Reviews in the state store: studies, items, what was shown to whom in which order, and append-only votes.

A *presentation* is one item shown to one rater; its random token is all that leaves the house. Serving and voting are
single write transactions, so any number of raters in any number of processes get whole answers: an item goes to
`overlap` different raters, never twice to one, in both orders as evenly as can be, and a presentation takes one vote
however often it is sent. A lease frees an item again when a rater walks away; a vote that comes when the item has all
its votes is kept as surplus and does not count.
"""

import sqlalchemy as sa
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from curation.records import Record
from curation.store.adjudications import adjudicated
from curation.store.database import STATE, Database, now
from curation.store.gold_guides import guideline_text, keep_guideline
from curation.store.ledger import Ledger
from curation.store.review_draws import keep_draws
from curation.store.review_records import (
    CHOICES,
    PASSED,
    Ballot,
    CopyVote,
    Design,
    Details,
    Draft,
    Drawn,
    Item,
    Kind,
    Plant,
    PlantBallot,
    Presentation,
    Said,
    Shown,
    Study,
)
from curation.store.review_serving import Sitting, add_items, later, presentations
from curation.store.review_tables import (
    DESIGNS,
    DRAFTS,
    GUIDED,
    ITEMS,
    OWN,
    PLANTS,
    SHOWN,
    STUDIES,
    copies,
    standing,
)
from curation.store.review_votes import acted, append_vote, check_fits, event_of, is_full, keep_details, own_shown

__all__ = ["CHOICES", "PASSED", "Ballot", "Item", "Kind", "Opening", "Presentation", "Reviews", "Shown", "Study"]


class Opening(Record):
    """A study about to be opened, with its items in order and how it is asked."""

    study: Study
    items: tuple[Item, ...]
    design: Design = Design()
    guideline: str | None = None
    plants: tuple[Plant, ...] = ()
    drawn: Drawn | None = None


class Reviews:
    """The review tables."""

    def __init__(self, database: Database) -> None:
        database.ensure(STATE)
        self._database = database

    # --- studies -----------------------------------------------------------------------------------------------

    def open(self, opening: Opening, ledger: Ledger, actor: str) -> Study:
        """Record a study with its items in the order given; InputError when the name is taken."""
        with self._database.write() as connection:
            study, items = opening.study, opening.items
            if _study(connection, study.name) is not None:
                raise InputError(f"there is already a study {study.name!r}; choose another name")
            study = study.model_copy(update={"opened": now(connection), "items": len(items)})
            connection.execute(STUDIES.insert().values(study.model_dump(mode="json")))
            add_items(connection, study.name, items)
            planted = add_items(connection, study.name, [plant.item for plant in opening.plants])
            rows = [{"item": i, "role": p.role, "right": p.right} for i, p in zip(planted, opening.plants, strict=True)]
            if rows:
                connection.execute(PLANTS.insert(), rows)
            design = opening.design.model_dump(mode="json", exclude={"guideline"})
            connection.execute(DESIGNS.insert().values(study=study.name, design=design))
            told: dict[str, JsonValue] = {**study.model_dump(mode="json", exclude={"opened"}), "design": design}
            if opening.guideline is not None:
                told["guideline"] = _guide(connection, study.name, opening.guideline)
            ledger.append_in(connection, "review_opened", told, actor)
            if opening.drawn is not None:
                keep_draws(connection, study.name, opening.drawn, ledger, actor)
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

    def design(self, name: str) -> Design:
        """How a study is asked, with the digest of the guideline in force."""
        with self._database.read() as connection:
            return _design(connection, name)

    def guideline(self, name: str) -> str | None:
        """The text of the guideline in force."""
        with self._database.read() as connection:
            digest = _design(connection, name).guideline
            return None if digest is None else guideline_text(connection, digest)

    def set_guideline(self, name: str, text: str, ledger: Ledger, actor: str) -> str:
        """Put another guideline in force for the votes to come; its digest. InputError once the study is closed."""
        self.study(name)
        with self._database.write() as connection:
            study = _study(connection, name, lock=True)
            if study is None or study.closed is not None:
                raise InputError(f"study {name!r} is closed, so its guideline cannot change")
            digest = _guide(connection, name, text)
            ledger.append_in(connection, "review_guideline", {"study": name, "guideline": digest}, actor)
        return digest

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
            sitting = Sitting(connection, study, _design(connection, name), rater, now(connection))
            return presentations(connection, study, sitting.serve(limit, lease_seconds))

    def study_of(self, token: str, rater: str) -> str:
        """The study that a presentation of this rater belongs to; UnknownRecord when it was never shown to them."""
        query = sa.select(ITEMS.c.study).join(SHOWN, SHOWN.c.item == ITEMS.c.id)
        with self._database.read() as connection:
            found = connection.execute(query.where(SHOWN.c.token == token, SHOWN.c.rater == rater)).scalar()
        if found is None:
            raise UnknownRecord("this token was not shown to this rater; reload the page to get new items")
        return str(found)

    def vote(self, token: str, rater: str, said: Said, ledger: Ledger) -> bool:
        """Record a vote and its ledger event; False when this presentation already holds one, or for a repeated act.

        Raises UnknownRecord when the token was never shown to this rater, InputError when the study is closed, does
        not offer the choice, or what comes with it does not fit.
        """
        with self._database.write() as connection:
            shown = own_shown(connection, token, rater)
            if shown["closed"] is not None:
                raise InputError(f"study {shown['study']!r} is closed; the vote was not recorded")
            design = _design(connection, shown["study"])
            check_fits(shown, design, said)
            if acted(connection, said.act, token) or shown["state"] != "open":
                return False
            vote = append_vote(connection, shown, said)
            keep_details(connection, vote, shown, design, said)
            state = "skipped" if said.choice in PASSED else "surplus" if is_full(connection, shown) else "done"
            connection.execute(SHOWN.update().where(SHOWN.c.token == token).values(state=state))
            connection.execute(DRAFTS.delete().where(DRAFTS.c.token == token))
            ledger.append_in(connection, "vote", {**event_of(shown), "choice": said.choice}, rater)
        return True

    def undo(self, token: str, rater: str, act: str | None, ledger: Ledger, lease_seconds: int) -> bool:
        """Take a standing vote back by appending so; False when there is none. The item is shown again.

        Raises InputError once the item is settled: then the vote is part of what was settled on.
        """
        with self._database.write() as connection:
            shown = own_shown(connection, token, rater)
            if acted(connection, act, token) or shown["state"] == "open" or shown["closed"] is not None:
                return False
            if adjudicated(connection, shown["item"]):
                raise InputError("this item was settled meanwhile, so the vote on it stays")
            append_vote(connection, shown, None)
            until = later(now(connection), lease_seconds)
            connection.execute(SHOWN.update().where(SHOWN.c.token == token).values(state="open", expires=until))
            ledger.append_in(connection, "vote_undone", event_of(shown), rater)
        return True

    def draft(self, token: str, rater: str, draft: Draft) -> None:
        """Keep what a rater has begun to say, until they vote."""
        with self._database.write() as connection:
            if own_shown(connection, token, rater)["state"] != "open":
                return
            connection.execute(DRAFTS.delete().where(DRAFTS.c.token == token))
            values = {"token": token, "draft": draft.model_dump(mode="json"), "at": now(connection)}
            connection.execute(DRAFTS.insert().values(**values))

    def release(self, name: str, rater: str) -> int:
        """Give back what a rater was shown and has not answered; how many items."""
        mine = sa.select(ITEMS.c.id).where(ITEMS.c.study == name)
        with self._database.write() as connection:
            given = connection.execute(
                SHOWN.update()
                .where(SHOWN.c.item.in_(mine), SHOWN.c.rater == rater, SHOWN.c.state == "open")
                .values(expires=now(connection))
            )
            return given.rowcount

    # --- reading -----------------------------------------------------------------------------------------------

    def ballots(self, name: str) -> list[Ballot]:
        """The standing votes on a study's own items, skips included, in item order."""
        with self._database.read() as connection:
            rows = connection.execute(standing().where(ITEMS.c.study == name, OWN)).mappings()
            return [_ballot(row) for row in rows]

    def planted(self, name: str) -> list[PlantBallot]:
        """The standing votes on planted items: practice, hidden repeats, seeded gold rows."""
        whole = ITEMS.alias()
        query = (
            standing()
            .add_columns(PLANTS.c.role, PLANTS.c.right, whole.c.position.label("of"))
            .join(PLANTS, PLANTS.c.item == ITEMS.c.id)
            .join(whole, whole.c.id == PLANTS.c.of, isouter=True)
            .where(ITEMS.c.study == name)
        )
        with self._database.read() as connection:
            return [
                PlantBallot(**_ballot(row).model_dump(), role=row["role"], of=row["of"], right=row["right"])
                for row in connection.execute(query).mappings()
            ]

    def copies(self, rows: str) -> list[CopyVote]:
        """The standing votes on planted gold rows whose names begin with `rows`, oldest first.

        Closed studies alone: what is planted in an open one, and what raters said of it, is nobody's to know.
        """
        with self._database.read() as connection:
            return [CopyVote(**row) for row in connection.execute(copies(rows)).mappings()]

    def presented(self, name: str) -> list[Shown]:
        """Every presentation of a study's own items, in item order."""
        columns = (ITEMS.c.position, SHOWN.c.rater, SHOWN.c.swap, SHOWN.c.state)
        query = sa.select(*columns).join(ITEMS, SHOWN.c.item == ITEMS.c.id).where(ITEMS.c.study == name, OWN)
        with self._database.read() as connection:
            return [Shown(**row) for row in connection.execute(query.order_by(ITEMS.c.position)).mappings()]

    def votes_for(self, sample: str) -> list[dict[str, JsonValue]]:
        """What people said about one sample, oldest first: study, rater, choice, reason, time."""
        about = sa.or_(ITEMS.c.first_sample == sample, ITEMS.c.second_sample == sample)
        with self._database.read() as connection:
            rows = connection.execute(standing().where(about, OWN)).mappings().all()
        found: list[dict[str, JsonValue]] = []
        for row in sorted(rows, key=lambda r: r["at"]):
            ballot = _ballot(row)
            said = {"study": row["study"], "rater": ballot.rater, "choice": _about(ballot, sample)}
            found.append({**said, "reason": ballot.reason, "at": ballot.at})
        return found


def _ballot(row: sa.RowMapping) -> Ballot:
    plain = {name: row[name] for name in Ballot.model_fields if name not in ("details", "shown")}
    return Ballot(**plain, details=Details.model_validate(row["details"] or {}), shown=row["shown"] or {})


def _about(ballot: Ballot, sample: str) -> str:
    if ballot.winner not in ("first", "second"):
        return ballot.winner
    chosen = ballot.first_sample if ballot.winner == "first" else ballot.second_sample
    return "preferred" if chosen == sample else "other_preferred"


_ONE = sa.select(STUDIES).where(STUDIES.c.name == sa.bindparam("study"))
_ASKED = sa.select(
    sa.select(DESIGNS.c.design).where(DESIGNS.c.study == sa.bindparam("study")).scalar_subquery(),
    sa.select(GUIDED.c.digest)
    .where(GUIDED.c.study == sa.bindparam("study"))
    .order_by(GUIDED.c.seq.desc())
    .limit(1)
    .scalar_subquery(),
)
"""A design, and the digest of the guideline in force."""


def _study(connection: sa.Connection, name: str, *, lock: bool = False) -> Study | None:
    # The row lock orders raters on PostgreSQL; on SQLite the write transaction already does.
    row = connection.execute(_ONE.with_for_update() if lock else _ONE, {"study": name}).mappings().first()
    return Study(**row) if row else None


def _design(connection: sa.Connection, name: str) -> Design:
    written, guideline = tuple(connection.execute(_ASKED, {"study": name}).one())
    return Design.model_validate({**(written or {}), "guideline": guideline})


def _guide(connection: sa.Connection, study: str, text: str) -> str:
    digest = keep_guideline(connection, text)
    connection.execute(GUIDED.insert().values(study=study, digest=digest, at=now(connection)))
    return digest
