"""People as pages and commands use them: who has which role, whom a link invites to a study, and taking both back."""

import re
from collections.abc import Collection
from typing import NamedTuple

from curation.errors import InputError, UnknownRecord
from curation.people import OWNER, Person, Role
from curation.store.people import Invite, Member, People
from curation.store.reviews import Reviews
from curation.store.store import Store

EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
MOST_DAYS = 90


class Invitation(NamedTuple):
    """A new invite and the token of its link, which is told this once."""

    study: str
    name: str
    role: Role
    days: int
    token: str


class PeopleService:
    """Roles and invites of one workspace."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._people = People(store.state, store.ledger)
        self._reviews = Reviews(store.state)
        self._who = who

    def members(self) -> list[Member]:
        """Everybody with a role."""
        self._who.require("manage_people")
        return self._people.members()

    def add(self, email: str, roles: Collection[Role], actor: str) -> Member:
        """Give an e-mail address these roles and no others; InputError for what is no address."""
        self._who.require("manage_people")
        if not EMAIL.fullmatch(email.strip()):
            raise InputError(f"{email!r} is no e-mail address; roles belong to the address somebody signs in with")
        if not roles:
            raise InputError(f"{email} was given no role; `stillhouse people remove {email}` takes them all")
        return self._people.add(email, roles, actor)

    def remove(self, email: str, actor: str) -> None:
        """Take every role of an address; UnknownRecord where it has none."""
        self._who.require("manage_people")
        if not self._people.remove(email, actor):
            known = ", ".join(m.email for m in self._people.members()) or "nobody; `stillhouse people add` adds them"
            raise UnknownRecord(f"{email} has no role here. Known: {known}")

    def invite(self, study: str, name: str, *, role: Role = "reviewer", days: int = 7, actor: str) -> Invitation:
        """A link for one person to one study; InputError where that person could not do anything there."""
        self._who.require("manage_people")
        name = name.strip()
        found = self._reviews.study(study)
        if found.closed is not None:
            raise InputError(f"study {study!r} is closed, so there is nothing to invite anybody to")
        if not name or len(name) > 60:
            raise InputError("an invite takes a name of 1 to 60 characters")
        if role == "admin":
            raise InputError("an invite is bound to one study, and an admin is not: `stillhouse people add EMAIL`")
        if role == "reviewer" and found.raters is not None and name not in found.raters:
            raise InputError(f"{name!r} is not a rater of study {study!r}. Its raters: {', '.join(found.raters)}")
        if not 1 <= days <= MOST_DAYS:
            raise InputError(f"an invite holds for 1 to {MOST_DAYS} days, not {days}")
        return Invitation(study, name, role, days, self._people.invite(study, name, role, days, actor))

    def invites(self, study: str | None = None) -> list[Invite]:
        """Every invite, or those to one study, newest first."""
        self._who.require("manage_people")
        return self._people.invites(study)

    def revoke(self, study: str, name: str, actor: str) -> int:
        """Take back the invites of a name to a study, and sign out whoever opened them; how many there were."""
        self._who.require("manage_people")
        found = self._people.revoke(study, name, actor)
        if not found:
            known = sorted({i.name for i in self._people.invites(study) if i.revoked is None})
            raise UnknownRecord(
                f"no invite of {name!r} to study {study!r} holds. Invited: {', '.join(known) or 'nobody'}"
            )
        return found
