"""The web server's edge: who may come in, and the strict headers every answer leaves with.

Streamlit compares `server.allowedHosts` with the websocket's Host alone, takes an Origin on any port of this machine,
asks a server abroad for this machine's address before it refuses another one, sends no content policy, and lets a
browser keep what it shows; it tells every browser where its script lies, and on request what changed in the
repository around it. The door below stands before all of it, on HTTP and on the websocket.
"""

import base64
import gc
import hashlib
import ipaddress
import json
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from curation.errors import WorkspaceError
from curation.store.people import People
from curation.store.store import Store
from curation.task import Environment
from dashboard import launch, signin, views
from dashboard.access import Access
from dashboard.invite_pages import InvitePages

SCRIPT = Path(__file__).with_name("app.py")
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)
HASHED = "/static/"
"""Streamlit's own files, named after their content and the same for everybody: the only ones a browser may keep."""
CLOSED = ("/_stcore/metrics",)
"""Ends of addresses that Streamlit would answer to anybody: how many people are here, and what they look at."""
UNASKED = frozenset({"load_git_info", "clear_cache", "set_run_on_save", "debug_shutdown_runtime"})
"""What a browser may ask of Streamlit and no page of ours does: files around the script, everybody's cache, the end."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-dns-prefetch-control": "off",  # a name in a text is not looked up, which would tell its owner that it was read
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), "
    "serial=(), hid=(), bluetooth=(), midi=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
KNOWN_ONLY = ("/media/", "/_stcore/upload_file/")
"""Where Streamlit keeps what a page showed or was given: for people who are known here."""
WORDS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "This address is not served here.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.GONE: "This link was opened before, was taken back, or is too old. Ask for a new one.",
    HTTPStatus.TOO_MANY_REQUESTS: "That was tried too often. Wait ten minutes, then open your link again.",
}
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Stillhouse</title>
<body style="font-family:sans-serif;margin:3rem;color-scheme:light dark"><p>{words}</p></body></html>
"""


