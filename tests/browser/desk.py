"""A rater at work in a browser: which item is on screen, and an answer to it, on the card and on the native page."""

from collections.abc import Callable
from itertools import count

from playwright.sync_api import expect

from tests.browser.conftest import Tab

DWELL = 450
"""Milliseconds after which an item on screen may be answered."""
SAID: dict[str, tuple[tuple[str, ...], ...]] = {
    "pairwise": (("1",), ("2",), ("3",), ("4",), ("5",), ("6",)),
    "single": (("2", "a"), ("3", "x", "1")),
    "edit": (("a",), ("d", "End", "z", "Control+Enter"), ("x", "4")),
    "spans": (("v", "Enter", "w"), ("a",)),
}
"""Keys of an answer on the card, by kind of study, to be given in turn."""
VERDICTS = {"pairwise": "a_much", "single": "accept", "edit": "accept", "spans": "clean"}
"""A choice of each kind, as the native page names its buttons."""
NATIVE = """() => {
  const named = [...document.querySelectorAll('[class*="st-key-"]')].flatMap((e) => [...e.classList])
  return named.map((name) => /^st-key-([0-9a-f]{32})_(vote|guess|ask)_/.exec(name)?.[1]).find(Boolean) ?? null
}"""
"""The token of the item whose verdicts can be given on the native page."""
MOST = 60


def walk_card(tab: Tab, kind: str, each: Callable[[], None] = lambda: None) -> list[str]:
    """Answer every item offered on the card, what is asked at the end too; the tokens answered."""
    judged: list[str] = []
    for place in count():
        assert place < MOST
        if (token := _offered(tab)) is None:
            break
        each()
        if tab.page.locator("#feedback").is_visible():
            tab.page.wait_for_timeout(DWELL)
            tab.page.keyboard.press("Enter")
        else:
            judged.append(token)
            guessing = tab.page.locator('#verdicts [data-choice="same"]').count()
            _say(tab, ("1",) if guessing else SAID[kind][place % len(SAID[kind])])
        _wait(tab, token)
    expect(tab.page.locator("#saved")).to_have_text("All saved", timeout=30_000)
    return judged


def _offered(tab: Tab) -> str | None:
    """The item on screen once there is one; None when everything is judged."""
    tab.page.locator("#card[data-token], #empty:has-text('You have judged everything')").first.wait_for(timeout=30_000)
    return tab.token()


def _say(tab: Tab, keys: tuple[str, ...]) -> None:
    tab.page.wait_for_timeout(DWELL)
    for key in keys:
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(40)


def _wait(tab: Tab, token: str) -> None:
    """Until the item is gone from the screen, or what is known about it stands there to be read."""
    gone = f"""() => {{
      const within = (e) => e.shadowRoot ? [e.shadowRoot, ...all(e.shadowRoot)] : []
      const all = (root) => [...root.querySelectorAll("*")].flatMap(within)
      const root = all(document).find((r) => r.getElementById("card"))
      const card = root?.getElementById("card")
      return !card || card.dataset.token !== "{token}" || !root.getElementById("feedback").hidden
    }}"""
    tab.page.wait_for_function(gone, timeout=30_000)


def walk_native(tab: Tab, kind: str, each: Callable[[], None] = lambda: None) -> list[str]:
    """The same on the native page."""
    judged: list[str] = []
    for place in count():
        assert place < MOST
        tab.settle()
        if (token := tab.page.evaluate(NATIVE)) is None:
            break
        each()
        judged.append(token)
        guess = tab.page.locator(f".st-key-{token}_guess_same button")
        verdict = tab.page.locator(f".st-key-{token}_vote_{VERDICTS[kind]} button")
        tab.page.wait_for_timeout(DWELL)
        (guess if guess.count() else verdict).click()
        tab.page.wait_for_function(f"() => ({NATIVE})() !== '{token}'", timeout=30_000)
    return judged
