"""The review page without a script of our own (`?ui=native`): plain buttons and fields, for whoever needs those.

A press is only noted; it is recorded at the start of the next run, and only where it is about the item on screen and
not sooner after it than a person can read. Keys name the presentation by its token and nothing else.
"""

import time
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from curation.errors import StillhouseError
from curation.store.review_records import Details, Draft, Presentation, Span
from dashboard.components.review_card import card_key
from dashboard.review_desk import GUESS_QUESTION, MIN_DWELL_MS, REASONS, VERDICTS, Desk

MARKED = ("marked",)
"""What text is marked as in a study that names no tags."""


@dataclass
class Deed:
    """One press: what it does, to which presentation, and how long that was on screen."""

    verb: str
    token: str
    word: str = ""
    dwell_ms: int = 0


@dataclass
class Sitting:
    """What this tab knows between two runs."""

    token: str | None = None
    since: float = 0.0
    undone: float = 0.0
    asking: str | None = None
    """The choice that waits for its reason."""
    paused: bool = False
    told: str | None = None
    later: set[str] = field(default_factory=set)
    deeds: list[Deed] = field(default_factory=list)
    spans: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    feedback: dict[str, str] | None = None

    def press(self, verb: str, token: str, word: str = "") -> None:
        """Note a press about an item, unless another is on screen by now or it came sooner than anybody reads."""
        dwell = round((time.monotonic() - self.since) * 1000)
        if token == self.token and dwell >= MIN_DWELL_MS:
            self.deeds.append(Deed(verb, token, word, dwell))

    def keep(self, token: str) -> None:
        """Note that something was written about an item."""
        if token == self.token:
            self.deeds.append(Deed("draft", token))

    def undo(self, token: str) -> None:
        """Note that a vote is taken back; a key held down takes back one."""
        if time.monotonic() - self.undone >= MIN_DWELL_MS / 1000:
            self.undone = time.monotonic()
            self.deeds.append(Deed("undo", token))

    def begin(self, token: str) -> None:
        """An item comes on screen; its time runs from when it is whole."""
        if token != self.token:
            self.token, self.asking, self.since = token, None, time.monotonic()


def review_native(desk: Desk) -> None:
    """Record what was pressed, then show the item that is next."""
    key = f"{card_key(f'{desk.study.name}|{desk.rater}')}_native"
    sitting: Sitting = st.session_state.setdefault(key, Sitting())
    _record(desk, sitting)
    if sitting.paused:
        st.text("Paused. The items you had not answered are back with the others.")
        st.button("Go on", key=f"{key}_resume", on_click=partial(setattr, sitting, "paused", False))
        return
    items = desk.items()
    waiting = [i for i in items if i.token not in sitting.later] or items
    _figures(desk, sitting)
    if waiting:
        sitting.begin(waiting[0].token)
        _item(desk, sitting, waiting[0])
    else:
        sitting.token = None
        _nothing(desk, sitting)
    _votes(desk, sitting)


# --- what was pressed -------------------------------------------------------------------------------------------------


def _record(desk: Desk, sitting: Sitting) -> None:
    deeds, sitting.deeds = sitting.deeds, []
    desk.feedback = sitting.feedback
    if deeds:
        sitting.told = None
    for deed in deeds:
        try:
            _do(desk, sitting, deed)
        except StillhouseError as error:
            sitting.told = str(error)
    sitting.feedback = desk.feedback


def _do(desk: Desk, sitting: Sitting, deed: Deed) -> None:
    match deed.verb:
        case "draft":
            draft = Draft(**dict(_details(desk, sitting, deed.token)))
            desk.service.draft(deed.token, desk.rater, draft)
        case "undo":
            desk.service.undo(deed.token, desk.rater)
        case "guess":
            desk.blinding.guess(deed.token, desk.rater, deed.word)
        case "vote" | "reject" | "skip" | "flag":
            _vote(desk, sitting, deed)
        case _:
            _turn(desk, sitting, deed)


