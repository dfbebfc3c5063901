"""Who somebody at the pages is: by an invite's session, by a sign-in elsewhere, or the owner on their own machine."""

import ipaddress
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from curation.errors import Forbidden
from curation.people import OWNER, Person
from curation.store.people import People
from dashboard.access import Access

SESSION = "stillhouse_session"
INVITED = "stillhouse_invite"
"""The cookie that carries an invite's token from its link to the button that opens it, so that no address does."""
Why = Literal["nobody", "expired", "unverified", "unknown"]
WORDS: dict[Why, str] = {
    "nobody": "Ask whoever runs the study for an invite, and open its link in this browser.",
    "expired": "Your sign-in is over. Sign in again.",
    "unverified": "Your provider does not confirm your e-mail address. Ask whoever runs the study for an invite.",
    "unknown": "This e-mail address has no role here. Ask whoever runs the study for an invite.",
}


class Stranger(Forbidden):
    """Nobody that is known here, and why; `str` of it is what they are told."""

    def __init__(self, why: Why) -> None:
        super().__init__(WORDS[why])
        self.why = why


def person(
    people: People, access: Access, cookies: Mapping[str, str], claims: Mapping[str, Any], now: float | None = None
) -> Person:
    """Who this is; Stranger where nobody here knows them.

    `claims` are what a provider said in a token whose signature was checked; empty where nobody signed in.
    """
    if access.local:
        return OWNER
    token = session_token(access, cookies)
    if token and (invited := people.session(token)):
        return invited
    if not access.oidc or not claims.get("is_logged_in"):
        raise Stranger("nobody")
    return _member(people, claims, time.time() if now is None else now)


def _member(people: People, claims: Mapping[str, Any], now: float) -> Person:
    ends, email = claims.get("exp"), claims.get("email")
    if not isinstance(ends, int | float) or isinstance(ends, bool) or not ends > now:
        raise Stranger("expired")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        raise Stranger("unverified")
    found = people.member(email)
    if found is None:
        raise Stranger("unknown")
    return found


def session_cookie(access: Access) -> str:
    """The name of the session's cookie; by https one that no other name, path or plain http can set."""
    return f"__Host-{SESSION}" if access.tls else SESSION


def invited_cookie(access: Access) -> str:
    """The name of the cookie that an invite's link leaves."""
    return f"__Secure-{INVITED}" if access.tls else INVITED


def session_token(access: Access, cookies: Mapping[str, str]) -> str | None:
    """The session that a browser says it has."""
    return cookies.get(session_cookie(access)) or None


class Limit:
    """So many tries from one address and so many from all, in any stretch of `seconds`.

    Refused tries do not count, so nobody is kept out for longer by trying on; what is remembered stays small.
    """

    def __init__(
        self, *, each: int = 20, everybody: int = 300, seconds: float = 600, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each, self._everybody, self._seconds, self._clock = each, everybody, seconds, clock
        self._tries: deque[tuple[float, str]] = deque()

    def allows(self, address: str | None) -> bool:
        """Whether one more try from this address may go on; it counts if so."""
        at, place = self._clock(), network(address)
        while self._tries and self._tries[0][0] <= at - self._seconds:
            self._tries.popleft()
        if len(self._tries) >= self._everybody or sum(p == place for _, p in self._tries) >= self._each:
            return False
        self._tries.append((at, place))
        return True


def network(address: str | None) -> str:
    """What counts as one address: an IPv6 customer has a whole /64 of them.

    >>> network("2001:db8::1") == network("2001:db8::2"), network("192.0.2.1") == network("192.0.2.2")
    (True, False)
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
