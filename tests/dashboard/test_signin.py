"""Who may reach the pages and who somebody is there: told from settings, cookies and claims, without a server."""

from pathlib import Path

import pytest

from curation.errors import InputError, WorkspaceError
from curation.people import OWNER, ROLES, Person
from curation.store.people import People
from curation.store.store import Store
from dashboard import launch
from dashboard.access import ACCESS, LOCAL, PUBLIC, Access, allowed, providers, sign_in_file
from dashboard.signin import Limit, Stranger, network, person, session_cookie
from dashboard.views import house as views
from judges.people import PeopleService

INVITES = Access(invites=True)
OIDC = Access(invites=True, oidc=True)
PUBLICLY = Access(invites=True, public="reviews.example.org")
NOW = 1_800_000_000.0
CLAIMS = {"is_logged_in": True, "email": "Lea@example.org", "email_verified": True, "exp": NOW + 60}
AUTH = {
    "redirect_uri": "https://reviews.example.org/oauth2callback",
    "cookie_secret": "x" * 40,
    "client_id": "stillhouse",
    "client_secret": "s",
    "server_metadata_url": "https://login.example.org/.well-known/openid-configuration",
}


@pytest.fixture
def people(house: Path):
    with Store.open(house) as store:
        yield People(store.state, store.ledger)


@pytest.fixture
def session(house: Path, people: People) -> str:
    with Store.open(house) as store:
        opened = people.open(PeopleService(store).invite("tone", "ana", actor="lead").token)
    assert opened is not None
    return opened.token


def secrets_file(folder: Path, **changed: str | None) -> Path:
    path = folder / "secrets.toml"
    kept = {k: v for k, v in {**AUTH, **changed}.items() if v is not None}
    path.write_text("[auth]\n" + "".join(f'{k} = "{v}"\n' for k, v in kept.items()), encoding="utf-8")
    return path


# --- who ---------------------------------------------------------------------------------------------------------


def test_on_their_own_machine_everybody_is_the_owner(people: People):
    assert person(people, LOCAL, {}, {}) is OWNER


def test_a_session_is_somebody_under_its_own_cookie_and_no_other(people: People, session: str):
    ana = Person(name="ana", roles=frozenset({"reviewer"}), study="tone")
    assert person(people, INVITES, {session_cookie(INVITES): session}, {}) == ana
    assert person(people, PUBLICLY, {session_cookie(PUBLICLY): session}, {}) == ana
    assert session_cookie(PUBLICLY) == "__Host-stillhouse_session"
    for cookies in ({}, {session_cookie(INVITES): ""}, {session_cookie(INVITES): session[:-1]}):
        with pytest.raises(Stranger, match="Ask whoever runs the study for an invite"):
            person(people, INVITES, cookies, {})
    with pytest.raises(Stranger):  # plain http could have set this one
        person(people, PUBLICLY, {session_cookie(INVITES): session}, {})


def test_a_verified_address_has_the_roles_of_the_table_until_its_token_ends(people: People):
    people.add("lea@example.org", ["curator"], "lead")
    lea = Person(name="lea@example.org", roles=frozenset({"curator"}))
    assert person(people, OIDC, {}, CLAIMS, NOW) == lea
    with pytest.raises(Stranger, match="sign-in is over") as over:
        person(people, OIDC, {}, CLAIMS, NOW + 60)
    assert over.value.why == "expired"
    people.remove("lea@example.org", "lead")
    with pytest.raises(Stranger, match="no role here"):
        person(people, OIDC, {}, CLAIMS, NOW)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"email_verified": False}, "unverified"),
        ({"email_verified": "true"}, "unverified"),
        ({"email_verified": None}, "unverified"),
        ({"email": None}, "unverified"),
        ({"email": "other@example.org"}, "unknown"),
        ({"exp": None}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": str(NOW + 60)}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"is_logged_in": False}, "nobody"),
        ({"is_logged_in": None}, "nobody"),
    ],
)
def test_claims_that_do_not_say_who_it_is_make_a_stranger(people: People, changed: dict[str, object], why: str):
    people.add("lea@example.org", ["curator"], "lead")
    with pytest.raises(Stranger) as stranger:
        person(people, OIDC, {}, {**CLAIMS, **changed}, NOW)
    assert stranger.value.why == why


def test_claims_count_only_where_people_sign_in(people: People):
    people.add("lea@example.org", ["curator"], "lead")
    with pytest.raises(Stranger):
        person(people, INVITES, {}, CLAIMS, NOW)


# --- pages -------------------------------------------------------------------------------------------------------

