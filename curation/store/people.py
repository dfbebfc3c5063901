"""People in the state store: who has which role, one-time invites, and the sessions that opened invites gave.

Neither a link nor a browser's session can be read out of the tables: of both, the SHA-256 of 256 random bits is kept.
An invite is opened once, in one write transaction, however many browsers try at the same instant.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import JsonValue

from curation.people import Person, Role
from curation.records import Record
from curation.store.database import STATE, Database, now
from curation.store.ledger import Ledger

PEOPLE = sa.Table(
    "people",
    STATE,
    sa.Column("email", sa.String, primary_key=True),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("added", sa.String, nullable=False),
)
INVITES = sa.Table(
    "people_invites",
    STATE,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),  # SHA-256 of the link's token
    sa.Column("study", sa.String, nullable=False, index=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("made", sa.String, nullable=False),
    sa.Column("expires", sa.String, nullable=False),
    sa.Column("opened", sa.String),
    sa.Column("revoked", sa.String),
)
SESSIONS = sa.Table(
    "people_sessions",
    STATE,
    sa.Column("digest", sa.String(64), primary_key=True),  # SHA-256 of the browser's cookie
    sa.Column("invite", sa.ForeignKey("people_invites.id"), nullable=False, index=True),
    sa.Column("began", sa.String, nullable=False),
    sa.Column("expires", sa.String, nullable=False),
    sa.Column("ended", sa.String),
)


class Member(Record):
    """Somebody who signs in with a verified e-mail address, and the roles they have here."""

    email: str
    roles: frozenset[Role]
    added: str


class Invite(Record):
    """An invite as its maker sees it: never the token, which nobody can show a second time."""

    study: str
    name: str
    role: Role
    days: int
    made: str
    expires: str
    opened: str | None
    revoked: str | None
    over: bool
    """Whether nobody can open it any more because its time is over."""


class Session(NamedTuple):
    """What a browser is given for an invite: the secret of its cookie, and for how many seconds it holds."""

    token: str
    seconds: int


class People:
    """The tables of members, invites and sessions."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        database.ensure(STATE)
        self._database = database
        self._ledger = ledger

    # --- members -----------------------------------------------------------------------------------------------

    def add(self, email: str, roles: Collection[Role], actor: str) -> Member:
        """Give somebody these roles, and no others that they had before."""
        with self._database.write() as connection:
            member = Member(email=_address(email), roles=frozenset(roles), added=now(connection))
            connection.execute(PEOPLE.delete().where(PEOPLE.c.email == member.email))
            connection.execute(PEOPLE.insert().values(**member.model_dump(exclude={"roles"}), roles=sorted(roles)))
            body: dict[str, JsonValue] = {"email": member.email, "roles": [*sorted(roles)]}
            self._ledger.append_in(connection, "person_added", body, actor)
        return member

    def remove(self, email: str, actor: str) -> bool:
        """Take every role of somebody; False when they had none."""
        with self._database.write() as connection:
            found = connection.execute(PEOPLE.delete().where(PEOPLE.c.email == _address(email))).rowcount
            if found:
                self._ledger.append_in(connection, "person_removed", {"email": _address(email)}, actor)
        return bool(found)

    def members(self) -> list[Member]:
        """Everybody with a role, by address."""
        with self._database.read() as connection:
            return [Member(**row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.email)).mappings()]

    def member(self, email: str) -> Person | None:
        """Who has this address, as checked by whoever they signed in with; None when nobody here does."""
        with self._database.read() as connection:
            query = sa.select(PEOPLE).where(PEOPLE.c.email == _address(email))
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Person(name=row["email"], roles=frozenset(row["roles"]))

    # --- invites -----------------------------------------------------------------------------------------------

    def invite(self, study: str, name: str, role: Role, days: int, actor: str) -> str:
        """The token of a new invite, told this once; an unopened one of the same name and study is replaced."""
        token = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            at = now(connection)
            unopened = (INVITES.c.study == study) & (INVITES.c.name == name) & INVITES.c.opened.is_(None)
            connection.execute(INVITES.update().where(unopened & INVITES.c.revoked.is_(None)).values(revoked=at))
            body = {"study": study, "name": name, "role": role, "days": days}
            row = {**body, "digest": _digest(token), "made": at, "expires": _later(at, days)}
            connection.execute(INVITES.insert().values(**row))
            self._ledger.append_in(connection, "invite_made", body, actor)
        return token

    def invites(self, study: str | None = None) -> list[Invite]:
        """Every invite, or those to one study, newest first."""
        query = sa.select(INVITES).order_by(INVITES.c.id.desc())
        query = query if study is None else query.where(INVITES.c.study == study)
        with self._database.read() as connection:
            at, rows = now(connection), connection.execute(query).mappings().all()
        kept = Invite.model_fields.keys() - {"over"}
        return [Invite(**{name: row[name] for name in kept}, over=row["expires"] <= at) for row in rows]

    def open(self, token: str) -> Session | None:
        """Exchange the token of an invite for a session, once; None for an unknown, used, revoked or late one."""
        with self._database.write() as connection:
            at = now(connection)
            usable = (INVITES.c.digest == _digest(token)) & INVITES.c.opened.is_(None) & INVITES.c.revoked.is_(None)
            used = INVITES.update().where(usable & (INVITES.c.expires > at)).values(opened=at)
            if connection.execute(used).rowcount != 1:
                return None
            row = connection.execute(sa.select(INVITES).where(INVITES.c.digest == _digest(token))).mappings().one()
            session = Session(secrets.token_urlsafe(32), row["days"] * 86400)
            values: dict[str, Any] = {"digest": _digest(session.token), "invite": row["id"], "began": at}
            connection.execute(SESSIONS.insert().values(**values, expires=_later(at, row["days"])))
            self._ledger.append_in(connection, "invite_opened", {"study": row["study"], "name": row["name"]}, "engine")
        return session

    def session(self, token: str) -> Person | None:
        """Whose session this is; None when it is unknown, over or revoked."""
        joined = sa.select(INVITES).join(SESSIONS, SESSIONS.c.invite == INVITES.c.id)
        query = joined.where((SESSIONS.c.digest == _digest(token)) & SESSIONS.c.ended.is_(None))
        with self._database.read() as connection:
            query = query.where((SESSIONS.c.expires > now(connection)) & INVITES.c.revoked.is_(None))
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Person(name=row["name"], roles=frozenset({row["role"]}), study=row["study"])

    def sign_out(self, token: str) -> None:
        """End one session: its browser is nobody from now on."""
        with self._database.write() as connection:
            mine = (SESSIONS.c.digest == _digest(token)) & SESSIONS.c.ended.is_(None)
            connection.execute(SESSIONS.update().where(mine).values(ended=now(connection)))

    def revoke(self, study: str, name: str, actor: str) -> int:
        """End every invite of a name to a study and the sessions they gave; how many invites were still good."""
        with self._database.write() as connection:
            at = now(connection)
            theirs = (INVITES.c.study == study) & (INVITES.c.name == name) & INVITES.c.revoked.is_(None)
            found = connection.execute(INVITES.update().where(theirs).values(revoked=at)).rowcount
            if found:
                self._ledger.append_in(connection, "invite_revoked", {"study": study, "name": name}, actor)
        return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _address(email: str) -> str:
    return email.strip().casefold()


def _later(at: str, days: int) -> str:
    """So many days after a moment, written as the database writes moments."""
    moment = datetime.fromisoformat(at) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
