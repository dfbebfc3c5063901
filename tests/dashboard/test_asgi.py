"""The server's edge over real HTTP and real websockets: who is let in, and what every answer carries."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import streamlit as st
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from curation.errors import WorkspaceError
from dashboard import launch
from dashboard.access import Access
from dashboard.asgi import HEADERS, SCRIPT, Door, _afresh, _anew, broken

PLACE = "/srv/secret/place.py"
FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example",
    "evil.example@127.0.0.1:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}/evil.example",
    "127.0.0.1:{port}; script-src *",
    "127.0.0.1 evil.example",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "[::2]:{port}",
    "localhost.:{port}",
    "",
)
FOREIGN_ORIGINS = (
    "http://evil.example",
    "http://evil.example:{port}",
    "http://127.0.0.1:1",  # another server of this machine
    "http://127.0.0.1",
    "http://localhost:{port}",  # ours, by another name than the one asked for
    "http://127.0.0.1:{port}.evil.example",
    "http://evil.example@127.0.0.1:{port}",
    "http://127.0.0.1:{port}/",
    "file://127.0.0.1:{port}",
    "null",
    "",
)
ADDRESSES = (
    "/",
    "/samples?text=x",
    "/no/such/page",
    "/favicon.png",
    "/static/js/no-such.js",
    "/media/no-such.png",
    "/component/no/such",
    "/samples/",
    "/..%2f..%2fetc/passwd",
    "//evil.example/x",
    "/oauth2callback",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/stream",
    "/_stcore/upload_file/no/such",
    "/_stcore/bidi-components/no/such",
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
)


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


def ask(port: int, path: str, method: str = "GET", host: str | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": host if host is not None else f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    with connection.getresponse() as response:
        answer = Answer(response.status, response.getheaders(), response.read().decode("utf-8", "replace"))
    connection.close()
    return answer


def shake(port: int, path: str, **headers: str) -> Answer:
    """Ask for a websocket as a browser does; what is answered instead, or 101."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("GET", path, skip_host=True)
    asked = {"Host": f"127.0.0.1:{port}", **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers}
    for name, value in asked.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer = Answer(response.status, response.getheaders(), "" if response.status == 101 else response.read().decode())
    response.close()
    connection.close()
    return answer


def is_strict(answer: Answer) -> bool:
    """Whether an answer carries each header once and a policy that lets nobody else in."""
    (policy,) = answer.all("content-security-policy")
    allowed = [word for part in policy.split("; ") for word in part.split()[1:]]
    return (
        all(answer.all(name) == [value] for name, value in HEADERS.items())
        and {"default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"} <= set(policy.split("; "))
        and not {"*", "ws:", "wss:", "http:", "https:", "'unsafe-eval'"} & set(allowed)
        and "'unsafe-inline'" not in policy.split("script-src ")[1].split(";")[0]
    )


# --- the door before a house of our own -------------------------------------------------------------------------


async def kept(_: Request) -> PlainTextResponse:
    theirs = {"Cache-Control": "public, max-age=60", "Content-Security-Policy": "default-src *"}
    return PlainTextResponse("a prompt", headers=theirs)


async def fails(_: Request) -> PlainTextResponse:
    raise RuntimeError(PLACE)


async def tells(_: Request) -> PlainTextResponse:
    return PlainTextResponse(f"no file {PLACE}", 404)


async def tells_a_program(_: Request) -> JSONResponse:
    return JSONResponse({"error": "name is missing"}, 422)


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_bytes(await socket.receive_bytes())
    await socket.close()


HOUSE = Starlette(
    routes=[
        Route("/kept", kept),
        Route("/static/file.js", kept),
        Route("/fails", fails),
        Route("/tells", tells),
        Route("/api", tells_a_program),
        WebSocketRoute("/echo", echo),
    ],
    middleware=[Middleware(Door, hosts=launch.HOSTS)],
    exception_handlers={Exception: broken},
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(HOUSE, port=0, ws="websockets-sansio", log_level=100))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("path", ["/kept", "/static/file.js", "/fails", "/tells", "/api", "/nowhere"])
def test_every_answer_carries_the_headers_once_whatever_the_pages_say(port: int, path: str):
    assert is_strict(ask(port, path))


def test_what_shows_text_is_kept_by_no_browser_and_the_same_files_for_everybody_are(port: int):
    assert ask(port, "/kept").all("cache-control") == ["no-store"]
    assert ask(port, "/static/file.js").all("cache-control") == ["public, max-age=60"]


@pytest.mark.parametrize(("path", "status"), [("/fails", 500), ("/tells", 404), ("/nowhere", 404)])
def test_an_error_leaves_as_a_neutral_page(port: int, path: str, status: int):
    answer = ask(port, path)
    assert answer.status == status
    assert PLACE not in answer.body
    assert "Traceback" not in answer.body
    assert answer.body.startswith("<!doctype html>")
    assert answer.all("cache-control") == ["no-store"]


