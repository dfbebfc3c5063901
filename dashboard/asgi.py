"""The web server's edge: who may come in, and the strict headers every answer leaves with.

Streamlit compares `server.allowedHosts` with the websocket's Host alone, takes an Origin on any port of this machine,
asks a server abroad for this machine's address before it refuses another one, sends no content policy, and lets a
browser keep what it shows; it tells every browser where its script lies, and on request what changed in the
repository around it. The door below stands before all of it, on HTTP and on the websocket.
"""

import base64
import hashlib
import re
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from curation.errors import WorkspaceError
from dashboard import launch

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
WORDS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "This address is not served here.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
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

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = frozenset(name.strip("[]").lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refused(headers, self.hosts):
            await neutral(HTTPStatus.FORBIDDEN)(scope, receive, send)
        elif scope["path"].endswith(CLOSED):
            await neutral(HTTPStatus.NOT_FOUND)(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.app(scope, _asked(receive), _told(send))
        else:
            await self.app(scope, receive, _leaving(scope, receive, send, headers["host"]))


def _leaving(scope: Scope, receive: Receive, send: Send, host: str) -> Send:
    """Sends what the pages answer, with the headers; in place of an error, the neutral page."""
    swallowed = False

    async def leaving(message: Message) -> None:
        nonlocal swallowed
        if message["type"] == "http.response.start":
            if swallowed := _unfit(message):
                await neutral(message["status"])(scope, receive, send)
            else:
                await send({**message, "headers": _headers(message, scope["path"], host)})
        elif not swallowed:
            await send(message)

    return leaving


def _unfit(message: Message) -> bool:
    """Whether an answer is an error in words not meant for a browser; a program may be told in JSON what it did."""
    kind = Headers(raw=message.get("headers", [])).get("content-type", "")
    return message["status"] >= 500 or (message["status"] >= 400 and not kind.startswith("application/json"))


def _headers(message: Message, path: str, host: str) -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders(raw=list(message.get("headers", [])))
    for name, value in {**HEADERS, "content-security-policy": policy(host)}.items():
        headers[name] = value
    if not path.startswith(HASHED) or headers.get("content-type", "").startswith("text/html"):
        headers["cache-control"] = "no-store"
    return headers.raw


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
    for name, wanted in launch.GUARDS.items():
        if (found := str(st.get_option(name)).lower()) != wanted:
            raise WorkspaceError(f"{name} is {found}, not {wanted}: start the pages with `stillhouse dashboard`")
    yield


def _hosts() -> Collection[str]:
    return st.get_option("server.allowedHosts") or launch.HOSTS


app = st.App(
    SCRIPT,
    lifespan=guarded,
    middleware=[Middleware(Door, hosts=_hosts())],
    exception_handlers={Exception: broken},
    on_script_error=failed,
)