SHOWN = {
    "admin": set(views.NEEDS),
    "curator": set(views.NEEDS) - {"admin"},
    "reviewer": {"review"},
    "gatekeeper": {"overview", "samples", "scrub", "judges", "studies", "provenance", "gate"},
    "auditor": {"overview", "samples", "scrub", "judges", "studies", "provenance", "gate"},
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_shown_its_pages(role: str):
    who = Person(name="x", roles=frozenset({role}))  # type: ignore[arg-type]
    assert {page for page in views.NEEDS if views.may(page, who)} == SHOWN[role]


def test_every_page_says_what_it_takes_and_one_that_does_not_is_for_admins():
    assert set(views._pages()) <= set(views.NEEDS)
    assert not views.may("a page of tomorrow", Person(name="x", roles=frozenset({"curator"})))


def test_somebody_invited_to_one_study_is_shown_the_pages_of_a_study_alone():
    curator = Person(name="x", roles=frozenset({"curator"}), study="tone")
    assert {page for page in views.NEEDS if views.may(page, curator)} == {"review", "adjudicate"}


# --- how often ---------------------------------------------------------------------------------------------------


def test_tries_are_counted_for_each_address_and_for_all_and_forgotten_in_time():
    at = [0.0]
    limit = Limit(each=2, everybody=5, seconds=60, clock=lambda: at[0])
    assert [limit.allows("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [limit.allows(f"192.0.2.{n}") for n in (2, 3, 4, 5)] == [True, True, True, False]
    at[0] = 60
    assert limit.allows("192.0.2.1")


def test_an_ipv6_customer_is_one_address():
    assert network("2001:db8::1") == network("2001:db8:0:0:ffff::9") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") != network("::ffff:192.0.2.2")


# --- hosts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_this_machine_needs_no_access_control(host: str):
    assert allowed(host) == LOCAL
    assert LOCAL.bind == "127.0.0.1"


@pytest.mark.parametrize("host", ["reviews.example.org", "192.168.1.5", "2001:db8::1", "8.8.8.8"])
def test_another_name_without_access_control_is_refused_with_a_proxy_to_copy(host: str):
    with pytest.raises(InputError, match="--access invites") as refused:
        allowed(host, port=8600)
    assert f"caddy reverse-proxy --from {host} --to 127.0.0.1:8600" in str(refused.value)
    assert "--oidc FILE" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_public_name_is_served_from_this_machine_and_an_address_where_it_was_named():
    assert (PUBLICLY.bind, PUBLICLY.tls, PUBLICLY.hosts[-1]) == ("127.0.0.1", True, "reviews.example.org")
    literal = allowed("192.168.1.5", invites=True)
    assert (literal.bind, literal.tls, literal.base(8600)) == ("192.168.1.5", False, "http://192.168.1.5:8600")
    assert PUBLICLY.base(8600) == "https://reviews.example.org"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("0.0.0.0", "every address"),
        ("::", "every address"),
        ("https://x.org", "is no name"),
        ("x.org:80", "is no name"),
        ("*", "is no name"),
        ("a b", "is no name"),
    ],
)
def test_a_host_that_names_no_one_place_is_refused(host: str, words: str):
    with pytest.raises(InputError, match=words):
        allowed(host, invites=True)


def test_the_server_reads_from_its_environment_what_the_launcher_wrote():
    for access in (LOCAL, INVITES, OIDC, PUBLICLY):
        assert Access.of(access.variables) == access
    with pytest.raises(WorkspaceError, match="not local, invites or oidc"):
        Access.of({ACCESS: "open"})
    with pytest.raises(InputError, match="--access invites"):
        Access.of({ACCESS: "local", PUBLIC: "reviews.example.org"})


# --- signing in elsewhere ----------------------------------------------------------------------------------------


def test_a_file_that_signs_people_in_is_handed_on_with_the_public_name(built: Path, tmp_path: Path):
    path = secrets_file(tmp_path)
    access = Access(invites=True, oidc=True, public="reviews.example.org")
    command = launch.command(built, 8600, served=launch.Served(access=access, secrets=path))
    assert f"--secrets.files={path}" in command
    assert "--server.address=127.0.0.1" in command
    assert "--server.allowedHosts=reviews.example.org" in command


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"redirect_uri": "https://evil.example/oauth2callback"}, "people come back to https://reviews.example.org/"),
        ({"redirect_uri": "http://reviews.example.org/oauth2callback"}, "people come back to https://"),
        ({"redirect_uri": "https://reviews.example.org/"}, "people come back to https://"),
        ({"cookie_secret": "short"}, "32 random characters"),
        ({"client_id": None, "client_secret": None}, "has no client_id, client_secret"),
        ({"server_metadata_url": "http://login.example.org/x"}, "must be https"),
    ],
)
def test_a_file_that_would_let_others_in_or_nobody_is_refused(
    tmp_path: Path, changed: dict[str, str | None], words: str
):
    access = Access(invites=True, oidc=True, public="reviews.example.org")
    with pytest.raises(InputError, match=words):
        sign_in_file(secrets_file(tmp_path, **changed), access)


def test_a_file_without_a_table_or_that_is_none_is_refused_in_a_line(tmp_path: Path):
    (tmp_path / "empty.toml").write_text("", encoding="utf-8")
    (tmp_path / "broken.toml").write_text("[auth", encoding="utf-8")
    for name, words in (("empty", "has no table"), ("broken", "is not TOML"), ("absent", "cannot be read")):
        with pytest.raises(InputError, match=words):
            sign_in_file(tmp_path / f"{name}.toml", OIDC)


def test_one_may_sign_in_with_several_providers():
    assert providers(AUTH) == [None]
    assert providers({"redirect_uri": "x", "one": {"client_id": "a"}, "two": {"client_id": "b"}}) == ["one", "two"]


def test_an_address_that_was_not_asked_for_stays_closed_with_access_control_too(built: Path):
    with pytest.raises(WorkspaceError, match=r"server.address stays"):
        launch.command(built, 8600, served=launch.Served(access=INVITES), extra=["--server.address=0.0.0.0"])
