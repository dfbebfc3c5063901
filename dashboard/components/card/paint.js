// How the card is painted; every word of a text goes in as text.

Object.assign(Card.prototype, {
  build() {
    this.painted = true
    this.$("verdicts").replaceChildren(...this.verdicts().map(([key, choice, words, second]) =>
      keyed(key, words, (event) => this.clicked(event, () => this.decide(choice)), { "data-choice": choice, "data-second": second ?? null })))
    const acts = {
      u: () => this.undo(), l: () => this.side.toggle("history"), s: () => this.decide("skip"), f: () => this.decide("flag"),
      d: () => this.enter("edit"), v: () => this.startMarking(), m: () => this.enter("comment"), n: () => this.next(),
      t: () => { this.texts.toggle(); this.paint() }, e: () => this.expand(), h: () => this.side.toggle("guide"),
      p: () => this.pause(), "?": () => this.side.toggle("help"),
    }
    const rows = offered(KEYS, { ...this.data, mode: this.mode }, 3)
    this.$("others").replaceChildren(...rows.map(([key, words]) => keyed(key, words, (event) => this.clicked(event, acts[key]))))
  },

  // A button pressed by hand gives the keys back to the card, unless the act took them elsewhere.
  clicked(event, act) {
    const before = this.root.activeElement
    act()
    if (this.root.activeElement === before || this.root.activeElement === event?.currentTarget) this.focus()
  },

  button(key) { return [...this.$("verdicts").children, ...this.$("others").children].find((b) => b.dataset.key === key) },

  enter(field) {
    if (!this.current || (field === "edit" && this.mode !== "edit")) return
    if (field === "comment") this.$("comment").hidden = this.$("commented").hidden = false
    this.$(field).focus()
    setTimeout(() => this.$(field).focus()) // after the key that asked for it, which would be typed into it
  },

  startMarking() {
    if (!this.current || !this.tags.length) return
    if (!this.texts.cursor) this.texts.start()
    else this.texts.stop()
    this.paint()
  },

  expand() {
    this.whole = !this.$("a").querySelector(".text").classList.contains("expanded")
    this.texts.expand(this.whole)
    this.button("e")?.setAttribute("aria-pressed", String(this.whole))
  },

  paint() {
    if (!this.painted) return
    const { current } = this
    this.$("question").textContent = this.data.guessing ? "Did the same model write both answers?" : this.data.question
    this.$("item").hidden = !current
    this.$("empty").hidden = !!current
    for (const button of this.$("others").children) button.hidden = !current && NEEDS_ITEM.includes(button.dataset.key)
    this.paintNotices()
    this.paintFigures()
    this.side.paint()
    if (current) this.paintItem()
    else this.paintNothing()
  },

  paintItem() {
    const { current } = this, two = current.b !== null && current.b !== undefined
    this.$("card").dataset.token = current.token
    this.$("b").hidden = !two
    this.$("panes").classList.toggle("single", !two && this.mode !== "edit")
    this.$("a").querySelector("h3").textContent = two ? "A" : "Answer"
    this.$("a").querySelector(".text").setAttribute("aria-label", two ? "Answer A" : "Answer")
    this.$("prompt").hidden = !current.prompt
    this.$("editor").hidden = this.mode !== "edit"
    this.paintTexts()
    this.rubric.paint()
    this.paintDifference()
    this.paintReasons()
    this.paintPressed()
  },

  paintTexts() {
    this.texts.paint()
    this.paintTags()
  },

  paintPressed() {
    for (const button of this.$("verdicts").children) {
      const chosen = [this.asking, this.work.choice, this.held?.choice].includes(button.dataset.choice)
      button.setAttribute("aria-pressed", String(chosen))
      button.disabled = this.tabs.older
    }
    for (const [key, pressed] of [["s", this.asking === "skip"], ["f", this.asking === "flag"], ["t", this.texts.plain], ["v", !!this.texts.cursor]])
      this.button(key)?.setAttribute("aria-pressed", String(pressed))
  },

  paintReasons() {
    const box = this.$("reasons"), asked = REASONS[this.asking]
    box.hidden = !asked
    if (!asked) return
    box.setAttribute("aria-label", asked.ask)
    fill(box, this.asking, () => [made("span", { class: "ask" }, asked.ask), ...asked.words.map((words, place) =>
      keyed(String(place + 1), words, () => { this.reason(words); this.focus() }))])
  },

  // The marks there are, and, while a piece of text is selected, the tags it can be marked with.
  paintTags() {
    const box = this.$("marks"), offer = this.tags, piece = this.current && offer.length ? this.texts.selected() : null
    const spans = this.work.spans
    box.hidden = !offer.length || (!spans.length && !piece)
    fill(box, [spans, !!piece, offer], () => this.tagRows(offer, !!piece, spans))
  },

  tagRows(offer, selected, spans) {
    const choices = !selected ? [] : [made("div", { role: "group", "aria-label": "Mark as", class: "tags" },
      made("span", { class: "ask" }, "Mark as"), ...offer.map((tag, place) =>
        keyed(String(place + 1), tag, () => { this.mark(tag); this.focus() }, { onmousedown: (event) => event.preventDefault() })))]
    const list = made("ul", { "aria-label": "Marks" }, ...spans.map((span) => {
      const words = [...this.texts.text(span.pane)].slice(span.start, span.end).join("")
      return made("li", {}, made("strong", {}, span.tag), made("q", {}, words),
        made("button", { type: "button", "aria-label": `Take the mark away: ${span.tag}, ${words}`, onclick: () => { this.unmark(span); this.focus() } }, "Take away"))
    }))
    return [...choices, ...(spans.length ? [list] : [])]
  },

  paintDifference() {
    if (this.mode !== "edit" || !this.current) return
    if (this.work.edit !== null && this.$("edit").value !== this.work.edit) this.$("edit").value = this.work.edit
    const edited = this.work.edited
    this.$("diff").hidden = !edited
    if (edited) drawDifference(this.$("diff").querySelector(".text"), this.current.a, this.work.edit)
  },

  paintNotices() {
    const { votes } = this.outbox, late = this.outbox.late && votes > 0
    const shown = {
      notice: this.told ?? this.data.notice,
      waiting: late ? `${votes} ${votes === 1 ? "vote" : "votes"} waiting, keep this tab open` : null,
      practice: this.current?.practice ? "Practice: these do not count." : null,
      feedback: this.held?.words ? `${this.held.words} Enter goes on.` : null,
    }
    for (const [id, words] of Object.entries(shown)) {
      this.$(id).hidden = !words
      if (this.$(id).textContent !== (words ?? "")) this.$(id).textContent = words ?? ""
    }
    this.$("older").hidden = !this.tabs.older
  },

  paintFigures() {
    const worth = (act) => (this.practised.has(act.token) ? 0 : ({ vote: 1, undo: -1 }[act.kind] ?? 0))
    const votes = this.outbox.acts.reduce((sum, act) => sum + worth(act), 0)
    const done = this.data.done + votes, left = Math.max(0, this.data.left - votes)
    const dwells = [...this.dwells].sort((x, y) => x - y), waiting = this.outbox.acts.length
    this.$("bar").firstElementChild.style.width = `${(100 * done) / Math.max(1, done + left)}%`
    this.$("done").textContent = `${done} of ${done + left}`
    this.$("pace").textContent = dwells.length ? `${(dwells[dwells.length >> 1] / 1000).toFixed(1)} s each` : ""
    this.$("saved").textContent = waiting ? `${waiting} waiting to be saved` : "All saved"
    this.$("saved").classList.toggle("waiting", waiting > 0)
  },

  paintNothing() {
    delete this.$("card").dataset.token
    const { data } = this, items = data.left === 1 ? "item is" : "items are"
    const [title, words] = this.paused && !data.paused
      ? ["Pausing", "The items you have not answered are being given back."]
      : this.paused
      ? ["Paused", "The items you had not answered are back with the others. What you wrote about them is kept."]
      : data.paused ? ["Going on", "Your items are being fetched."]
      : data.closed ? ["This study is closed", "Thank you. Votes that were saved before count."]
      : this.outbox.acts.length ? ["Saving your votes", "Keep this tab open until all are saved."]
      : data.left > 0 ? ["Nothing for you just now", `${data.left} ${items} with other raters and come back within 15 minutes if left unanswered. This page looks again by itself.`]
      : ["You have judged everything", "Thank you. U takes your last vote back while the study is open."]
    this.$("empty").querySelector("h3").textContent = title
    this.$("empty").querySelector("p").textContent = words
    this.$("resume").hidden = !this.paused
  },
})
