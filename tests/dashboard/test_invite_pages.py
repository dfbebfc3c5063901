"""The addresses of invites over real HTTP: what a link leaves behind, who may press the button, how often."""

import http.client
import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from curation.store.people import People
from curation.store.store import Store
from dashboard.access import LOCAL, Access
from dashboard.asgi import Door
from dashboard.invite_pages import InvitePages
from dashboard.signin import Limit
from judges.people import PeopleService

INVITES = Access(invites=True)
PUBLICLY = Access(invites=True, public="reviews.example.org")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    cookies: SimpleCookie
    body: str


@pytest.fixture
def store(house: Path) -> Iterator[Store]:
    with Store.open(house) as opened:
        yield opened


@pytest.fixture
def token(store: Store) -> str:
    return PeopleService(store).invite("tone", "ana", actor="lead").token


@contextmanager
def served(store: Store, access: Access = INVITES, limit: Limit | None = None) -> Generator[int]:
    pages = InvitePages(access, lambda: People(store.state, store.ledger), limit)
    app = Starlette(routes=pages.routes(), middleware=[Middleware(Door, hosts=access.hosts, access=access)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def ask(port: int, path: str, method: str = "GET", cookie: str = "", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {"Host": f"127.0.0.1:{port}", **({"Cookie": cookie} if cookie else {}), **headers}
    connection.request(method, path, headers=sent)
    with connection.getresponse() as response:
        cookies = SimpleCookie()
        for value in response.headers.get_all("set-cookie") or ():
            cookies.load(value)
        answer = Answer(response.status, dict(response.headers.items()), cookies, response.read().decode())
    connection.close()
    return answer


def press(port: int, token: str, origin: str | None = "own", **headers: str) -> Answer:
    own = f"http://{headers.get('Host', f'127.0.0.1:{port}')}"
    sent = {} if origin is None else {"Origin": own if origin == "own" else origin}
    return ask(port, "/invite", "POST", f"stillhouse_invite={token}", **sent, **headers)


def test_a_link_takes_the_token_out_of_the_address_and_uses_nothing_up(store: Store, token: str):
    with served(store) as port:
        for _ in range(3):  # as scanners and previews do
            answer = ask(port, f"/invite/{token}")
            assert (answer.status, answer.headers["location"], answer.body) == (303, "/invite", "")
            kept = answer.cookies["stillhouse_invite"]
            assert (kept.value, kept["httponly"], kept["samesite"], kept["path"]) == (token, True, "lax", "/invite")
            assert ask(port, f"/invite/{token}", "HEAD").status == 303
        page = ask(port, "/invite", cookie=f"stillhouse_invite={token}")
        assert page.status == 200
        assert token not in page.body + str(page.headers)
        assert page.headers["cache-control"] == "no-store"
        assert 'method="post"' in page.body
        assert press(port, token).status == 303


def test_the_button_signs_in_once(store: Store, token: str):
    with served(store) as port:
        answer = press(port, token)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        kept = answer.cookies["stillhouse_session"]
        assert (kept["httponly"], kept["samesite"], kept["path"], kept["secure"]) == (True, "strict", "/", "")
        assert int(kept["max-age"]) == 7 * 86400
        assert answer.cookies["stillhouse_invite"]["max-age"] == "0"
        who = People(store.state, store.ledger).session(kept.value)
        assert who is not None
        assert (who.name, who.study) == ("ana", "tone")
        again = press(port, token)
        assert again.status == 410
        assert "This link was opened before, was taken back, or is too old. Ask for a new one." in again.body
        assert not again.cookies


def test_by_https_the_cookies_are_for_https_alone(store: Store, token: str):
    with served(store, PUBLICLY) as port:
        host = {"Host": "reviews.example.org"}
        link = ask(port, f"/invite/{token}", **host)
        assert link.cookies["__Secure-stillhouse_invite"]["secure"]
        cookie = f"__Secure-stillhouse_invite={token}"
        answer = ask(port, "/invite", "POST", cookie, Origin="https://reviews.example.org", **host)
        kept = answer.cookies["__Host-stillhouse_session"]
        assert (answer.status, kept["secure"], kept["path"], kept["domain"]) == (303, True, "/", "")


@pytest.mark.parametrize("origin", [None, "null", "", "http://evil.example", "http://127.0.0.1:1", "http://127.0.0.1"])
def test_a_press_on_another_page_is_refused_and_uses_nothing_up(store: Store, token: str, origin: str | None):
    with served(store) as port:
        assert press(port, token, origin).status == 403
        assert press(port, token).status == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", ""])
def test_a_foreign_name_for_this_machine_is_refused_here_too(store: Store, token: str, host: str):
    with served(store) as port:
        assert ask(port, f"/invite/{token}", Host=host).status == 403
        assert press(port, token, Host=host).status == 403
        assert press(port, token).status == 303


def test_a_revoked_link_is_answered_like_an_unknown_one(store: Store, token: str):
    PeopleService(store).revoke("tone", "ana", "lead")
    with served(store) as port:
        for worth in (token, "x" * 43, "x", ""):
            assert ask(port, f"/invite/{worth or 'x'}").status == 303
            assert press(port, worth).status == 410
        assert "There is no invite here" in ask(port, "/invite").body


def test_too_many_tries_are_refused_neutrally(store: Store, token: str):
    with served(store, limit=Limit(each=3)) as port:
        assert [press(port, "x" * 43).status for _ in range(5)] == [410, 410, 410, 429, 429]
        refused = ask(port, f"/invite/{token}")
        assert refused.status == 429
        assert "Wait ten minutes" in refused.body
        assert token not in refused.body


def test_whom_a_proxy_speaks_for_counts_as_the_one_who_tries(store: Store):
    with served(store, limit=Limit(each=1)) as port:
        tries = [press(port, "x" * 43, **{"X-Forwarded-For": f"192.0.2.{n}"}).status for n in (1, 2, 1)]
        assert tries == [410, 410, 429]


def test_the_token_is_in_no_log(store: Store, token: str, caplog: pytest.LogCaptureFixture):
    with served(store) as port, caplog.at_level(logging.DEBUG):
        for name in ("uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).addHandler(caplog.handler)
        ask(port, f"/invite/{token}")
        press(port, token)
        for name in ("uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).removeHandler(caplog.handler)
    assert "GET /invite " in caplog.text
    assert token not in caplog.text


def test_where_no_invites_are_taken_there_is_nothing(store: Store, token: str):
    with served(store, LOCAL) as port:
        assert ask(port, f"/invite/{token}").status == ask(port, "/invite").status == press(port, token).status == 404


def test_pages_that_anybody_may_use_are_served_to_this_machine_alone(store: Store):
    with served(store, LOCAL) as port:
        assert ask(port, "/invite", **{"X-Forwarded-For": "192.0.2.1"}).status == 403
        assert ask(port, "/invite", **{"X-Forwarded-For": "127.0.0.1"}).status == 404
