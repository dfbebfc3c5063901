// The card: one item at a time from a prefetched queue; what is said goes to the outbox and the next item comes at once.

class Card {
  constructor(root, data) {
    this.root = root
    this.$ = (id) => root.querySelector("#" + id)
    this.data = data
    this.current = null
    this.past = [] // items answered in this tab, with what was said of them, newest last
    this.practised = new Set()
    this.returned = [] // items taken back, shown before the queue
    this.later = new Set() // items left for later
    this.dwells = []
    this.asking = null // the verdict that waits for its reason: reject, skip or flag
    this.held = null // the practice item that was answered and whose feedback is read
    this.wants = { history: false, paused: false, tick: 0 }
    this.work = new Work(this)
    this.outbox = new Outbox(`review ${data.key}`, () => this.paint())
    this.tabs = new Tabs(`review ${data.key}`, () => this.paint())
    this.texts = new Texts(this)
    this.texts.plain = this.tags.length > 0 // marks are made on the text as written
    this.rubric = new Rubric(this)
    this.side = new Side(this)
    this.listen()
    this.focus() // a field left focused would swallow the keys
  }

  listen() {
    this.onKey = (event) => pressed(this, event)
    this.onLeave = () => this.work.save()
    document.addEventListener("keydown", this.onKey, true)
    window.addEventListener("pagehide", this.onLeave)
    this.$("comment").oninput = () => { this.work.comment = this.$("comment").value; this.work.changed() }
    this.$("edit").oninput = () => { this.work.edit = this.$("edit").value; this.work.changed(); this.paintDifference() }
    for (const field of ["comment", "edit"]) this.$(field).onblur = () => this.work.save()
    this.$("take").onclick = () => { this.tabs.take(); this.paint(); this.focus() }
    this.$("resume").onclick = () => this.pause()
    this.clock = setInterval(() => this.refill(), 20_000)
    this.onSelect = (event) => { if (this.tags.length && !event.composedPath().includes(this.$("marks"))) this.paintTags() }
    document.addEventListener("mouseup", this.onSelect)
  }

  stop() {
    document.removeEventListener("keydown", this.onKey, true)
    window.removeEventListener("pagehide", this.onLeave)
    document.removeEventListener("mouseup", this.onSelect)
    clearInterval(this.clock)
    this.work.save()
    this.outbox.stop()
    this.tabs.stop()
  }

  get mode() { return this.data.guessing ? "guess" : this.data.kind }

  verdicts() { return VERDICTS[this.mode] }

  focus() { this.$("card").focus({ preventScroll: true }) }

  // --- to and from the server ---

  receive(data, send) {
    const mode = this.mode, fresh = !this.painted
    this.data = data
    this.send = send
    this.outbox.send = (acts) => send("outbox", acts)
    this.outbox.acknowledge(data.acked)
    this.past = this.past.filter((item) => !data.refused.includes(item.token)) // to be said again
    if (fresh && data.paused !== this.paused) send("wants", { ...this.wants })
    if (this.taking && data.history && data.tick === this.wants.tick) this.takeNewest()
    if (this.held && data.acked.includes(this.held.act)) this.heard(data.feedback)
    const again = data.queue.find((item) => item.token === this.current?.token)
    if (again) this.work.restore(again.draft)
    if (data.closed || this.paused) this.current = null
    if (fresh || mode !== this.mode) this.build()
    if (!this.current || this.awaited) this.advance()
    else this.paint()
  }

  post(act) {
    this.outbox.post(act)
    return this.outbox.acts.at(-1).id
  }

  want(wants) {
    if (Object.entries(wants).every(([name, value]) => this.wants[name] === value)) return
    Object.assign(this.wants, wants)
    this.send?.("wants", { ...this.wants })
  }

  // With nothing to show, other raters' items may have come free.
  refill() { if (!this.current && !this.paused && this.data.left > 0) this.want({ tick: this.wants.tick + 1 }) }

  get paused() { return this.wants.paused }

  // --- what is next ---

  open() {
    const answers = this.outbox.answers(), known = new Set()
    return [...this.returned, ...this.data.queue].filter((item) => {
      if (known.has(item.token) || (answers.get(item.token) ?? this.answered(item.token))) return false
      return known.add(item.token)
    })
  }

  // Answered here, and the server's queue may not know it yet.
  answered(token) { return this.past.some((item) => item.token === token) }

  advance() {
    this.work.save()
    const waiting = this.paused || this.data.closed ? [] : this.open()
    if (waiting.every((item) => this.later.has(item.token))) this.later.clear()
    const wanted = waiting.find((item) => item.token === this.awaited)
    const item = wanted ?? (this.awaited && this.current) ?? waiting.find((one) => !this.later.has(one.token)) ?? null
    if (wanted) this.awaited = null
    const same = item !== null && item.token === this.current?.token
    this.current = item
    if (!same) this.begin(item)
    this.paint()
  }

  begin(item) {
    this.returned = this.returned.filter((one) => one !== item)
    this.shown = performance.now()
    this.asking = null
    this.texts.stop()
    this.texts.expand(false)
    if (!item) return this.work.clear()
    if (item.practice) this.practised.add(item.token)
    this.work.begin(item)
    this.rubric.begin()
    this.$("comment").value = this.work.comment
    this.$("comment").hidden = this.$("commented").hidden = !this.work.comment
    this.$("edit").value = this.work.edit ?? item.a
    for (const pane of PANES) this.texts.box(pane).scrollTop = 0
    this.say(item.practice ? "Practice item" : "Next item")
  }

