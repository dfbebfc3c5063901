// Deeds that the server has not yet acknowledged, oldest first; they outlive a reload of the tab and a dead server.

const AGAIN_MS = 4000 // how often what is not acknowledged is sent again
const PATIENCE_MS = 3000 // how long saving may take before the rater is told

class Outbox {
  constructor(place, changed) {
    this.place = place
    this.changed = changed
    this.acts = this.kept()
    this.send = () => {}
    this.clock = setInterval(() => this.tick(), 1000)
    this.since = performance.now()
    this.sent = 0
  }

  stop() { clearInterval(this.clock) }

  post(act) {
    if (act.kind !== "undo") this.acts = this.acts.filter((a) => !(a.kind === "draft" && a.token === act.token))
    if (!this.acts.length) this.since = performance.now()
    this.acts.push({ id: newId(), ...act })
    this.keep()
    this.deliver()
  }

  deliver() {
    this.sent = performance.now()
    this.send(this.acts.map((act) => ({ ...act })))
  }

  acknowledge(ids) {
    const known = new Set(ids), before = this.acts.length
    this.acts = this.acts.filter((act) => !known.has(act.id))
    if (this.acts.length !== before) {
      this.since = performance.now()
      this.keep()
    }
    if (this.acts.length) this.deliver() // lost with a connection or a server: say it again
  }

  tick() {
    if (this.acts.length && performance.now() - this.sent > AGAIN_MS) this.deliver()
    if (this.late !== this.told) {
      this.told = this.late
      this.changed()
    }
  }

  get late() { return this.acts.length > 0 && performance.now() - this.since > PATIENCE_MS }

  get votes() { return this.acts.filter((act) => act.kind !== "draft").length }

  // The last word on each item that has one here: answered, or taken back.
  answers() {
    const found = new Map()
    for (const act of this.acts) if (act.kind !== "draft") found.set(act.token, act.kind !== "undo")
    return found
  }

  keep() {
    try {
      if (this.acts.length) sessionStorage.setItem(this.place, JSON.stringify(this.acts))
      else sessionStorage.removeItem(this.place)
    } catch { /* a browser without storage still has the memory of this tab */ }
  }

  kept() {
    try {
      const acts = JSON.parse(sessionStorage.getItem(this.place) ?? "[]")
      return Array.isArray(acts) ? acts : []
    } catch {
      return []
    }
  }
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("")
}

// Which of the tabs of one rater is the newest: the others only show, so that two tabs never answer at once.
class Tabs {
  constructor(place, changed) {
    this.older = false
    this.changed = changed
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(place) : null
    if (this.channel) this.channel.onmessage = () => this.yield()
    this.take()
  }

  stop() { this.channel?.close() }

  take() {
    this.older = false
    this.channel?.postMessage("here")
  }

  yield() {
    this.older = true
    this.changed()
  }
}
