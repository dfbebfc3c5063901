// Keys of the card, and how it is put on the page: one card for each element, fed whenever the server has something.

const cards = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let card = cards.get(parentElement)
  if (card && card.data.key !== data.key) card.stop()
  if (!card || card.data.key !== data.key) cards.set(parentElement, (card = new Card(parentElement, data)))
  // Streamlit greys what it runs again; here that is every vote being saved, while the next item is read.
  parentElement.host?.closest('[data-testid="stElementContainer"]')?.style.setProperty("opacity", "1", "important")
  card.receive(data, setStateValue)
  return () => {
    cards.get(parentElement)?.stop()
    cards.delete(parentElement)
  }
}

function pressed(card, event) {
  const target = event.composedPath()[0]
  const within = target instanceof Element ? target : document.body
  const typing = within.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(within.tagName)
  if (event.repeat || event.isComposing || event.altKey || dialogOpen()) return
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    if (typing && !card.root.contains(within)) return
    return taken(event, () => card.submit())
  }
  if (typing) {
    if (event.key === "Escape" && card.root.contains(within)) taken(event, () => card.focus())
    return
  }
  if (event.ctrlKey || event.metaKey) return
  const onButton = within.tagName === "BUTTON" || within.tagName === "A" || within.closest?.("[role=combobox], [role=listbox]")
  if (onButton && ["Enter", " ", "Tab"].includes(event.key)) return
  const act = actOf(card, event)
  if (act) taken(event, act)
}

function taken(event, act) {
  event.preventDefault()
  event.stopPropagation()
  act()
}

// A dialog anywhere on the page has the keys to itself.
function dialogOpen() { return document.querySelector('[role="dialog"], [role="alertdialog"], dialog[open]') !== null }

// What a key means now: what is asked on the card comes before the verdicts.
function actOf(card, event) {
  const key = event.key.toLowerCase(), digit = /^[0-9]$/.test(key) ? Number(key) : null
  if (card.paused) return key === "p" ? () => card.pause() : panelAct(card, key)
  if (card.held) return key === "enter" || key === "n" || digit ? () => card.tooSoon() || !card.held.words || card.go() : panelAct(card, key)
  if (card.current) {
    const act = asked(card, event, key, digit)
    if (act) return act
  }
  if (event.key === "Escape" && card.side.open) return () => card.side.show(null)
  if (event.shiftKey && key !== "?") return chosen(card, event)
  const button = [...card.$("verdicts").children, ...card.$("others").children].find((b) => b.dataset.key === key || b.dataset.second === key)
  if (!button || (!card.current && button.dataset.choice)) return null
  return () => button.onclick({ currentTarget: button })
}

function asked(card, event, key, digit) {
  if (card.texts.cursor) {
    if (event.key === "Escape") return () => { card.texts.stop(); card.paint() }
    if (event.key.startsWith("Arrow") || event.key === "Tab") return () => card.texts.move(event)
    if (event.key === "Enter") return () => card.mark(card.tags[0])
  }
  if (digit && card.tags[digit - 1] && card.texts.selected()) return () => card.mark(card.tags[digit - 1])
  if (card.asking) {
    const { words, otherwise } = REASONS[card.asking]
    if (event.key === "Escape") return () => { card.asking = null; card.paint() }
    if (event.key === "Enter") return () => card.reason(otherwise)
    if (digit && words[digit - 1]) return () => card.reason(words[digit - 1])
  }
  if (card.rubric.criteria.length && ["card", undefined].includes(card.root.activeElement?.id)) {
    if (event.key === "ArrowDown") return () => card.rubric.move(1)
    if (event.key === "ArrowUp") return () => card.rubric.move(-1)
  }
  if (digit && card.rubric.current) return () => card.rubric.score(card.rubric.lit, digit)
  return null
}

// Shift and a verdict's key choose it without sending it.
function chosen(card, event) {
  const key = event.code.replace(/^(Digit|Numpad|Key)/, "").toLowerCase()
  const verdict = card.current && card.verdicts().find(([first, , , second]) => first === key || second === key)
  return verdict && card.mode !== "guess" ? () => card.choose(verdict[1]) : null
}

function panelAct(card, key) {
  const panel = { "?": "help", h: "guide", l: "history" }[key]
  return panel ? () => card.side.toggle(panel) : null
}
