"""What has left the house: requests by the host they went to, with where it stands and what they were scrubbed with."""

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from pydantic import JsonValue

from curation.store.attempts import ATTEMPTS, REQUESTS
from curation.store.database import Database

AT_HOME = ("practice", "local", "replay")
"""Hosts that are this machine: the practice server, a model in this process, recorded replies."""


@dataclass(frozen=True)
class Egress:
    """Requests alike in all that an auditor asks about; `sent` counts attempts, each of which carried the bytes."""

    host: str
    name: str
    model: str
    region: str | None
    zero_retention: bool
    scrub: str | None
    requests: int
    sent: int
    bytes: int

    @property
    def at_home(self) -> bool:
        """Whether nothing left this machine."""
        return self.host in AT_HOME or self.host.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]")

    def as_dict(self) -> dict[str, JsonValue]:
        """For --json."""
        return {**asdict(self), "at_home": self.at_home}


def egress(database: Database) -> list[Egress]:
    """Every host that was sent something, the most bytes first; a request in flight or in an open batch counts."""
    tries = sa.select(ATTEMPTS.c.key, sa.func.count().label("sent")).group_by(ATTEMPTS.c.key).subquery()
    sent = sa.func.coalesce(tries.c.sent, 1)
    same = [REQUESTS.c[name] for name in ("host", "name", "model", "region", "zero_retention", "scrub")]
    query = (
        sa.select(
            *same,
            sa.func.count().label("requests"),
            sa.func.sum(sent).label("sent"),
            sa.func.sum(sent * sa.func.coalesce(REQUESTS.c.bytes, 0)).label("bytes"),
        )
        .join(tries, tries.c.key == REQUESTS.c.key, isouter=True)
        .group_by(*same)
    )
    with database.read() as connection:
        found = [Egress(**row) for row in connection.execute(query).mappings()]
    return sorted(found, key=lambda e: (-e.bytes, e.host, e.name))
