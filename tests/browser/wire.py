"""Everything that reaches a rater's browser, channel by channel, and what of it should not have."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Response, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.browser.conftest import Tab

AGENT_API = ("--server.enableAgentApi=true",)
"""For the test's own server: no command of ours passes a flag on, so nobody who uses the product turns this on."""

WHOLE = """() => {
  const whole = (root) => {
    const parts = [root.innerHTML ?? root.documentElement.outerHTML]
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) parts.push(whole(element.shadowRoot))
      if ("value" in element) parts.push(String(element.value))
    }
    return parts.join("\\n")
  }
  return whole(document)
}"""
"""Every element and attribute of a document, those of shadow trees and what fields hold too."""
KEPT = "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])"
ADDRESS = "() => [location.href, document.title, document.referrer].join('\\n')"


@dataclass
class Listened:
    """One tab with everything that it was sent, sent, asked for, showed, kept and was called."""

    tab: Tab
    channels: dict[str, list[str]] = field(default_factory=dict)
    payloads: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, channel: str, words: str) -> None:
        self.channels.setdefault(channel, []).append(words)

    def look(self) -> None:
        """Take down what the document is at this moment."""
        self.hear("document", self.tab.page.evaluate(WHOLE))
        self.hear("kept", self.tab.page.evaluate(KEPT) + str(self.tab.page.context.cookies()))
        self.hear("address", self.tab.page.evaluate(ADDRESS))

    def received(self, frame: str | bytes) -> None:
        self.hear("received", frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))
        if isinstance(frame, bytes) and (data := card_data(ForwardMsg.FromString(frame))) is not None:
            self.payloads.append(data)
            self.hear("component", json.dumps(data, ensure_ascii=False))

    def answered(self, response: Response) -> None:
        headers = "\n".join(f"{k}: {v}" for k, v in response.headers.items())
        self.hear("requests", f"{response.url}\n{headers}")


@contextmanager
def listening(browser: Browser, base: str) -> Iterator[Listened]:
    """A tab in a session of its own, listened to from before its first request."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    listened = Listened(Tab(context.new_page(), base))

    def socket(opened: WebSocket) -> None:
        listened.hear("requests", opened.url)
        opened.on("framereceived", listened.received)
        opened.on(
            "framesent", lambda f: listened.hear("sent", f if isinstance(f, str) else f.decode("utf-8", "replace"))
        )

    page = listened.tab.page
    page.on("websocket", socket)
    page.on("request", lambda request: listened.tab.requests.append(request.url))
    page.on("request", lambda request: listened.hear("requests", f"{request.url}\n{request.headers}"))
    page.on("response", listened.answered)
    page.on("console", lambda message: listened.hear("console", message.text))
    page.on("framenavigated", lambda frame: listened.hear("address", frame.url))
    page.on("pageerror", lambda error: listened.tab.errors.append(str(error)))
    try:
        yield listened
    finally:
        context.close()


def leaks(channels: Mapping[str, Iterable[str]], secrets: Iterable[str]) -> dict[str, list[str]]:
    """For each channel that carried a secret, which."""
    wanted = sorted({secret.lower() for secret in secrets})
    carried = {name: "\n".join(words).lower() for name, words in channels.items()}
    found = {name: [w for w in wanted if w in said] for name, said in carried.items()}
    return {name: words for name, words in found.items() if words}


def ask_agent(base: str, page: str, **parameters: str) -> str:
    """What the agent API says of a page: all of it, as JSON."""
    body = {"page": page, "query_params": {name: [value] for name, value in parameters.items()}}
    asked = Request(f"{base}/_stcore/agent/interact", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(asked, timeout=60) as answer:
        return answer.read().decode()


class Frame(NamedTuple):
    """One message of the server, and when it came, in seconds since it was asked."""

    at: float
    message: ForwardMsg
    size: int


def frames(base: str, page: str, **parameters: str) -> list[Frame]:
    """What a browser is sent for one page, read off the websocket itself, from the asking to the end of the script."""
    asked = BackMsg(rerun_script=ClientState(page_name=page, query_string=urlencode(parameters)))
    got: list[Frame] = []
    with connect(f"{base.replace('http', 'ws')}/_stcore/stream", max_size=None) as socket:
        began = time.perf_counter()
        socket.send(asked.SerializeToString())
        while not (got and got[-1].message.WhichOneof("type") == "script_finished"):
            data = socket.recv(60, decode=False)
            got.append(Frame(time.perf_counter() - began, ForwardMsg.FromString(data), len(data)))
    return got


def card_data(message: ForwardMsg) -> dict[str, Any] | None:
    """What a message brings for the review card; None where it is about something else."""
    if message.WhichOneof("type") != "delta" or message.delta.new_element.WhichOneof("type") != "bidi_component":
        return None
    component = message.delta.new_element.bidi_component
    data = json.loads(component.mixed.json if component.WhichOneof("data") == "mixed" else component.json or "null")
    return data if isinstance(data, dict) and "queue" in data else None