def _turn(desk: Desk, sitting: Sitting, deed: Deed) -> None:
    """What changes the page alone, until the vote."""
    match deed.verb:
        case "ask":
            sitting.asking = None if sitting.asking == deed.word else deed.word
        case "mark":
            _mark(desk, sitting, deed.token)
        case "unmark":
            sitting.spans[deed.token] = ()
        case "pause":
            sitting.paused = True
            desk.pause()
        case _:
            sitting.later.add(deed.token)


def _vote(desk: Desk, sitting: Sitting, deed: Deed) -> None:
    """A verdict; with the reason as its word where the verb is one that asks for one."""
    choice, reason = (deed.verb, deed.word) if deed.verb in REASONS else (deed.word, None)
    details = _details(desk, sitting, deed.token)
    desk.vote(deed.token, choice, reason, deed.dwell_ms, details=details)


def _details(desk: Desk, sitting: Sitting, token: str) -> Details:
    """What stands in the fields of an item."""
    said = st.session_state
    scores = {
        criterion.name: int(point)
        for place, criterion in enumerate(desk.design.criteria)
        if (point := said.get(f"{token}_score{place}"))
    }
    comment = str(said.get(f"{token}_comment") or "").strip()
    edit = said.get(f"{token}_edit")
    changed = edit if edit != said.get(f"{token}_as_shown") else None
    return Details(comment=comment or None, scores=scores, edit=changed, spans=sitting.spans.get(token, ()))


def _mark(desk: Desk, sitting: Sitting, token: str) -> None:
    """Mark the words that were typed wherever they stand in the answer."""
    words, tag = str(st.session_state.get(f"{token}_words") or ""), st.session_state.get(f"{token}_tag")
    text = next((i.a for i in desk.items() if i.token == token), "")
    found = [
        Span(pane="a", start=at, end=at + len(words), tag=tag or MARKED[0])
        for at in range(len(text))
        if words and text.startswith(words, at)
    ]
    sitting.spans[token] = tuple(dict.fromkeys([*sitting.spans.get(token, ()), *found]))
    if not found:
        sitting.told = "These words do not stand in the answer as you wrote them."


# --- what is shown ----------------------------------------------------------------------------------------------------


def _figures(desk: Desk, sitting: Sitting) -> None:
    progress = desk.service.progress(desk.study.name, desk.rater)
    done = progress.done + progress.skipped
    st.text(desk.study.question)
    st.text(f"{done} of {done + progress.left}")
    if sitting.told:
        st.warning("This was not taken.", icon=":material/info:")
        st.text(sitting.told)
    if sitting.feedback:
        st.text(sitting.feedback["words"])


def _item(desk: Desk, sitting: Sitting, item: Presentation) -> None:
    if item.practice:
        st.info("Practice: these do not count.")
    _text("Prompt", item.prompt)
    panes = [("Answer", item.a)] if item.b is None else [("A", item.a), ("B", item.b)]
    for column, (name, text) in zip(st.columns(len(panes)), panes, strict=True):
        with column:
            _text(name, text)
    _fields(desk, sitting, item)
    _verdicts(desk, sitting, item.token)
    _passing(sitting, item.token)


def _text(name: str, text: str) -> None:
    with st.container(border=True, gap="xsmall"):
        st.caption(name)
        st.text(text)


