// What an edit changed, token by token: the shortest list of kept, removed and added tokens.

const TOKENS = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu
const MOST_CELLS = 1_000_000 // above this the changed middle is shown as replaced whole

function difference(before, after) {
  const [old, now] = [before.match(TOKENS) ?? [], after.match(TOKENS) ?? []]
  let start = 0, end = 0
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++
  while (end < Math.min(old.length, now.length) - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end++
  const middle = changes(old.slice(start, old.length - end), now.slice(start, now.length - end))
  return joined([...old.slice(0, start).map((t) => ["same", t]), ...middle, ...old.slice(old.length - end).map((t) => ["same", t])])
}

function changes(old, now) {
  if (old.length * now.length > MOST_CELLS) return [["del", old.join("")], ["ins", now.join("")]]
  const wide = now.length + 1, common = new Uint32Array((old.length + 1) * wide)
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      common[i * wide + j] = old[i] === now[j] ? common[(i + 1) * wide + j + 1] + 1 : Math.max(common[(i + 1) * wide + j], common[i * wide + j + 1])
  const found = []
  let i = 0, j = 0
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) found.push(["same", old[i++]], void j++)
    else if (j >= now.length || (i < old.length && common[(i + 1) * wide + j] >= common[i * wide + j + 1])) found.push(["del", old[i++]])
    else found.push(["ins", now[j++]])
  }
  return found.filter(Boolean)
}

// Neighbouring tokens of one sort become one piece; a blank between two changes belongs to both.
function joined(pieces) {
  const found = []
  for (const [sort, text] of pieces) {
    if (!text) continue
    const last = found.at(-1)
    if (last && last[0] === sort) last[1] += text
    else found.push([sort, text])
  }
  return found
}

function drawDifference(box, before, after) {
  const tags = { same: "span", del: "del", ins: "ins" }
  box.replaceChildren(...difference(before, after).map(([sort, text]) => made(tags[sort], {}, text)))
}
