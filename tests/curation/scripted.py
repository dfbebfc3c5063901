"""A tiny real HTTP server whose answers a test writes itself, for faults the practice server does not have."""

import asyncio
import inspect
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Answer = Callable[[dict[str, Any]], Any]


def chat(text: str = "fine", *, finish: str = "stop", usage: tuple[int, int] | None = (10, 5)) -> dict[str, Any]:
    """The body of a chat completion."""
    body: dict[str, Any] = {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
    }  # fmt: skip
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return body


def error(status: int, code: str | None = None, message: str = "no", headers: dict[str, str] | None = None) -> Response:
    """An error body in OpenAI's form."""
    return JSONResponse({"error": {"message": message, "type": "x", "code": code}}, status, headers)


def said(body: dict[str, Any]) -> str:
    """The last message of a chat request."""
    return body["messages"][-1]["content"]


class Scripted:
    """A context manager; `answer` gets the body of each POST and returns a body, a Response, or an awaitable of one."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.finished: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        return len(self.bodies)

    async def _post(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        answered = self.answer(body)
        if inspect.isawaitable(answered):
            answered = await answered
        self.finished[json.dumps(body, sort_keys=True)] += 1
        return answered if isinstance(answered, Response) else JSONResponse(answered)

    def __enter__(self) -> "Scripted":
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.url = f"http://{self.host}/v1"
        app = Starlette(routes=[Route("/{path:path}", self._post, methods=["POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._run, args=(listener,), daemon=True)
        self._thread.start()
        return self

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))
        listener.close()

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
