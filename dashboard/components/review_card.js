// A rater's card: shows items from a prefetched queue and keeps verdicts in an outbox until the server has them.
// Model text is only ever set with textContent. The outbox is state, so it is delivered again until acknowledged.

const PAIRWISE = [
  ["1", "a", "A is much better", "much better"], ["2", "a", "A is better", ""], ["3", "tie", "Equally good", ""],
  ["4", "b", "B is better", ""], ["5", "b", "B is much better", "much better"], ["6", "both_bad", "Both are bad", ""],
]
const SINGLE = [["a", "accept", "Accept", ""], ["x", "reject", "Reject", ""]]
const REASONS = [["1", "wrong"], ["2", "incomplete"], ["3", "not what was asked"], ["4", "unsafe or personal"], ["5", "badly written"]]
const cards = new WeakMap()

export default function ({ data, parentElement, setStateValue }) {
  let card = cards.get(parentElement)
  if (!card) {
    card = new Card(parentElement)
    cards.set(parentElement, card)
  }
  card.receive(data, (outbox) => setStateValue("outbox", outbox))
  return () => {
    document.removeEventListener("keydown", card.onKey, true)
    cards.delete(parentElement)
  }
}

class Card {
  constructor(root) {
    this.$ = (id) => root.querySelector("#" + id)
    this.outbox = [] // acts not yet acknowledged, oldest first
    this.history = [] // items answered here, with the dwell of each, newest last
    this.returned = [] // items taken back, shown before the queue
    this.answered = new Set()
    this.current = null
    this.plain = false
    this.rejecting = false
    this.onKey = (event) => this.key(event)
    document.addEventListener("keydown", this.onKey, true)
    this.fresh = true
  }

  receive(data, send) {
    this.data = data
    this.send = send
    const acked = new Set(data.acked)
    this.outbox = this.outbox.filter((act) => !acked.has(act.id))
    if (this.outbox.length) this.deliver() // lost with a connection or a server: say it again
    if (this.fresh) this.start()
    if (!this.current) this.advance()
    this.paint()
  }

  start() {
    this.fresh = false
    this.buttons("verdicts", this.verdicts().map(([key, choice, label, strength]) => [key, label, () => this.decide(choice, strength)]))
    this.buttons("reasons", REASONS.map(([key, label]) => [key, label, () => this.vote("reject", label)]))
    this.buttons("others", [
      ["u", "Undo", () => this.undo()], ["s", "Skip", () => this.vote("skip", "")], ["m", "Comment", () => this.comment()],
      ["t", "Raw text", () => this.toggle()], ["e", "Show all", () => this.expand()], ["h", "Help", () => this.help()],
    ])
    this.$("comment").onkeydown = (event) => { if (event.key === "Escape") this.$("card").focus() }
    this.writeHelp()
    this.$("card").focus({ preventScroll: true }) // a field left focused would swallow the keys
  }

  verdicts() { return this.data.kind === "single" ? SINGLE : PAIRWISE }

  buttons(id, rows) {
    this.$(id).replaceChildren(...rows.map(([key, label, act]) => {
      const button = document.createElement("button"), hint = document.createElement("kbd"), words = document.createElement("span")
      button.type = "button"
      button.dataset.key = key
      hint.textContent = key.toUpperCase()
      words.textContent = label
      button.append(hint, words)
      button.onclick = () => { act(); this.$("card").focus({ preventScroll: true }) }
      return button
    }))
  }

  // --- what is next ---

  advance() {
    const waiting = [...this.returned, ...this.data.queue].find((item) => !this.answered.has(item.token))
    this.returned = this.returned.filter((item) => item !== waiting)
    this.current = waiting ?? null
    this.shown = performance.now()
    this.rejecting = false
    this.$("comment").value = ""
    this.$("comment").hidden = true
  }

  // --- acts ---