def test_a_program_is_told_in_json_what_it_did_wrong(port: int):
    answer = ask(port, "/api")
    assert (answer.status, answer.body) == (422, '{"error":"name is missing"}')


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "127.0.0.1", "localhost:{port}", "LOCALHOST", "[::1]:{port}"])
def test_our_own_names_are_let_in_and_the_policy_names_no_other_host(port: int, host: str):
    answer = ask(port, "/kept", host=(named := host.format(port=port)))
    assert (answer.status, answer.body) == (200, "a prompt")
    (policy,) = answer.all("content-security-policy")
    sockets = policy.split("connect-src ")[1].split(";")[0]
    assert sockets == ("'self'" if "[" in named else f"'self' ws://{named} wss://{named}")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_name_for_this_machine_is_refused_on_http_and_on_the_websocket(port: int, host: str):
    named = host.format(port=port)
    for answer in (ask(port, "/kept", host=named), shake(port, "/echo", Host=named)):
        assert answer.status in (400, 403)
        assert "a prompt" not in answer.body
        assert answer.status == 400 or is_strict(answer)


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_is_refused_on_http_and_on_the_websocket(port: int, origin: str):
    named = origin.format(port=port)
    for answer in (ask(port, "/kept", Origin=named), shake(port, "/echo", Origin=named)):
        assert answer.status == 403
        assert "a prompt" not in answer.body
        assert is_strict(answer)


def test_our_own_pages_and_programs_without_a_page_open_the_websocket(port: int):
    for origin in (f"http://127.0.0.1:{port}", None):
        with connect(f"ws://127.0.0.1:{port}/echo", origin=origin) as socket:  # type: ignore[arg-type]
            socket.send(b"hello")
            assert socket.recv(10) == b"hello"


def test_a_browser_cannot_ask_for_what_no_page_asks(port: int):
    wanted = BackMsg(rerun_script=ClientState(page_name="samples")).SerializeToString()
    unasked = [BackMsg(load_git_info=True), BackMsg(clear_cache=True), BackMsg(debug_shutdown_runtime=True)]
    with connect(f"ws://127.0.0.1:{port}/echo") as socket:
        for asked in (*(message.SerializeToString() for message in unasked), wanted):
            socket.send(asked)
        assert socket.recv(10) == wanted


def test_where_the_pages_lie_is_told_to_nobody_and_a_text_that_names_the_place_stays(port: int):
    session, page = ForwardMsg(), ForwardMsg()
    session.new_session.main_script_path = str(SCRIPT)
    page.delta.new_element.text.body = f"see {SCRIPT}"
    told: list[bytes] = []
    for message in (session, page):
        with connect(f"ws://127.0.0.1:{port}/echo") as socket:
            socket.send(message.SerializeToString())
            told.append(socket.recv(10, decode=False))
    assert ForwardMsg.FromString(told[0]).new_session.main_script_path == "app"
    assert ForwardMsg.FromString(told[1]) == page


# --- the real pages ---------------------------------------------------------------------------------------------


@contextmanager
def serving(workspace: Path) -> Generator[int]:
    port = launch.free_port()
    with launch.started(workspace, port) as process:
        for _ in range(240):
            assert process.poll() is None
            try:
                if ask(port, "/_stcore/health").status == 200:
                    break
            except ConnectionError:
                time.sleep(0.25)
        yield port


@pytest.fixture(scope="module")
def pages(built: Path) -> Iterator[int]:
    with serving(built) as port:
        yield port


def test_every_address_of_the_pages_answers_strictly_and_names_no_path(pages: int, built: Path):
    telling = [str(built), str(Path(st.__file__).parent), str(Path(__file__).parents[2]), "Traceback"]
    for path in ADDRESSES:
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            answer = ask(pages, path, method, **{"Content-Length": "0"})
            assert is_strict(answer), (method, path)
            assert [word for word in telling if word in answer.body] == [], (method, path)
            assert answer.all("cache-control") == ["no-store"], (method, path)


@pytest.mark.parametrize(
    ("typed", "leads"),
    [
        ("/overview", "/"),
        ("/overview?version=ab%20c&x=1", "/?version=ab%20c&x=1"),
        ("/overview?//evil.example", "/?//evil.example"),
    ],
)
def test_the_name_of_the_first_page_leads_to_where_it_lies_with_what_was_asked(pages: int, typed: str, leads: str):
    """Mutation: dashboard/asgi.py: f"/?{query}" if query else "/" => "/"
    Mutation: dashboard/asgi.py: Route("/overview", home => Route("/begin", home"""
    answer = ask(pages, typed)
    assert (answer.status, answer.all("location"), is_strict(answer)) == (303, [leads], True)
    assert ask(pages, typed, "POST").status != 303


def test_nobody_is_told_how_many_people_are_here(pages: int):
    assert ask(pages, "/_stcore/metrics").status == 404


