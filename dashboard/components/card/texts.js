// The texts of an item: raw or laid out, whole or scrolling, with their marks; and marking them by mouse and by keyboard.
// A mark is {pane, start, end, tag}, counted in characters (code points) of the text as written.

const PANES = ["prompt", "a", "b"]

class Texts {
  constructor(card) {
    this.card = card
    this.plain = false
    this.cursor = null // marking by keyboard: {pane, from, to}, in words
    this.drawn = {} // what each box shows, so that a text is drawn anew only when it changed and a selection stays
  }

  box(pane) { return this.card.$(pane).querySelector(".text") }

  text(pane) { return this.card.current?.[pane] ?? null }

  // Marks are counted in the text as written, so while there are any, or one is being made, that is what is shown.
  get raw() { return this.plain || this.card.mode === "spans" || this.cursor !== null || this.card.work.spans.length > 0 }

  paint() {
    const shown = PANES.filter((pane) => this.text(pane) !== null)
    const rows = new Map(shown.map((pane) => [pane, pane === "prompt" ? null : fields(this.text(pane))]))
    const answers = shown.filter((pane) => pane !== "prompt")
    const laidOut = !this.raw && answers.every((pane) => rows.get(pane)) // all answers alike, or none
    for (const pane of shown) {
      if (laidOut && rows.get(pane)) this.layOut(pane, rows.get(pane))
      else this.write(pane)
    }
  }

  // Whether a box does not yet show this.
  draws(pane, what) {
    const before = this.drawn[pane]
    this.drawn[pane] = JSON.stringify(what)
    return before !== this.drawn[pane]
  }

  layOut(pane, rows) {
    if (this.draws(pane, rows)) this.box(pane).replaceChildren(made("dl", {}, ...rows.flatMap(([name, value]) => [
      made("dt", {}, name), made("dd", {}, typeof value === "string" ? value : JSON.stringify(value)),
    ])))
  }

  // The text as written, cut where marks begin and end.
  write(pane) {
    const marks = this.marks(pane)
    if (!this.draws(pane, [this.text(pane), marks])) return
    const letters = [...this.text(pane)]
    const cuts = [...new Set([0, letters.length, ...marks.flatMap((m) => [m.start, m.end])])].sort((x, y) => x - y)
    this.box(pane).replaceChildren(...cuts.slice(0, -1).map((start, place) => {
      const piece = letters.slice(start, cuts[place + 1]).join("")
      const over = marks.filter((m) => m.start <= start && m.end > start)
      if (!over.length) return document.createTextNode(piece)
      const ends = over.filter((m) => m.end === cuts[place + 1] && m.tag).map((m) => m.tag)
      return made("mark", { class: over.some((m) => m.cursor) ? "cursor" : null, "data-tag": ends.join(", ") || null }, piece)
    }))
  }

  marks(pane) {
    const said = this.card.work.spans.filter((span) => span.pane === pane)
    if (this.cursor?.pane !== pane) return said
    return [...said, { ...this.reach(), tag: "", cursor: true }]
  }

  toggle() { this.plain = !this.plain }

  expand(whole) {
    for (const pane of PANES) this.box(pane).classList.toggle("expanded", whole)
  }

  // --- what is selected ---

  // The piece of a text that would be marked now: under the keyboard's cursor, or selected with the mouse.
  selected() {
    if (this.cursor) return { pane: this.cursor.pane, ...this.reach() }
    const range = this.range()
    if (!range) return null
    const pane = PANES.find((name) => this.box(name).contains(range.startContainer) && this.box(name).contains(range.endContainer))
    if (!pane || this.box(pane).querySelector("dl")) return null
    const [start, end] = [[range.startContainer, range.startOffset], [range.endContainer, range.endOffset]].map(([node, offset]) => {
      const before = new Range()
      before.setStart(this.box(pane), 0)
      before.setEnd(node, offset)
      return [...before.toString()].length
    })
    return end > start ? { pane, start, end } : null
  }

  range() {
    const selection = document.getSelection(), root = this.card.root
    if (selection?.getComposedRanges) {
      const [found] = selection.getComposedRanges({ shadowRoots: [root] })
      if (found && !found.collapsed && root.contains(found.startContainer) && root.contains(found.endContainer)) {
        const range = new Range()
        range.setStart(found.startContainer, found.startOffset)
        range.setEnd(found.endContainer, found.endOffset)
        return range
      }
    }
    const own = root.getSelection?.() ?? selection
    const range = own?.rangeCount ? own.getRangeAt(0) : null
    return range && !range.collapsed && root.contains(range.startContainer) ? range : null
  }

  // --- marking by keyboard ---

  words(pane) {
    let at = 0
    return this.text(pane).split(/(\s+)/u).flatMap((piece) => {
      const start = at, size = [...piece].length
      at += size
      return piece.trim() ? [{ start, end: start + size }] : []
    })
  }

  reach() {
    const words = this.words(this.cursor.pane), { from, to } = this.cursor
    return { start: words[Math.min(from, to)].start, end: words[Math.max(from, to)].end }
  }

  start() {
    const pane = ["a", "b", "prompt"].find((name) => this.text(name) !== null && this.words(name).length)
    this.cursor = pane ? { pane, from: 0, to: 0 } : null
  }

  stop() {
    this.cursor = null
    document.getSelection()?.removeAllRanges()
  }

  // Whether the key was one that moves the cursor.
  move(event) {
    const far = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10 }[event.key]
    if (event.key === "Tab") this.hop(event.shiftKey ? -1 : 1)
    else if (far === undefined) return false
    else {
      const last = this.words(this.cursor.pane).length - 1, to = Math.max(0, Math.min(last, this.cursor.to + far))
      this.cursor = { pane: this.cursor.pane, from: event.shiftKey ? this.cursor.from : to, to }
    }
    this.card.paintTexts()
    this.box(this.cursor.pane).querySelector(".cursor")?.scrollIntoView({ block: "nearest" })
    const { pane, start, end } = this.selected()
    this.card.say([...this.text(pane)].slice(start, end).join(""))
    return true
  }

  hop(step) {
    const panes = PANES.filter((pane) => this.text(pane) !== null && this.words(pane).length)
    const place = panes.indexOf(this.cursor.pane) + step
    this.cursor = { pane: panes[(place + panes.length) % panes.length], from: 0, to: 0 }
  }
}

// The fields of an answer that is a JSON object, for laying it out; null for any other text.
function fields(text) {
  if (!text.trimStart().startsWith("{")) return null
  try {
    const value = JSON.parse(text)
    return Object.keys(value).length ? Object.entries(value) : null
  } catch {
    return null
  }
}
