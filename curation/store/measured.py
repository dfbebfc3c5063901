"""What the journal knows about replies beyond their text: how long they took, and how many tokens they came to."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from curation.store.attempts import ATTEMPTS, REQUESTS, Purpose
from curation.store.database import Database

PART = 500
"""Keys in one statement."""


@dataclass(frozen=True)
class MeanUsage:
    """Mean tokens of the replies of one model, as named in task.toml; None where a reply did not report them."""

    replies: int
    input: float | None
    cached: float
    output: float | None


def seconds_taken(database: Database, keys: Sequence[str]) -> dict[str, float]:
    """Seconds of the attempt that brought each reply, by key; none for a reply from a batch or a recording."""
    found: dict[str, float] = {}
    taken = ATTEMPTS.c.seconds.is_not(None)
    with database.read() as connection:
        for start in range(0, len(keys), PART):
            part = keys[start : start + PART]
            query = sa.select(ATTEMPTS.c.key, ATTEMPTS.c.seconds).where(
                ATTEMPTS.c.key.in_(part), ATTEMPTS.c.outcome == "reply", taken
            )
            found |= {row.key: row.seconds for row in connection.execute(query)}
    return found


def mean_usage(database: Database, purpose: Purpose) -> dict[str, MeanUsage]:
    """By name, what the replies bought for a purpose came to on average, over the life of the workspace."""
    a, known = ATTEMPTS.c, sa.func.count
    query = (
        sa.select(
            REQUESTS.c.name,
            sa.func.count().label("n"),
            sa.case((known(a.input_tokens) == sa.func.count(), sa.func.avg(a.input_tokens))).label("sent"),
            sa.func.avg(sa.func.coalesce(a.cached_tokens, 0)).label("cached"),
            sa.case((known(a.output_tokens) == sa.func.count(), sa.func.avg(a.output_tokens))).label("came"),
        )
        .join_from(ATTEMPTS, REQUESTS, ATTEMPTS.c.key == REQUESTS.c.key)
        .where(REQUESTS.c.purpose == purpose, a.outcome == "reply")
        .group_by(REQUESTS.c.name)
    )
    with database.read() as connection:
        return {r.name: MeanUsage(r.n, r.sent, float(r.cached), r.came) for r in connection.execute(query)}
