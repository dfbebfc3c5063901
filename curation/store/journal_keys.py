"""Which requests of a version are in the journal: asked of a million rows at once, by the beginnings of their keys.

A key is 64 hex digits of SHA-256; 16 of them tell a million requests apart but for one chance in some ten million.
"""

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from curation.store.attempts import REQUESTS
from curation.store.database import Database

DIGITS = 16
"""How much of a key is compared."""


def beginnings(joined: str | None) -> NDArray[np.uint64]:
    """Beginnings of keys written one after the other, as numbers in no order; a million need some milliseconds."""
    return np.frombuffer(bytes.fromhex(joined or ""), dtype=">u8").astype(np.uint64)


def journalled(database: Database) -> NDArray[np.uint64]:
    """The beginnings of the keys of every request that was ever claimed or recorded here."""
    begins = sa.func.substr(REQUESTS.c.key, 1, DIGITS)
    with database.read() as connection:
        return beginnings(connection.execute(sa.select(sa.func.group_concat(begins, ""))).scalar())


def held(keys: NDArray[np.uint64], known: NDArray[np.uint64]) -> int:
    """How many of these keys are known, each counted as often as it occurs."""
    if not keys.size or not known.size:
        return 0
    # Both in order: a look-up then finds what it needs beside the last one; `np.isin` takes twenty times as long.
    asked, there = np.sort(keys), np.sort(known)
    place = np.minimum(np.searchsorted(there, asked), there.size - 1)
    return int((there[place] == asked).sum())


def requests(database: Database) -> int:
    """How many requests the journal holds."""
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(REQUESTS)).scalar_one())