def _fields(desk: Desk, sitting: Sitting, item: Presentation) -> None:
    token, draft = item.token, item.draft or Draft()
    keep = partial(sitting.keep, token)
    if desk.study.kind == "edit":
        st.session_state[f"{token}_as_shown"] = item.a
        st.text_area("Your edit", draft.edit or item.a, height=200, key=f"{token}_edit", on_change=keep)
    if desk.study.kind == "spans":
        sitting.spans.setdefault(token, draft.spans)
        _marks(desk, sitting, token, item.a)
    for place, criterion in enumerate(desk.design.criteria if desk.study.kind != "pairwise" else ()):
        st.text(f"{criterion.name}: {criterion.question}")
        st.text("; ".join(f"{point} {words}" for point, words in enumerate(criterion.anchors, 1)))
        points = [str(point) for point in range(1, len(criterion.anchors) + 1)]
        before = draft.scores.get(criterion.name)
        st.segmented_control(
            f"Points, criterion {place + 1}", points, default=str(before) if before else None,
            key=f"{token}_score{place}", label_visibility="collapsed", on_change=keep,
        )  # fmt: skip
    st.text_area("Comment", draft.comment or "", max_chars=2000, key=f"{token}_comment", on_change=keep)


def _marks(desk: Desk, sitting: Sitting, token: str, text: str) -> None:
    spans = sitting.spans[token]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Words to mark, as they stand in the answer", key=f"{token}_words")
        st.selectbox("Mark as", desk.design.tags or MARKED, key=f"{token}_tag")
        st.button("Mark", key=f"{token}_mark", on_click=sitting.press, args=("mark", token))
        if spans:
            st.button("Take all marks away", key=f"{token}_unmark", on_click=sitting.press, args=("unmark", token))
    for span in spans:
        st.text(f"{span.tag}: {text[span.start : span.end]}")


def _verdicts(desk: Desk, sitting: Sitting, token: str) -> None:
    """The verdicts; while one waits for its reason the digits are reasons."""
    with st.container(horizontal=True):
        for shortcut, choice, words in VERDICTS[desk.study.kind]:
            verb = "ask" if choice in REASONS else "vote"
            own = None if sitting.asking else shortcut
            _button(sitting, words, own, (verb, token, choice))
    if sitting.asking:
        st.text("Why?")
        with st.container(horizontal=True):
            for place, words in enumerate(REASONS[sitting.asking], 1):
                _button(sitting, words.capitalize(), str(place), (sitting.asking, token, words))


def _passing(sitting: Sitting, token: str) -> None:
    with st.container(horizontal=True):
        _button(sitting, "Skip", "S", ("ask", token, "skip"))
        _button(sitting, "Flag", "F", ("ask", token, "flag"))
        _button(sitting, "Next", "N", ("later", token))
        _button(sitting, "Pause", "P", ("pause", token))


def _button(sitting: Sitting, label: str, shortcut: str | None, deed: tuple[str, ...]) -> None:
    key = "_".join(part for part in (deed[1], deed[0], *deed[2:]) if part)
    st.button(label, key=key.replace(" ", "_"), shortcut=shortcut, on_click=sitting.press, args=deed)


def _nothing(desk: Desk, sitting: Sitting) -> None:
    progress = desk.service.progress(desk.study.name, desk.rater)
    pairs = [] if progress.left or progress.practice_left else desk.guesses()
    if pairs:
        pair = pairs[0]
        sitting.begin(pair.token)
        st.text(GUESS_QUESTION)
        _text("A", pair.a)
        _text("B", pair.b)
        with st.container(horizontal=True):
            for place, (word, words) in enumerate(GUESSES, 1):
                _button(sitting, words, str(place), ("guess", pair.token, word))
    elif progress.left:
        st.text(f"Nothing for you just now: {progress.left} items are with other raters for at most 15 minutes.")
    else:
        st.text("This study is closed. Thank you." if desk.closed() else "You have judged everything. Thank you.")


GUESSES = (("same", "The same model"), ("different", "Two different models"), ("do not know", "I do not know"))


def _votes(desk: Desk, sitting: Sitting) -> None:
    """The rater's own votes, each of which can be taken back, the last with U."""
    votes = desk.past()
    if not votes:
        return
    with st.expander("My votes"):
        for place, vote in enumerate(votes):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(f"{vote['choice']}: {vote['words']}")
                back, key = partial(sitting.undo, vote["token"]), f"{vote['token']}_back"
                st.button("Take back", key=key, on_click=back, shortcut=None if place else "U")
