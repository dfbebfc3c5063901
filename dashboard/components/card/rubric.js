// The criteria of a study: one row each with what every point means; a digit scores the row that is lit.

class Rubric {
  constructor(card) {
    this.card = card
    this.lit = 0
  }

  get criteria() { return this.card.mode === "pairwise" || this.card.mode === "guess" ? [] : this.card.data.criteria }

  // The criterion that digits score now; none once all are scored, so that digits are verdicts again.
  get current() { return this.criteria[this.lit] ?? null }

  begin() { this.lit = this.firstOpen(0) }

  firstOpen(from) {
    const scores = this.card.work.scores
    for (let step = 0; step < this.criteria.length; step++) {
      const place = (from + step) % this.criteria.length
      if (!(this.criteria[place].name in scores)) return place
    }
    return this.criteria.length
  }

  move(step) {
    const places = this.criteria.length + 1 // the last place is the verdict
    this.lit = (this.lit + step + places) % places
    this.paint()
  }

  score(place, point) {
    const criterion = this.criteria[place]
    if (!criterion || point < 1 || point > criterion.anchors.length) return false
    this.card.work.scores[criterion.name] = point
    this.card.work.changed()
    this.lit = this.firstOpen(place)
    this.card.say(`${criterion.name}: ${point}, ${criterion.anchors[point - 1]}`)
    this.paint()
    return true
  }

  paint() {
    const box = this.card.$("rubric"), scores = this.card.work.scores
    box.hidden = !this.criteria.length
    fill(box, [this.criteria, scores, this.lit], () => this.criteria.map((criterion, place) => made("div", {
      role: "group", class: place === this.lit ? "criterion lit" : "criterion", "aria-label": criterion.name,
    }, made("div", { class: "asked" }, made("strong", {}, criterion.name), " ", criterion.question), made("div", { class: "points" },
      ...criterion.anchors.map((anchor, at) => keyed(String(at + 1), anchor, () => this.press(place, at + 1), {
        "aria-pressed": String(scores[criterion.name] === at + 1), "data-point": `${place}-${at + 1}`,
      }))))))
  }

  // The button that was pressed is drawn anew and keeps the focus.
  press(place, point) {
    this.score(place, point)
    this.card.$("rubric").querySelector(`[data-point="${place}-${point}"]`)?.focus()
  }
}
