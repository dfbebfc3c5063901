// Everything the card says: verdicts, reasons and keys by kind of study. Each verdict is [key, choice, words, second key].

const VERDICTS = {
  pairwise: [
    ["1", "a_much", "A is much better"], ["2", "a", "A is better"], ["3", "tie", "Equally good"],
    ["4", "b", "B is better"], ["5", "b_much", "B is much better"], ["6", "both_bad", "Both are bad"],
  ],
  single: [["a", "accept", "Accept", "1"], ["x", "reject", "Reject", "2"]],
  edit: [["a", "accept", "Accept as it is", "1"], ["w", "edit", "Accept my edit", "2"], ["x", "reject", "Reject", "3"]],
  spans: [["a", "clean", "Nothing to mark", "1"], ["w", "marked", "These are all the marks", "2"]],
  guess: [["1", "same", "The same model"], ["2", "different", "Two different models"], ["3", "do not know", "I do not know"]],
}

// A verdict that is followed by a reason; Enter takes the default.
const REASONS = {
  reject: {
    ask: "Why is it rejected?", otherwise: "",
    words: ["wrong", "incomplete", "not what was asked", "unsafe or personal", "badly written"],
  },
  skip: {
    ask: "Why do you skip it?", otherwise: "other",
    words: ["cannot judge", "not my language", "unclear", "too long", "other"],
  },
  flag: {
    ask: "What is wrong with it?", otherwise: "broken",
    words: ["personal data", "unsafe", "broken", "not my language"],
  },
}

const SAID = {
  ...Object.fromEntries(Object.values(VERDICTS).flat().map(([, choice, words]) => [choice, words])),
  skip: "Skipped", flag: "Flagged",
}

// Keys besides the verdicts: [key, label on the button, words in the key sheet, kinds that have it or null for all].
const KEYS = [
  ["u", "Undo", "Take your last vote back; it stays on record as taken back", null],
  ["l", "My votes", "Your votes so far, each of which can be taken back", null],
  ["s", "Skip", "Pass the item on, with a reason by digit", ["pairwise", "single", "edit", "spans"]],
  ["f", "Flag", "Pass the item on as unfit for anybody, with a reason by digit", ["pairwise", "single", "edit", "spans"]],
  ["d", "Edit", "Write in the answer; Esc leaves the field, Ctrl+Enter accepts the edit", ["edit"]],
  ["v", "Mark", "Mark text word by word: arrows move, Shift and arrows widen, a digit or Enter marks, Esc leaves", "tags"],
  ["m", "Comment", "Write a comment; Esc leaves the field, Ctrl+Enter sends it with the verdict you chose", ["pairwise", "single", "edit", "spans"]],
  ["n", "Next", "Leave this item for later and go on to the next one", ["pairwise", "single", "edit", "spans"]],
  ["t", "Raw text", "Show all texts exactly as written, or laid out by field", ["pairwise", "single", "edit", "guess"]],
  ["e", "Show all", "Show long texts whole", null],
  ["h", "Guidelines", "What this study asks, and what each point means", null],
  ["p", "Pause", "Give the items you have not answered back to the others", null],
  ["?", "Keys", "This list", null],
]

const NEEDS_ITEM = "sfdvmnte" // keys that are about the item on screen

const REST = [ // what the key sheet says of keys without a button
  ["Shift", "With a verdict's key: choose it without sending it; Ctrl+Enter sends it", ["pairwise", "single"]],
  ["1…7", "Score the criterion that is lit; arrows up and down move the light", "criteria"],
  ["Tab", "Move between texts and buttons; a text in focus scrolls with the arrows", null],
]

function offered(rows, data, place) {
  return rows.filter((row) => {
    const when = row[place]
    if (when === null) return true
    if (typeof when === "string") return data.mode !== "guess" && (data[when].length > 0 || (when === "tags" && data.mode === "spans"))
    return when.includes(data.mode)
  })
}

// An element with text and attributes; text only ever goes in as text.
function made(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...inside)
  return element
}

// Fills a box anew only when what it shows has changed, so that the focus stays where it is.
const shown = new WeakMap()
function fill(box, what, inside) {
  const now = JSON.stringify(what)
  if (shown.get(box) === now) return
  shown.set(box, now)
  box.replaceChildren(...inside())
}

function keyed(key, words, act, attributes = {}) {
  return made("button", { type: "button", "data-key": key, onclick: act, ...attributes }, made("kbd", {}, key.toUpperCase()), made("span", {}, words))
}
