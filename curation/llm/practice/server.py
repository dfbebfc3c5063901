"""The practice server: real HTTP on this machine, three wire formats, faults on demand, nothing that depends on time.

Every reply and every fault is a function of seed, request body and attempt (header `x-stillhouse-attempt`, else 1),
never of the order in which requests arrive. Latency may be added; it changes no byte.
"""

import asyncio
import contextlib
import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.errors import ProviderError, TaskError
from curation.llm.practice.behaviour import Behaviour
from curation.llm.practice.key import KeyBook, KeyEntry, read_key, rendered
from curation.llm.practice.profiles import PROFILES, Faults, Profile, Wire, family_models, profile_of
from curation.llm.practice.rewording import reword
from curation.llm.practice.spoiling import Injected, Said
from curation.llm.practice.wires import PATHS, Asked, BadBody, read, refuse, write
from curation.plugins import validate
from curation.records import draw
from curation.task import AnswerTable, Task, VaryTable

BAD_KEY = "bad-key"
NO_QUOTA = "no-quota"


@dataclass(frozen=True)
class Stats:
    """What the server did: bodies answered with 200, repeats among them, replies by status."""

    answered: int
    answered_twice: int
    by_status: dict[str, int]


class PracticeServer:
    """A context manager: while it is open, the practice models answer at `url`, from a thread of this process.

    `entries` are the key as the server meets it (texts rendered and scrubbed; `server_for` does that); `scrub` is
    applied to rewordings, which are made here. Any API key is taken except "bad-key" (401) and "no-quota".
    """

    def __init__(  # noqa: PLR0913 - one keyword per thing a practice world is made of
        self,
        entries: Sequence[KeyEntry],
        *,
        seed: int,
        profiles: Mapping[str, Profile] = PROFILES,
        faults: Faults | None = None,
        answer: AnswerTable,
        vary: VaryTable | None = None,
        latency_ms: float = 0,
        port: int = 0,
        scrub: Callable[[str], str] = str,
    ) -> None:
        book = KeyBook(entries, answer)
        _add_variants(book, vary or VaryTable(), scrub)
        self.behaviour = Behaviour(book, seed)
        self.seed = seed
        self.profiles = dict(profiles)
        self.faults = faults or Faults()
        self.latency = latency_ms / 1000
        self.url = ""
        self._port = port
        self._answered: Counter[bytes] = Counter()
        self._statuses: Counter[int] = Counter()
        self._closing = asyncio.Event()

    def __enter__(self) -> "PracticeServer":
        listener = _listen(self._port)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._app(), log_config=None, access_log=False, lifespan="off", timeout_keep_alive=75, backlog=2048
        )
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="practice-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def stats(self) -> Stats:
        """What was done so far."""
        answered = dict(self._answered)
        twice = sum(n - 1 for n in answered.values())
        return Stats(len(answered) + twice, twice, {str(k): v for k, v in sorted(dict(self._statuses).items())})

    def injected(self, model: str, text: str, index: int = 0) -> tuple[Injected, ...]:
        """The faults put on purpose into a teacher's reply to a prompt: what a scoring step counts against."""
        return self._teacher(model, text, index).injected

    def _teacher(self, model: str, text: str, index: int) -> Said:
        profile = profile_of(model, self.profiles)
        if profile is None:
            raise ProviderError(f"the practice server has no model {model!r}. Known: {', '.join(self._models)}")
        return self.behaviour.answer(model, profile, text, index)

    @property
    def _models(self) -> dict[str, str]:
        return family_models(self.profiles)

    def _run(self, listener: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._server.serve(sockets=[listener]))
        finally:
            self._loop.close()
            listener.close()

    def _app(self) -> Starlette:
        routes = [Route(path, self._ask, methods=["POST"]) for path in PATHS]
        routes += [Route("/practice/models", self._list), Route("/practice/stats", self._tell)]
        routes += [Route("/v1/models", self._list_openai), Route("/models", self._list_openai)]
        return Starlette(routes=routes)

    async def _list(self, _request: Request) -> Response:
        rows = [{"model": m, "family": f, "wire": self.profiles[f].wire} for m, f in self._models.items()]
        return JSONResponse({"models": rows})

    async def _list_openai(self, _request: Request) -> Response:
        rows = [{"id": m, "object": "model", "created": 0, "owned_by": f} for m, f in self._models.items()]
        return JSONResponse({"object": "list", "data": rows})

    async def _tell(self, _request: Request) -> Response:
        return JSONResponse(vars(self.stats()))

    async def _ask(self, request: Request) -> Response:
        wire, body = PATHS[request.url.path], await request.body()
        identity = hashlib.sha256(wire.encode() + b"\n" + body).digest()
        response = _refused(wire, request) or await self._faulty(wire, request, identity)
        if response is None:
            response = self._replied(wire, body, identity)
        if self.latency:
            await self._wait(self.latency * (0.5 + draw(self.seed, "latency", identity.hex())))
        self._statuses[response.status_code] += 1
        response.headers["request-id" if wire == "anthropic" else "x-request-id"] = f"req_{identity.hex()[:24]}"
        return response

    async def _faulty(self, wire: Wire, request: Request, identity: bytes) -> Response | None:
        """The fault this attempt meets, if any."""
        attempt = _attempt(request)
        if self.faults.until_attempt and attempt >= self.faults.until_attempt:
            return None
        faults, u = self.faults, draw(self.seed, "fault", identity.hex(), attempt)
        for rate, fault in (
            (faults.rate_limited, self._rate_limited),
            (faults.server_error, _server_error),
            (faults.overloaded, _overloaded),
            (faults.timeout, self._hung),
            (faults.garbage, _garbage),
        ):
            if u < rate:
                return await fault(wire)
            u -= rate
        return None

    async def _rate_limited(self, wire: Wire) -> Response:
        body = refuse(wire, 429, "Rate limit reached; slow down.", "rate_limit_exceeded")
        return JSONResponse(body, 429, {"retry-after": f"{self.faults.retry_after:g}"})

    async def _hung(self, wire: Wire) -> Response:
        await self._wait(self.faults.hang)
        return JSONResponse(refuse(wire, 504, "The upstream did not answer in time."), 504)

    async def _wait(self, seconds: float) -> None:
        """Sleeps, but never keeps the server from closing."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _replied(self, wire: Wire, body: bytes, identity: bytes) -> Response:
        try:
            asked = read(wire, _parsed(body))
        except BadBody as error:
            return JSONResponse(refuse(wire, 400, str(error), error.code, error.param), 400)
        family = self._models.get(asked.model)
        if family is None:
            return JSONResponse(refuse(wire, 404, f"model: {asked.model} does not exist", "model_not_found"), 404)
        if self.profiles[family].wire != wire:
            words = f"model {asked.model} speaks {self.profiles[family].wire}, not {wire}"
            return JSONResponse(refuse(wire, 400, words, "invalid_value", "model"), 400)
        reply = write(wire, asked, self._said(asked), identity.hex()[:24])
        self._answered[identity] += 1
        return JSONResponse(reply)

    def _said(self, asked: Asked) -> Said:
        if asked.purpose == "answer":
            return self._teacher(asked.model, asked.text, asked.index)
        line = asked.last_line()
        if asked.purpose == "rewording":
            words = reword(str(line.get("text", "")), str(line.get("style", "")), int(line.get("variant", 0)))
            return Said(json.dumps({"text": words}, ensure_ascii=False))
        profile = profile_of(asked.model, self.profiles) or Profile()
        said = self.behaviour.verdict(asked.model, profile, str(line.get("prompt", "")), str(line.get("answer", "")))
        return _with_nonce(said, asked, line)


def server_for(
    task: Task,
    scrub: Callable[[str], str],
    render: Callable[[KeyEntry], str] | None = None,
    *,
    port: int = 0,
    latency_ms: float = 0,
) -> PracticeServer:
    """The practice server a task declares in [practice]; it reads the answer key now and never again.

    `render` makes the user message of a key entry (by default the task's template around its text).
    """
    if task.practice.key is None:
        raise TaskError("task.toml [practice]: 'key' is missing; it names the answer key the practice models know")
    template = task.prompts.template
    render = render or (lambda entry: template.replace("{text}", entry.text))
    entries = rendered(read_key(task.path(task.practice.key)), render, task.answer, scrub)
    return PracticeServer(
        entries,
        seed=task.task.seed,
        profiles=_profiles(task),
        faults=validate(Faults, task.practice.faults, "task.toml [practice.faults]"),
        answer=task.answer,
        vary=task.vary,
        latency_ms=latency_ms,
        port=port,
        scrub=scrub,
    )


def serve(server: PracticeServer, announce: Callable[[str], None]) -> None:
    """Keep a server open until the process is interrupted; `announce` is called once with its url."""
    with server, contextlib.suppress(KeyboardInterrupt):
        announce(server.url)
        threading.Event().wait()


def _profiles(task: Task) -> dict[str, Profile]:
    """The stated profiles with the task's overrides; a family of a new name starts from one without errors."""
    overridden = {
        name: validate(Profile, {**_stated(name), **table}, f"task.toml [practice.families.{name}]")
        for name, table in task.practice.families.items()
    }
    return PROFILES | overridden


def _stated(family: str) -> dict[str, Any]:
    return PROFILES[family].model_dump() if family in PROFILES else {}


def _add_variants(book: KeyBook, vary: VaryTable, scrub: Callable[[str], str]) -> None:
    """The texts that rewording requests will bring back as prompts."""
    for variant in range(vary.per_prompt):
        for style in vary.styles:
            for entry in book.entries:
                book.add_variant(scrub(reword(entry.text, style, variant)), entry, f"{style}|{variant}")


def _listen(port: int) -> socket.socket:
    # Said to be TCP, or asyncio leaves Nagle's algorithm on and every reply waits 40 ms for a delayed ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)  # from here on clients wait instead of being refused
    except OSError as error:
        listener.close()
        raise ProviderError(
            f"the practice server cannot use port {port} ({error.strerror}); 0 takes a free one"
        ) from error
    return listener


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BadBody("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadBody("the body is not a JSON object")
    return value


def _refused(wire: Wire, request: Request) -> Response | None:
    """The keys that are refused on purpose."""
    key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    if key == BAD_KEY:
        return JSONResponse(refuse(wire, 401, "Incorrect API key provided.", "invalid_api_key"), 401)
    if key == NO_QUOTA:
        status = 402 if wire == "anthropic" else 429
        return JSONResponse(refuse(wire, status, "You exceeded your current quota.", "insufficient_quota"), status)
    return None


def _attempt(request: Request) -> int:
    header = request.headers.get("x-stillhouse-attempt", "1")
    return int(header) if header.isdecimal() else 1


async def _server_error(wire: Wire) -> Response:
    return JSONResponse(refuse(wire, 500, "The server had an error while processing your request."), 500)


async def _overloaded(wire: Wire) -> Response:
    status = 529 if wire == "anthropic" else 503
    return JSONResponse(refuse(wire, status, "Overloaded"), status)


async def _garbage(_wire: Wire) -> Response:
    return Response("<html><body>Bad gateway</body></html>", 200, media_type="text/html")


def _with_nonce(said: Said, asked: Asked, line: Mapping[str, Any]) -> Said:
    """The nonce given back where the schema asks for it."""
    properties = asked.schema.get("properties")
    if not isinstance(properties, dict) or "nonce" not in properties or not said.text.startswith("{"):
        return said
    try:
        verdict = json.loads(said.text)
    except ValueError:
        return said  # spoiled on purpose
    return replace(said, text=json.dumps({**verdict, "nonce": line.get("nonce")}))
