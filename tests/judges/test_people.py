"""An invite lets one person in once, for a time, until it is taken back; what is stored opens nothing."""

import threading

import pytest
import sqlalchemy as sa

from curation.errors import Forbidden, InputError, UnknownRecord
from curation.people import OWNER, ROLES, Person, known_role
from curation.store.database import STATE
from curation.store.people import INVITES, SESSIONS, People
from curation.store.verify import verify
from judges.people import PeopleService
from judges.review import ReviewService

LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def study(store):
    return ReviewService(store).create("tone", kind="pairwise", n=6, overlap=2, raters=["ana", "ben"], seed=3)


@pytest.fixture
def service(store, study):
    return PeopleService(store)


@pytest.fixture
def people(store):
    return People(store.state, store.ledger)


def invited(service, name="ana", **more):
    return service.invite("tone", name, actor="lead", **more).token


def everything_stored(store):
    """All that the state database holds, as text: the ledger's bytes too."""
    with store.state.read() as connection:
        rows = [row for table in STATE.sorted_tables for row in connection.execute(sa.select(table))]
    return " ".join(
        bytes(v).decode("latin-1") if isinstance(v, bytes | memoryview) else str(v) for r in rows for v in r
    )


def test_a_link_becomes_a_session_once(service, people):
    token = invited(service)
    session = people.open(token)
    assert session.seconds == 7 * 86400
    assert people.session(session.token) == Person(name="ana", roles=frozenset({"reviewer"}), study="tone")
    assert people.open(token) is None


def test_neither_the_token_nor_the_cookie_is_stored_and_the_ledger_says_what_happened(service, people, store):
    token = invited(service)
    session = people.open(token)
    service.revoke("tone", "ana", "lead")
    told = everything_stored(store)
    assert "invite_made" in told
    assert [secret for secret in (token, session.token) if secret in told] == []
    events = {e.kind: e for e in store.ledger.events() if e.kind.startswith("invite")}
    assert set(events) == {"invite_made", "invite_opened", "invite_revoked"}
    assert events["invite_made"].body == {"study": "tone", "name": "ana", "role": "reviewer", "days": 7}
    assert events["invite_made"].actor == "lead"
    assert verify(store).ok


def test_a_link_and_a_session_end_with_their_time(service, people, store):
    late, token = invited(service), invited(service, "ben")
    session = people.open(token)
    with store.state.write() as connection:
        connection.execute(INVITES.update().values(expires=LONG_AGO))
    assert people.open(late) is None
    assert people.session(session.token) is not None
    with store.state.write() as connection:
        connection.execute(SESSIONS.update().values(expires=LONG_AGO))
    assert people.session(session.token) is None


def test_revoking_ends_links_and_sessions_at_once(service, people):
    opened, other = people.open(invited(service)), people.open(invited(service, "ben"))
    waiting = invited(service)
    assert service.revoke("tone", "ana", "lead") == 2
    assert people.session(opened.token) is None
    assert people.open(waiting) is None
    assert people.session(other.token).name == "ben"
    with pytest.raises(UnknownRecord, match=r"no invite of 'ana' to study 'tone' holds. Invited: ben"):
        service.revoke("tone", "ana", "lead")


def test_a_new_link_takes_the_place_of_one_that_was_not_opened(service, people):
    first = invited(service)
    second = invited(service)
    assert people.open(first) is None
    assert people.open(second) is not None


def test_signing_out_ends_one_browser_and_no_other(service, people):
    here, there = people.open(invited(service)), people.open(invited(service))
    people.sign_out(here.token)
    assert people.session(here.token) is None
    assert people.session(there.token) is not None


def test_of_many_browsers_at_the_same_instant_one_gets_in(service, people):
    token, got, gate = invited(service), [], threading.Barrier(6)

    def press():
        gate.wait()
        got.append(people.open(token))

    threads = [threading.Thread(target=press) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert sum(session is not None for session in got) == 1


def test_what_was_never_given_out_opens_nothing(people, service):
    invited(service)
    assert people.open("") is None
    assert people.open("x" * 43) is None
    assert people.session("") is None


def test_every_invite_says_how_it_stands(service, people):
    people.open(invited(service))
    invited(service, "ben")
    ben, ana = service.invites("tone")
    assert (ana.name, ana.opened is not None, ana.revoked, ana.over) == ("ana", True, None, False)
    assert (ben.name, ben.opened, ben.revoked, ben.over) == ("ben", None, None, False)
    assert service.invites("other") == []


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("zoe", {}, "'zoe' is not a rater of study 'tone'. Its raters: ana, ben"),
        (" ", {}, "a name of 1 to 60 characters"),
        ("ana", {"role": "admin"}, "an admin is not"),
        ("ana", {"days": 0}, "1 to 90 days, not 0"),
    ],
)
def test_an_invite_that_would_be_of_no_use_is_refused(service, name, more, words):
    with pytest.raises(InputError, match=words):
        invited(service, name, **more)


def test_nobody_is_invited_to_what_is_not_there_or_over(service, store):
    with pytest.raises(UnknownRecord, match="no study 'nope'"):
        service.invite("nope", "ana", actor="lead")
    ReviewService(store).close("tone")
    with pytest.raises(InputError, match="is closed"):
        invited(service)


def test_roles_belong_to_an_address_however_it_is_written(service, people):
    service.add(" Lea@Example.ORG", ["curator", "auditor"], "lead")
    assert people.member("LEA@example.org") == Person(name="lea@example.org", roles=frozenset({"curator", "auditor"}))
    service.add("lea@example.org", ["gatekeeper"], "lead")
    assert [(m.email, m.roles) for m in service.members()] == [("lea@example.org", {"gatekeeper"})]
    service.remove("Lea@example.org", "lead")
    assert people.member("lea@example.org") is None
    with pytest.raises(UnknownRecord, match=r"has no role here. Known: nobody"):
        service.remove("lea@example.org", "lead")


def test_what_is_no_address_or_no_role_is_said(service):
    with pytest.raises(InputError, match="'lea' is no e-mail address"):
        service.add("lea", ["curator"], "lead")
    with pytest.raises(InputError, match="was given no role"):
        service.add("lea@example.org", [], "lead")
    with pytest.raises(InputError, match=r"no role 'boss'. Roles: admin, curator"):
        known_role("boss")


@pytest.mark.parametrize("role", [r for r in ROLES if r != "admin"])
def test_only_an_admin_manages_people(store, study, role):
    service = PeopleService(store, Person(name="x", roles=frozenset({role})))
    for ask in (
        service.members,
        service.invites,
        lambda: service.add("x@example.org", ["admin"], "x"),
        lambda: service.remove("x@example.org", "x"),
        lambda: service.invite("tone", "ana", actor="x"),
        lambda: service.revoke("tone", "ana", "x"),
    ):
        with pytest.raises(Forbidden, match="may not manage people"):
            ask()
    assert PeopleService(store, OWNER).invites() == []