@lru_cache(maxsize=1)
def inline_scripts() -> str:
    """The hashes of the scripts inside streamlit's own page, so that no other inline script may run."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    digests = (
        hashlib.sha256(body.encode()).digest() for body in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


@lru_cache(maxsize=16)
def policy(host: str | None) -> str:
    """The content policy of a page served as `host`, a Host header that was let in: it may talk to that host alone."""
    # Browsers differ on whether 'self' covers the websocket, and an IPv6 address cannot be written here.
    sockets = "" if host is None or "[" in host else f" ws://{host} wss://{host}"
    return "; ".join([
        "default-src 'self'",
        f"script-src 'self' blob: {inline_scripts()}",  # components v2 are imported from blob: addresses
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        f"connect-src 'self'{sockets}",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    ])  # fmt: skip


def refused(headers: Headers, hosts: Collection[str]) -> bool:
    """Whether a connection came by a name that is not ours, or from a page that we did not serve.

    A name that is not ours is how another site reaches this machine by pointing its own name here. An Origin must be
    the very host and port: other servers of this machine are strangers too. Programs send no Origin; browsers do.
    """
    named = headers.getlist("host")
    if len(named) != 1 or not (host := HOST.fullmatch(named[0])) or host["name"].strip("[]").lower() not in hosts:
        return True
    return any(origin not in (f"http://{named[0]}", f"https://{named[0]}") for origin in headers.getlist("origin"))


def neutral(status: int) -> HTMLResponse:
    """What a browser is told of any error: no path, no trace, and the headers of every answer."""
    words = WORDS.get(status, "This cannot be answered.")
    told = {**HEADERS, "content-security-policy": policy(None), "cache-control": "no-store"}
    return HTMLResponse(PAGE.format(words=words), status, told)


class Door:
    """Turns strangers away, and gives every answer the headers; an error leaves as a neutral page.

    `hosts` are the names this server answers to, without a port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], access: Access | None = None) -> None:
        self.app = app
        self.hosts = frozenset(name.strip("[]").lower() for name in hosts)
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refused(headers, self.hosts) or self._from_afar(scope):
            await neutral(HTTPStatus.FORBIDDEN)(scope, receive, send)
        elif scope["path"].endswith(CLOSED):
            await neutral(HTTPStatus.NOT_FOUND)(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.app(scope, _asked(receive), _told(send))
        else:
            tls = self.access is not None and self.access.tls
            await self.app(scope, receive, _leaving(scope, receive, send, headers["host"], tls=tls))

    def _from_afar(self, scope: Scope) -> bool:
        """Whether a page that anybody may use was asked for by another machine, however it came here."""
        client = scope.get("client")
        return self.access is not None and self.access.local and client is not None and not _own(client[0])


class Known:
    """Lets a connection go on for as long as its person is known here, and keeps strangers from what pages show.

    A page asks who somebody is when it is drawn; this asks again at everything a browser sends, because a button's
    callback and a fragment run without the rest of the page. What a stranger sends draws all of it: a stranger's page.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if self.access.local or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        cookies = HTTPConnection(scope).cookies
        if scope["type"] == "websocket":
            known = await run_in_threadpool(self._known, cookies)
            await self.app(
                scope if known else _afresh(scope), self._watched(cookies, receive) if known else receive, send
            )
        elif scope["path"].startswith(KNOWN_ONLY) and not await run_in_threadpool(self._known, cookies):
            await neutral(HTTPStatus.FORBIDDEN)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _known(self, cookies: Mapping[str, str]) -> bool:
        try:
            signin.person(people(), self.access, cookies, claims(cookies))
        except signin.Stranger:
            return False
        return True

    def _watched(self, cookies: Mapping[str, str], receive: Receive) -> Receive:
        """What comes; from somebody who is no longer known, the wish alone that the page is drawn again, as a whole."""

        async def watched() -> Message:
            while True:
                message = await receive()
                data = message.get("bytes")
                if not data or await run_in_threadpool(self._known, cookies):
                    return message
                if anew := _anew(data):
                    return {**message, "bytes": anew}

        return watched


def _afresh(scope: Scope) -> Scope:
    """A stranger's websocket without the name of the session it wants to go on with: that was somebody's."""
    name = b"sec-websocket-protocol"
    headers = [(k, b",".join(v.split(b",")[:2]) if k == name else v) for k, v in scope["headers"]]
    return {**scope, "headers": headers}


def _anew(data: bytes) -> bytes | None:
    """What a browser asks, without what it did: no callback runs, nor a part of a page alone; None for the rest."""
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return None
    if message.WhichOneof("type") != "rerun_script":
        return data if message.WhichOneof("type") == "app_heartbeat" else None
    asked = message.rerun_script
    state = ClientState(
        query_string=asked.query_string, page_script_hash=asked.page_script_hash, page_name=asked.page_name
    )
    return BackMsg(rerun_script=state).SerializeToString()


def claims(cookies: Mapping[str, str]) -> dict[str, object]:
    """What a provider said of whoever signed in, from the cookie that Streamlit signed; empty where nobody did."""

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1")) if value else None

    found = get_cookie_with_chunks(one, AUTH_COOKIE_NAME)
    return json.loads(found) if found else {}


@lru_cache(maxsize=1)
def people() -> People:
    """The tables of people of the workspace that is served."""
    environment = Environment.read()
    store = Store.open(Path(environment.variables[launch.WORKSPACE]), environment)
    return People(store.state, store.ledger)


def _own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _leaving(scope: Scope, receive: Receive, send: Send, host: str, *, tls: bool = False) -> Send:
    """Sends what the pages answer, with the headers; in place of an error, the neutral page."""
    swallowed = False

    async def leaving(message: Message) -> None:
        nonlocal swallowed
        if message["type"] == "http.response.start":
            if swallowed := _unfit(message):
                await neutral(message["status"])(scope, receive, send)
            else:
                await send({**message, "headers": _headers(message, scope["path"], host, tls=tls)})
        elif not swallowed:
            await send(message)

    return leaving


def _unfit(message: Message) -> bool:
    """Whether an answer is an error in words not meant for a browser; a program may be told in JSON what it did."""
    kind = Headers(raw=message.get("headers", [])).get("content-type", "")
    return message["status"] >= 500 or (message["status"] >= 400 and not kind.startswith("application/json"))


def _headers(message: Message, path: str, host: str, *, tls: bool) -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders(raw=[_secure(*one) if tls else one for one in message.get("headers", [])])
    for name, value in {**HEADERS, "content-security-policy": policy(host)}.items():
        headers[name] = value
    if not path.startswith(HASHED) or headers.get("content-type", "").startswith("text/html"):
        headers["cache-control"] = "no-store"
    return headers.raw


def _secure(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A cookie of Streamlit's, for https alone too."""
    cookie = name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return (name, value + b"; Secure") if cookie else (name, value)


def _asked(receive: Receive) -> Receive:
    """What came over the websocket, without what no page of ours asks for."""

    async def asked() -> Message:
        while _unasked((message := await receive()).get("bytes")):
            pass
        return message

    return asked


def _unasked(data: bytes | None) -> bool:
    try:
        return bool(data) and BackMsg.FromString(data).WhichOneof("type") in UNASKED
    except DecodeError:
        return False  # Streamlit closes the connection


def _told(send: Send) -> Send:
    """Sends what the pages say over the websocket, without the path of the script."""
    path = str(SCRIPT).encode()

    async def told(message: Message) -> None:
        data = message.get("bytes")
        await send({**message, "bytes": _without_path(data)} if data and path in data else message)

    return told


def _without_path(data: bytes) -> bytes:
    message = ForwardMsg.FromString(data)
    if message.WhichOneof("type") == "new_session":
        message.new_session.main_script_path = SCRIPT.stem
    return message.SerializeToString()


async def home(request: Request) -> RedirectResponse:
    """From the name of the first page, which people type, to where Streamlit has it, with what was asked of it."""
    query = request.url.query
    return RedirectResponse(f"/?{query}" if query else "/", HTTPStatus.SEE_OTHER)


def broken(_request: Request, _error: Exception) -> HTMLResponse:
    """The answer when the server itself fails; the log has the error."""
    return neutral(HTTPStatus.INTERNAL_SERVER_ERROR)


def failed(_error: Exception) -> bool:
    """What a page shows when it fails in a way nobody foresaw; the log has the error."""
    st.error("This page cannot be shown.")
    st.text("Reload it. If that does not help, the log of the server says why.")
    return True


@asynccontextmanager
async def guarded(_: st.App) -> AsyncGenerator[None]:
    """Lets the server start only with the settings that keep it closed, however it was started.

    Raises WorkspaceError where one is otherwise: a configuration file may turn telemetry on or open the port.
    """
    for name, wanted in launch.guards(ACCESS).items():
        if (found := str(st.get_option(name)).lower()) != wanted:
            raise WorkspaceError(f"{name} is {found}, not {wanted}: start the pages with `stillhouse dashboard`")
    settle()
    yield
    people.cache_clear()


def settle() -> None:
    """Load what the pages are made of, and spare it the garbage collector.

    Streamlit collects all garbage after every script run, so every vote of every rater would walk through all modules.
    """
    for module in iter_modules(views.__path__):
        import_module(f"{views.__name__}.{module.name}")
    gc.collect()
    gc.freeze()


def _hosts() -> Collection[str]:
    return st.get_option("server.allowedHosts") or launch.HOSTS


ACCESS = Access.of(Environment.read().variables)
app = st.App(
    SCRIPT,
    lifespan=guarded,
    routes=[*InvitePages(ACCESS, people).routes(), Route("/overview", home, methods=["GET"])],
    middleware=[Middleware(Door, hosts=_hosts(), access=ACCESS), Middleware(Known, access=ACCESS)],
    exception_handlers={Exception: broken},
    on_script_error=failed,
)
