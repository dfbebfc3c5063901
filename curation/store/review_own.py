"""What a rater may know of their own work: counts, past votes, what a practice row says. Nothing of anybody else's."""

import sqlalchemy as sa

from curation.store.database import STATE, Database, now
from curation.store.review_records import Design, Past, RaterProgress, Study
from curation.store.review_serving import Sitting
from curation.store.review_tables import ITEMS, PLANTS, SHOWN, VOTES, standing

WORDS = 80
"""How much of a prompt reminds a rater of an item."""

_PRACTICE = sa.case((sa.func.coalesce(PLANTS.c.role, "own") == "practice", 1), else_=0).label("practice")
_DONE = (
    sa.select(SHOWN.c.state, _PRACTICE, sa.func.count().label("n"))
    .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
    .join(PLANTS, PLANTS.c.item == ITEMS.c.id, isouter=True)
    .where(ITEMS.c.study == sa.bindparam("study"), SHOWN.c.rater == sa.bindparam("rater"))
    .group_by(SHOWN.c.state, _PRACTICE)
)
"""A rater's presentations by state, practice apart."""
_PLANNED = (
    sa.select(sa.func.count())
    .select_from(PLANTS)
    .join(ITEMS, PLANTS.c.item == ITEMS.c.id)
    .where(ITEMS.c.study == sa.bindparam("study"), PLANTS.c.role == "practice")
)
"""How many items there are to practise on."""


class OwnWork:
    """One rater's own work in one study."""

    def __init__(self, database: Database, study: Study, design: Design, rater: str) -> None:
        database.ensure(STATE)
        self._database = database
        self._study = study
        self._design = design
        self._rater = rater

    def progress(self) -> RaterProgress:
        """How much was done and is left. Planted items count as any other, so that no count tells them apart."""
        mine = {"study": self._study.name, "rater": self._rater}
        with self._database.read() as connection:
            count = {(row.state, row.practice): row.n for row in connection.execute(_DONE, mine)}
            planned = int(connection.execute(_PLANNED, {"study": self._study.name}).scalar_one())
            sitting = Sitting(connection, self._study, self._design, self._rater, now(connection))
            left = 0 if self._study.closed else sitting.left()
        practised = sum(n for (state, is_practice), n in count.items() if is_practice and state != "open")
        return RaterProgress(
            done=count.get(("done", 0), 0) + count.get(("surplus", 0), 0),
            skipped=count.get(("skipped", 0), 0),
            left=left,
            practice_left=planned - practised,
        )

    def kept_apart(self) -> int:
        """How many standing votes came when their items needed them no more; 0 while the study is open.

        What is planted always needs a vote: told earlier, this would say that an item is not planted, and that others
        voted on it; who took votes back and gave them again could ask so about each.
        """
        if self._study.closed is None:
            return 0
        with self._database.read() as connection:
            rows = connection.execute(_DONE, {"study": self._study.name, "rater": self._rater})
            return sum(row.n for row in rows if row.state == "surplus")

    def history(self, limit: int) -> list[Past]:
        """The rater's standing votes, newest first, practice left out."""
        practice = sa.select(PLANTS.c.item).where(PLANTS.c.role == "practice")
        query = (
            standing()
            .where(ITEMS.c.study == self._study.name, SHOWN.c.rater == self._rater, ITEMS.c.id.not_in(practice))
            .order_by(None)
            .order_by(VOTES.c.seq.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Past(token=r["token"], choice=r["choice"], words=r["prompt"][:WORDS], at=r["at"]) for r in rows]

    def feedback(self, token: str) -> tuple[str, bool, str] | None:
        """Of an answered practice item whose verdict is known: the choice, whether swapped, the verdict."""
        query = (
            standing()
            .add_columns(PLANTS.c.right)
            .join(PLANTS, PLANTS.c.item == ITEMS.c.id)
            .where(SHOWN.c.token == token, SHOWN.c.rater == self._rater, PLANTS.c.role == "practice")
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None or row["right"] is None else (row["choice"], row["swap"], row["right"])