def test_the_pages_let_in_themselves_and_refuse_foreign_hosts_and_origins(pages: int):
    stream, own = "/_stcore/stream", f"http://127.0.0.1:{pages}"
    with connect(f"ws://127.0.0.1:{pages}{stream}", origin=own, subprotocols=["streamlit"]) as socket:  # type: ignore[arg-type,list-item]
        assert socket.subprotocol == "streamlit"
    for foreign in ({"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Host": "evil.example"}):
        assert shake(pages, stream, **foreign).status == 403
        assert ask(pages, "/", **foreign).status == 403
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{pages}{stream}", origin="https://evil.example"):  # type: ignore[arg-type]
        pass


def read(port: int, page: str) -> list[ForwardMsg]:
    """What a browser is sent for one page, from the first message to the end of the script."""
    sent: list[ForwardMsg] = []
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", max_size=None) as socket:
        socket.send(BackMsg(rerun_script=ClientState(page_name=page)).SerializeToString())
        while not (sent and sent[-1].WhichOneof("type") == "script_finished"):
            sent.append(ForwardMsg.FromString(socket.recv(60, decode=False)))
    return sent


def test_the_websocket_of_the_pages_tells_no_path(pages: int, built: Path):
    told = read(pages, "samples")
    assert {"new_session", "delta"} <= {message.WhichOneof("type") for message in told}
    assert [w for w in (str(Path(__file__).parents[2]), str(built), ".venv") if w in str(told)] == []


def test_a_page_that_fails_unforeseen_says_so_without_a_path_or_a_trace(house: Path):
    with serving(house) as port:
        assert "60 samples match" in str(read(port, "samples"))
        for chunk in house.rglob("*.parquet"):
            chunk.write_bytes(b"")
    with serving(house) as port:
        shown = str(read(port, "samples"))
    assert "This page cannot be shown." in shown
    assert [word for word in (house.name, str(house), ".parquet", ".py", "Traceback", "Error") if word in shown] == []


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--server.address=0.0.0.0", "server.address"),
        ("--server.address=", "server.address"),
        ("--browser.gatherUsageStats=true", "browser.gatherUsageStats"),
        ("--server.enableCORS=false", "server.enableCORS"),
        ("--client.showErrorDetails=full", "client.showErrorDetails"),
    ],
)
def test_no_flag_opens_the_server_to_others_or_makes_it_report(built: Path, flag: str, name: str):
    with pytest.raises(WorkspaceError, match=f"{name} stays"):
        launch.command(built, 8600, extra=[flag])


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("", "server.address is none"),
        ('server.address = "0.0.0.0"', "server.address is 0.0.0.0"),
        ('server.address = "127.0.0.1"\nserver.headless = true', "browser.gatherUsageStats is true"),
    ],
)
def test_a_server_started_by_hand_with_open_settings_does_not_come_up(
    built: Path, tmp_path: Path, settings: str, named: str
):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(settings, encoding="utf-8")
    asked = [sys.executable, "-m", "uvicorn", "dashboard.asgi:app", "--port", "0"]
    environment = launch.environment(built, base=os.environ)
    ended = subprocess.run(
        asked, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 3
    assert f"{named}, not" in ended.stderr
    assert "start the pages with `stillhouse dashboard`" in ended.stderr


# --- strangers --------------------------------------------------------------------------------------------------


def test_what_somebody_sends_who_is_no_longer_known_draws_the_page_and_does_nothing():
    sent = ClientState(page_name="review", fragment_id="card", query_string="study=tone")
    sent.widget_states.widgets.add(id="vote", trigger_value=True)
    anew = BackMsg.FromString(_anew(BackMsg(rerun_script=sent).SerializeToString()) or b"").rerun_script
    assert (anew.page_name, anew.query_string, anew.fragment_id) == ("review", "study=tone", "")
    assert not anew.widget_states.widgets
    for deed in (BackMsg(clear_cache=True).SerializeToString(), b"\xff"):
        assert _anew(deed) is None


def test_a_stranger_goes_on_with_nobodys_session():
    offered = [(b"host", b"x"), (b"sec-websocket-protocol", b"streamlit, xsrf, somebodys-session")]
    assert dict(_afresh({"type": "websocket", "headers": offered})["headers"]) == {
        b"host": b"x",
        b"sec-websocket-protocol": b"streamlit, xsrf",
    }


@pytest.fixture(scope="module")
def closed_pages(built: Path) -> Iterator[int]:
    port = launch.free_port()
    with launch.started(built, port, served=launch.Served(access=Access(invites=True))):
        for _ in range(480):
            try:
                if ask(port, "/_stcore/health").status == 200:
                    break
            except ConnectionError:
                time.sleep(0.25)
        yield port


def test_a_stranger_is_sent_one_sentence_and_no_page(closed_pages: int):
    for page in ("", "samples", "review"):
        told = str(read(closed_pages, page))
        assert "Ask whoever runs the study for an invite" in told
        assert [w for w in ("my parcel", "Samples", "Gold", "tone", "alder") if w in told] == []


def test_a_stranger_is_kept_from_what_pages_showed(closed_pages: int):
    for path in ("/media/no-such.png", "/_stcore/upload_file/no/such"):
        answer = ask(closed_pages, path)
        assert answer.status == 403
        assert is_strict(answer)
    for foreign in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert ask(closed_pages, "/invite", **foreign).status == 403