  // --- what the rater does ---

  tooSoon() { return performance.now() - this.shown < this.data.min_dwell_ms }

  // A verdict, or none with the reason why; rejecting, skipping and flagging ask for a reason first.
  decide(choice) {
    if (!this.current || this.tabs.older || this.tooSoon()) return
    if (this.held) return this.go()
    const wrong = this.unfit(choice)
    if (wrong) return this.tell(wrong)
    if (!(choice in REASONS)) return this.vote(choice, "")
    this.asking = this.asking === choice ? null : choice
    this.paint()
  }

  unfit(choice) {
    const edited = this.work.edited
    if (choice === "edit" && !(edited && this.work.edit.trim())) return "Nothing is changed yet: D goes into the answer."
    if (choice === "accept" && edited) return "You have changed the answer: W accepts your edit. To accept the answer as it is, put it back first."
    if (choice === "marked" && !this.work.spans.length) return "Nothing is marked yet: select text and choose a mark, or press V."
    if (choice === "clean" && this.work.spans.length) return "There are marks: take them away first, or say with W that these are all."
    return null
  }

  reason(words) { this.vote(this.asking, words) }

  vote(choice, reason) {
    if (!this.current || this.tabs.older || this.tooSoon()) return
    const item = this.current, dwell = Math.round(performance.now() - this.shown)
    clearTimeout(this.work.clock)
    this.work.clock = null
    const kind = this.mode === "guess" ? "guess" : "vote"
    const details = kind === "vote" ? { details: this.work.details() } : {}
    const said = { ...item, draft: this.work.details(), guess: kind === "guess" }
    this.past = [...this.past.filter((one) => one.token !== item.token), said]
    this.dwells.push(dwell)
    const act = this.post({ kind, token: item.token, choice, reason, dwell_ms: Math.min(dwell, 86_400_000), ...details })
    this.tell(null)
    if (item.practice) return this.hold(item, choice, act)
    this.advance()
  }

  choose(choice) {
    if (choice in REASONS) return
    this.work.choice = this.work.choice === choice ? null : choice
    this.work.changed()
    this.paint()
  }

  // Ctrl+Enter: what was chosen, or what the field it was pressed in amounts to.
  submit() {
    if (!this.current) return
    if (this.asking) return this.vote(this.asking, REASONS[this.asking].otherwise)
    const meant = this.work.choice ?? { edit: this.work.edited && "edit", spans: this.work.spans.length && "marked" }[this.mode]
    this.focus()
    if (meant) return this.decide(meant)
    this.work.save()
    this.tell("The comment is kept with this item; now your verdict.")
  }

  undo() {
    if (this.tabs.older) return
    const last = this.past.findLast((item) => !item.guess)
    if (last) return this.takeBack(last.token)
    this.taking = true // said before a reload: the server knows
    this.want({ history: true, tick: this.wants.tick + 1 })
  }

  takeNewest() {
    this.taking = false
    const [newest] = this.data.history
    if (this.side.open !== "history") this.want({ history: false })
    if (newest) this.takeBack(newest.token)
    else this.tell("There is no vote of yours to take back.")
  }

  takeBack(token) {
    this.held = null
    this.post({ kind: "undo", token })
    const mine = this.past.find((item) => item.token === token)
    this.past = this.past.filter((item) => item !== mine)
    if (mine) this.dwells.pop()
    if (this.current && this.current.token !== token) this.returned.unshift(this.current)
    if (mine) this.returned.unshift(mine)
    this.awaited = token
    this.tell(null)
    if (mine) this.advance()
    else this.paint()
    this.say("Taken back")
  }

  next() {
    if (this.held) return this.go()
    if (!this.current) return
    if (this.open().length < 2) return this.tell("This is the only item waiting here.")
    this.later.add(this.current.token)
    this.advance()
  }

  pause() {
    this.work.save()
    this.held = null
    this.want({ paused: !this.paused })
    this.returned = []
    this.current = null
    this.paint()
    if (this.paused) this.$("resume").focus()
    else this.focus()
  }

  // --- practice: what is known of an item is read before the next one comes ---

  hold(item, choice, act) {
    this.held = { item, choice, act, words: null }
    this.shown = performance.now()
    setTimeout(() => { if (this.held?.act === act && !this.held.words) this.go() }, 3000)
    this.paint()
  }

  heard(feedback) {
    if (feedback?.token !== this.held.item.token) return this.go()
    this.held.words = feedback.words
    this.shown = performance.now()
    this.say(feedback.words)
  }

  go() {
    this.held = null
    this.current = null
    this.advance()
  }

  // --- marks ---

  mark(tag) {
    const piece = this.texts.selected()
    if (!piece || !this.current) return false
    const same = (span) => span.pane === piece.pane && span.start === piece.start && span.end === piece.end && span.tag === tag
    if (!this.work.spans.some(same)) this.work.spans.push({ ...piece, tag })
    this.work.changed()
    this.texts.stop()
    this.say(`Marked as ${tag}`)
    this.paint()
    return true
  }

  unmark(span) {
    const said = JSON.stringify(span)
    this.work.spans = this.work.spans.filter((one) => JSON.stringify(one) !== said)
    this.work.changed()
    this.paint()
  }

  get tags() {
    if (this.mode === "guess") return []
    return this.data.tags.length || this.mode !== "spans" ? this.data.tags : ["marked"]
  }

  // --- words to the rater ---

  tell(words) {
    this.told = words
    this.paintNotices()
  }

  say(words) { this.$("said").textContent = words }
}
