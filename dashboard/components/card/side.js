// The panel at the side: the key sheet, the guideline, or the rater's own votes. It is no dialog: the card stays in use.

const PANELS = ["help", "guide", "history"]
const TITLES = { help: "Keys", guide: "Guidelines", history: "My votes" }

class Side {
  constructor(card) {
    this.card = card
    this.open = null
    card.$("close").onclick = () => { this.show(null); card.focus() }
  }

  toggle(panel) { this.show(this.open === panel ? null : panel) }

  show(panel) {
    this.open = panel
    this.card.want({ history: panel === "history" })
    this.paint()
    this.card.say(panel ? `${TITLES[panel]} shown at the side` : "")
  }

  paint() {
    this.card.$("side").hidden = this.open === null
    this.card.$("work").classList.toggle("beside", this.open !== null)
    this.card.$("title").textContent = TITLES[this.open] ?? ""
    for (const panel of PANELS) this.card.$(panel).hidden = panel !== this.open
    for (const [key, panel] of [["?", "help"], ["h", "guide"], ["l", "history"]])
      this.card.button(key)?.setAttribute("aria-expanded", String(this.open === panel))
    if (this.open) this[this.open]()
  }

  help() {
    const { data } = this.card, shown = { ...data, mode: this.card.mode }
    const verdicts = this.card.verdicts().map(([key, , words, second]) => [second ? `${key.toUpperCase()} or ${second}` : key.toUpperCase(), words])
    const rows = [
      ...verdicts,
      ...offered(KEYS, shown, 3).map(([key, , words]) => [key.toUpperCase(), words]),
      ...offered(REST, shown, 2),
    ]
    fill(this.card.$("help"), rows, () => rows.flatMap(([key, words]) => [made("dt", {}, made("kbd", {}, key)), made("dd", {}, words)]))
  }

  guide() {
    const { guideline, criteria, tags, question } = this.card.data
    const parts = [made("p", { class: "asked" }, question)]
    if (guideline) parts.push(made("div", { class: "guideline" }, guideline))
    for (const { name, question: asked, anchors } of criteria)
      parts.push(made("h4", {}, name), made("p", {}, asked), made("ol", {}, ...anchors.map((anchor) => made("li", {}, anchor))))
    if (tags.length) parts.push(made("h4", {}, "Marks"), made("p", {}, tags.join(", ")))
    if (parts.length === 1) parts.push(made("p", {}, "This study has no guideline beyond its question."))
    fill(this.card.$("guide"), [guideline, criteria, tags, question], () => parts)
  }

  history() {
    const { history } = this.card.data, box = this.card.$("history")
    if (!history?.length) {
      const words = history ? "You have not voted in this study yet." : "Your votes are being fetched."
      return fill(box, words, () => [made("p", {}, words)])
    }
    fill(box, history, () => [made("ol", {}, ...history.map(({ token, choice, words }) => made("li", {},
      made("span", { class: "said" }, SAID[choice] ?? choice), made("span", { class: "of" }, words),
      made("button", { type: "button", "aria-label": `Take back: ${SAID[choice] ?? choice}, ${words}`, onclick: () => this.takeBack(token) }, "Take back"))))])
  }

  takeBack(token) {
    this.card.data.history = this.card.data.history.filter((past) => past.token !== token)
    this.card.takeBack(token)
  }
}
