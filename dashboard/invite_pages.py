"""The two addresses of an invite: its link, which moves the token out of the address, and the button that opens it.

A link is fetched by mail scanners and chat previews long before a person presses anything, so fetching it uses
nothing up. It answers every token alike with a cookie that this page alone is sent and an address without the token:
what the browser shows, remembers and tells other pages is `/invite`.
"""

import re
from collections.abc import Callable
from html import escape
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from curation.store.people import People
from dashboard.access import Access
from dashboard.signin import Limit, invited_cookie, session_cookie

WHERE = "/invite"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
MINUTES = 10
"""How long a link that was followed waits for its button."""
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="same-origin"><title>Stillhouse</title>
<body style="font-family:sans-serif;margin:3rem;max-width:40rem;line-height:1.5;color-scheme:light dark">
{body}</body></html>
"""
# A page that sends no referrer at all posts with the Origin `null`, which is what a foreign page looks like.
BEGIN = """<h1>You are invited to review</h1>
<p>The button signs this browser in. The link works once: press it in the browser you will review with.</p>
<form method="post" action="{where}"><button style="font-size:1rem;padding:.5rem 1rem">Begin</button></form>"""
NOTHING = """<h1>There is no invite here</h1>
<p>Open the link you were sent again. If it was opened before, ask for a new one.</p>"""


class InvitePages:
    """Serves the addresses of invites; where no invites are taken, there is nothing at them."""

    def __init__(self, access: Access, people: Callable[[], People], limit: Limit | None = None) -> None:
        self._access = access
        self._people = people
        self._limit = limit or Limit()

    def routes(self) -> list[Route]:
        """The routes of both addresses."""
        return [
            Route(f"{WHERE}/{{token}}", self.arrive, methods=["GET"]),
            Route(WHERE, self.show, methods=["GET"]),
            Route(WHERE, self.enter, methods=["POST"]),
        ]

    async def arrive(self, request: Request) -> Response:
        """Take the token out of the address."""
        self._admit(request)
        token = request.path_params["token"]
        request.scope.update(path=WHERE, raw_path=WHERE.encode())  # what a log of the server's answers writes down
        answer = RedirectResponse(WHERE, HTTPStatus.SEE_OTHER)
        if TOKEN.fullmatch(token):
            # Strict would not be sent on: the link was followed on somebody else's page.
            answer.set_cookie(
                invited_cookie(self._access),
                token,
                max_age=60 * MINUTES,
                path=WHERE,
                secure=self._access.tls,
                httponly=True,
                samesite="lax",
            )
        return answer

    async def show(self, request: Request) -> Response:
        """The page with the button, whatever the token is worth."""
        if self._access.local:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        has_token = invited_cookie(self._access) in request.cookies
        return HTMLResponse(PAGE.format(body=BEGIN.format(where=escape(WHERE)) if has_token else NOTHING))

    async def enter(self, request: Request) -> Response:
        """Exchange the token for a session, once, on the press of our own page's button."""
        self._admit(request)
        if "origin" not in request.headers:  # a foreign one does not come this far
            raise HTTPException(HTTPStatus.FORBIDDEN)
        token = request.cookies.get(invited_cookie(self._access), "")
        session = await run_in_threadpool(self._people().open, token) if TOKEN.fullmatch(token) else None
        if session is None:
            raise HTTPException(HTTPStatus.GONE)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(
            invited_cookie(self._access), path=WHERE, secure=self._access.tls, httponly=True, samesite="lax"
        )
        answer.set_cookie(
            session_cookie(self._access),
            session.token,
            max_age=session.seconds,
            secure=self._access.tls,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _admit(self, request: Request) -> None:
        if self._access.local:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if not self._limit.allows(request.client.host if request.client else None):
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS)
