"""What a browser really painted of a review: a page counts for itself which items a frame was drawn of, and when."""

from tests.browser.conftest import Tab

WATCH = """() => {
  const within = (root) => [...root.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean)
  const roots = (root) => [root, ...within(root).flatMap(roots)]
  const native = /^st-key-([0-9a-f]{32})_(?:vote|ask)_/
  const shown = () => {
    for (const root of roots(document)) {
      const card = root.getElementById("card")
      if (card) return card.dataset.token ? [card.dataset.token] : []
    }
    const named = [...document.querySelectorAll('[class*="st-key-"]')].filter((e) => e.checkVisibility())
    return named.flatMap((e) => [...e.classList]).map((name) => native.exec(name)?.[1]).filter(Boolean)
  }
  window.painted = []  // tokens in the order in which they were first painted
  window.paints = []   // milliseconds from a key to the frame in which another item stood there
  let key = null
  const look = () => requestAnimationFrame(() => setTimeout(() => {
    for (const token of shown()) {
      if (window.painted.includes(token)) continue
      window.painted.push(token)
      if (key !== null) window.paints.push(performance.now() - key)
      key = null
    }
  }))
  const watcher = new MutationObserver(look)
  const what = { subtree: true, childList: true, attributes: true, attributeFilter: ["class", "data-token"] }
  for (const root of roots(document)) watcher.observe(root, what)
  window.addEventListener("keydown", (event) => { if (!event.repeat) key = event.timeStamp }, true)
  look()
}"""
"""An item counts once a frame was drawn with it: a change noticed, then the next frame, then the task after that."""


def watch(tab: Tab) -> None:
    """Count from now on; call it again after a page was loaded anew."""
    tab.page.evaluate(WATCH)
    tab.page.wait_for_function("() => window.painted.length > 0", timeout=30_000)


def painted(tab: Tab) -> list[str]:
    """The items this tab painted so far."""
    tab.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return tab.page.evaluate("() => window.painted")


def paints(tab: Tab) -> list[float]:
    """Milliseconds from each key to the next item's frame."""
    return tab.page.evaluate("() => window.paints")