  key(event) {
    const target = event.composedPath()[0]
    const typing = target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || typing) return
    if (document.querySelector('[role="dialog"]')) return
    const row = this.rejecting ? "reasons" : "verdicts"
    const key = event.key.toLowerCase()
    const button = [...this.$(row).children, ...this.$("others").children].find((b) => b.dataset.key === key)
    if (this.rejecting && event.key === "Escape") return this.stopRejecting()
    if (this.rejecting && event.key === "Enter") return this.vote("reject", "")
    if (!button) return
    event.preventDefault()
    event.stopPropagation()
    button.click()
  }

  decide(choice, strength) {
    if (choice !== "reject") return this.vote(choice, strength)
    if (!this.current || this.tooSoon()) return
    this.rejecting = true
    this.paint()
  }

  stopRejecting() {
    this.rejecting = false
    this.paint()
  }

  tooSoon() { return performance.now() - this.shown < this.data.min_dwell_ms }

  vote(choice, reason) {
    if (!this.current || this.tooSoon()) return
    const words = [reason, this.$("comment").value.trim()].filter(Boolean).join(": ")
    const dwell = Math.round(performance.now() - this.shown)
    this.post({ kind: "vote", token: this.current.token, choice, reason: words, dwell_ms: dwell })
    this.answered.add(this.current.token)
    this.history.push({ item: this.current, dwell, choice })
    this.advance()
    this.paint()
  }

  undo() {
    const last = this.history.pop()
    if (!last) return
    this.post({ kind: "undo", token: last.item.token })
    this.answered.delete(last.item.token)
    if (this.current) this.returned.unshift(this.current)
    this.returned.unshift(last.item)
    this.advance()
    this.paint()
  }

  post(act) {
    const bytes = crypto.getRandomValues(new Uint8Array(8))
    this.outbox.push({ id: Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(""), ...act })
    this.deliver()
  }

  deliver() { this.send(this.outbox.map((act) => ({ ...act }))) }

  comment() {
    this.$("comment").hidden = false
    setTimeout(() => this.$("comment").focus())
  }

  toggle() { this.plain = !this.plain; this.paint() }

  expand() { for (const id of ["prompt", "a", "b"]) this.$(id).querySelector(".text").classList.toggle("expanded") }

  help() { this.$("help").hidden = !this.$("help").hidden }

  // --- painting ---

  paint() {
    const { data, current } = this
    this.$("question").textContent = data.question
    this.$("item").hidden = !current
    this.$("empty").hidden = !!current
    this.$("reasons").hidden = !this.rejecting
    this.$("notice").hidden = !data.notice
    this.$("notice").textContent = data.notice ?? ""
    this.figures()
    if (!current) return this.nothing()
    this.$("card").dataset.token = current.token
    const single = current.b === null
    const [a, b] = [fields(current.a), single ? null : fields(current.b)]
    const laidOut = !this.plain && a && (single || b) // both panes alike, or neither
    this.write("prompt", current.prompt, null)
    this.write("a", current.a, laidOut ? a : null)
    this.write("b", current.b ?? "", laidOut ? b : null)
    this.$("b").hidden = single
    this.$("panes").classList.toggle("single", single)
    this.$("a").querySelector("h3").textContent = single ? "Answer" : "A"
    this.$("verdicts").querySelector('[data-key="x"]')?.setAttribute("aria-pressed", String(this.rejecting))
    this.$("others").querySelector('[data-key="t"]').setAttribute("aria-pressed", String(this.plain))
  }

  figures() {
    const votes = this.outbox.filter((act) => act.kind === "vote").length - this.outbox.filter((act) => act.kind === "undo").length
    const done = this.data.done + votes, left = Math.max(0, this.data.left - votes)
    const dwells = this.history.map((h) => h.dwell).sort((x, y) => x - y)
    const waiting = this.outbox.length
    this.$("bar").firstElementChild.style.width = `${(100 * done) / Math.max(1, done + left)}%`
    this.$("done").textContent = `${done} of ${done + left}`
    this.$("pace").textContent = dwells.length ? `${(dwells[dwells.length >> 1] / 1000).toFixed(1)} s each` : ""
    this.$("saved").textContent = waiting ? `${waiting} waiting to be saved` : "All saved"
    this.$("saved").classList.toggle("waiting", waiting > 0)
  }

  nothing() {
    delete this.$("card").dataset.token
    const [title, words] = this.outbox.length
      ? ["Saving your votes", "Keep this tab open until all are saved."]
      : this.data.left > 0
        ? ["Nothing for you just now", "The remaining items are with other raters; they come back within 15 minutes if left unanswered."]
        : ["You have judged everything", "Thank you. U takes your last vote back while the study is open."]
    this.$("empty").querySelector("h3").textContent = title
    this.$("empty").querySelector("p").textContent = words
  }

  write(id, text, rows) {
    const box = this.$(id).querySelector(".text")
    if (!rows) return void (box.textContent = text)
    const list = document.createElement("dl")
    for (const [name, value] of rows) {
      const term = document.createElement("dt"), words = document.createElement("dd")
      term.textContent = name
      words.textContent = typeof value === "string" ? value : JSON.stringify(value)
      list.append(term, words)
    }
    box.replaceChildren(list)
  }

  writeHelp() {
    const rows = [
      ...this.verdicts().map(([key, , label]) => [key.toUpperCase(), label]),
      ...(this.data.kind === "single" ? [["X then 1-5", "Reject with a reason; Enter rejects without one, Esc goes back"]] : []),
      ["U", "Take the last vote back; it stays on record as taken back"], ["S", "Skip: you cannot or would rather not say"],
      ["M", "Add a comment"], ["T", "Show both answers as raw text or laid out by field"], ["E", "Show long texts whole"], ["H", "This list"],
    ]
    this.$("help").replaceChildren(...rows.flatMap(([key, words]) => {
      const term = document.createElement("dt"), text = document.createElement("dd"), hint = document.createElement("kbd")
      hint.textContent = key
      term.append(hint)
      text.textContent = words
      return [term, text]
    }))
  }
}

function fields(text) {
  if (!text.trimStart().startsWith("{")) return null
  try {
    const value = JSON.parse(text)
    return Object.keys(value).length ? Object.entries(value) : null
  } catch {
    return null
  }
}
