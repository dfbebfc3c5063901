// What the rater has begun to say about the item on screen; kept on the server within two seconds, until the vote.

const SAVE_MS = 1200

class Work {
  constructor(card) {
    this.card = card
    this.clear()
  }

  clear() {
    clearTimeout(this.clock)
    this.clock = null
    Object.assign(this, { token: null, choice: null, comment: "", scores: {}, edit: null, spans: [], touched: false })
  }

  begin(item) {
    this.clear()
    this.token = item.token
    this.restore(item.draft)
  }

  // Another tab, or the time before a reload, may have said something; what was said here meanwhile stands.
  restore(draft) {
    if (!draft || this.touched) return
    this.choice = draft.choice ?? null
    this.comment = draft.comment ?? ""
    this.scores = { ...(draft.scores ?? {}) }
    this.edit = draft.edit ?? null
    this.spans = (draft.spans ?? []).map((span) => ({ ...span }))
  }

  changed() {
    this.touched = true
    clearTimeout(this.clock)
    this.clock = setTimeout(() => this.save(), SAVE_MS)
  }

  save() {
    if (!this.token || this.clock === null) return
    clearTimeout(this.clock)
    this.clock = null
    this.card.post({ kind: "draft", token: this.token, choice: this.choice ?? "", details: this.details() })
  }

  details() {
    const said = {}
    if (this.comment.trim()) said.comment = this.comment.trim()
    if (Object.keys(this.scores).length) said.scores = { ...this.scores }
    if (this.edited) said.edit = this.edit
    if (this.spans.length) said.spans = this.spans.map(({ pane, start, end, tag }) => ({ pane, start, end, tag }))
    return said
  }

  get edited() { return this.edit !== null && this.edit !== this.card.current?.a }
}
