"""Scrub: what personal data was found, what became of it, and what waits for a person to rule on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from curation.errors import InputError
from curation.people import Person
from curation.quarantine import Quarantine
from curation.scrub.before import Gone, Original
from curation.scrub.held import Doubt, HeldPrompt, HeldPrompts, Piece
from curation.scrub.scrubber import Scrubber
from curation.shares import percent
from curation.store.scrub_rulings import Mark
from curation.task import read_task
from dashboard import charts, queries
from dashboard.marking import Spot, pane
from dashboard.views import house

ZONES = {
    "clean": "Samples in which nothing personal was found, neither in the prompt nor in the answer.",
    "masked": "Samples with at least one value in prompt or answer replaced by its kind, such as [EMAIL].",
    "uncertain": "Samples that may hold something more: it scored just below the cut, or a secret has no end. "
    "They wait below until a person rules.",
}
LISTED = 200
"""Waiting items offered at once."""
SAID = "scrub_said"
SEEN = "scrub_seen"
"""What this tab was shown as it came: drawing it once more is not looking at it again."""


def render() -> None:
    """Draw the page."""
    manifest = house.heading("Scrub", "What personal data was found, what became of it, and what waits for a person?")
    if manifest is None:
        house.empty("Nothing is sealed here yet", f"stillhouse -C {house.root()} run")
        return
    task = read_task(house.root() / "task.toml")
    scrubber = Scrubber.today(task.scrub, house.store().keys.scrub)
    figures = _figures(house.root(), manifest.version, scrubber.fingerprint, scrubber)
    _zones(figures.zones)
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(border=True, height="stretch"):
        _types(figures.types)
    with right, st.container(border=True, height="stretch"):
        _detectors(figures)
    st.header("Waiting for a person", anchor=False)
    if manifest.version == house.store().versions.head():
        who = house.person()
        _quarantine(Quarantine(house.store(), task, who), who)
    else:
        st.caption("People rule on the newest version; pick it above to see what waits.")


@st.cache_data(show_spinner=False, max_entries=8)
def _figures(folder: Path, version: str, fingerprint: str, _scrubber: Scrubber) -> queries.ScrubFigures:
    """Counts alone: what is cached holds no text."""
    return queries.scrub_figures(house.query(version), house.store().versions.manifest(version), _scrubber)


def _zones(zones: pl.DataFrame) -> None:
    with st.container(border=True):
        st.altair_chart(charts.zones(zones), alt="Samples in each zone: clean, masked, uncertain")
        total = max(1, zones["n"].sum())
        with st.grid(len(ZONES), min_column_width=110, gap="small"):
            for zone, n in zones.rows():
                with st.container(gap="xxsmall"):
                    st.metric(f"{zone.capitalize()} samples", f"{n:,}", help=ZONES[zone])
                    st.caption(f"{percent(n / total, '.1f')} of all")


def _types(types: pl.DataFrame) -> None:
    st.header("What was found", anchor=False)
    if types.is_empty():
        st.caption("Nothing personal was found in this version.")
        return
    st.altair_chart(charts.found(types), alt="Masked places by kind, prompts and answers apart")
    st.caption("A prompt counts once, however many samples it has.")


def _detectors(figures: queries.ScrubFigures) -> None:
    st.header("Who found it", anchor=False)
    config = {
        "detector": st.column_config.TextColumn("Detector"),
        "version": st.column_config.TextColumn("Version", width=70),
        "found": st.column_config.NumberColumn("Found", width=70),
        "shape_only": st.column_config.NumberColumn(
            "Shape only", format="percent", help="Share with the right shape and a checksum that does not fit."
        ),
        "score": st.column_config.NumberColumn("Mean score", format="%.2f"),
        "settings": st.column_config.TextColumn("Settings"),
    }
    shown = figures.detectors.drop("prompts", "answers")
    shown = shown if (shown["settings"] != "").any() else shown.drop("settings")
    if shown.is_empty():
        st.caption("No detector looked at this version.")
    else:
        st.dataframe(shown, column_config=config, hide_index=True, placeholder="", alt="Detectors and what each found")
    point, action = figures.settings.get("point"), figures.settings.get("action")
    if not figures.settings.get("entities"):
        st.caption("This version was sealed with scrubbing switched off.")
    else:
        st.caption(f"Operating point: {point}. Action: {action}.")
    if isinstance(allowed := figures.settings.get("allow"), list) and allowed:
        st.caption("Left alone, by the allow-list of the task:")
        st.text("\n".join(map(str, allowed)))


# --- what waits ------------------------------------------------------------------------------------------------


def _quarantine(quarantine: Quarantine, who: Person) -> None:
    if said := st.session_state.pop(SAID, None):
        st.success(said, icon=":material/check_circle:")
    everything = quarantine.waiting().filter(pl.col("step") == "scrub")
    everything = everything.sort(pl.col("answer").is_not_null(), maintain_order=True)  # what was not asked comes first
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ruled = st.toggle("Also those ruled on", key="ruled", bind="query-params")
        shown = everything if ruled else everything.filter(pl.col("ruling").is_null())
        if shown.is_empty():
            st.text("Nothing waits." if everything.is_empty() else "Nothing waits: the next run applies the rulings.")
            return
        listed = {row["id"]: row for row in shown.head(LISTED).iter_rows(named=True)}
        waiting = f"{shown.height:,} {'waits' if shown.height == 1 else 'wait'}"
        item = st.selectbox(waiting, list(listed), format_func=lambda i: _label(listed[i]), key="item")
        by = house.by(st.container(width=240), "scrub_by")
    row = listed[item or next(iter(listed))]
    with st.container(border=True):
        _item(quarantine, row, who, by)


def _label(row: dict[str, Any]) -> str:
    what = "prompt" if row["answer"] is None else f"answer of {row['teacher']} to"
    ruled = f" ({row['ruling']})" if row["ruling"] else ""
    return f"{what} {row['prompt_id']}: {row['reason'].replace('_', ' ')}{ruled}"


def _item(quarantine: Quarantine, row: dict[str, Any], who: Person, by: str) -> None:
    st.text(row["words"] or "")
    st.caption("A prompt that nobody was asked yet." if row["answer"] is None else "An answer that came back.")
    if row["answer"] is None:
        _prompt(quarantine, row, who, by)
    else:
        _answer(quarantine, row, who, by)


def _prompt(quarantine: Quarantine, row: dict[str, Any], who: Person, by: str) -> None:
    held = quarantine.prompts.one(row["prompt_id"])
    texts = [message.content for message in held.messages]
    doubts = quarantine.prompts.doubts(texts)
    place = st.container()
    rules = who.may("rule_on_held")
    more = _more(quarantine.prompts, held, doubts) if rules else []
    with place:
        marks = quarantine.prompts.marks(held, more) if more else ()
        added = [(m.message, Spot(m.start, m.end, m.entity.lower(), "added")) for m in marks]
        spots = _spots(quarantine.prompts, texts, doubts, added)
        _panes(quarantine, row["id"], texts, spots, [message.role for message in held.messages], (who, by))
    if not rules:
        return
    why = st.text_input("Why, for the ledger", key=f"why_{held.key}", max_chars=200)
    with st.container(horizontal=True):
        approve = st.button("Approve as it is masked", type="primary", shortcut="Alt+A", icon=":material/check:")
        correct = st.button("Mask more, then ask", disabled=not more, shortcut="Alt+M", icon=":material/ink_marker:")
    if (approve or correct) and _named(by):
        if approve:
            quarantine.prompts.approve(held.id, by, why)
        else:
            quarantine.prompts.correct(held.id, more, by, why)
        _recorded("approved" if approve else "corrected", "stillhouse run asks the prompt")


def _more(prompts: HeldPrompts, held: HeldPrompt, doubts: Sequence[Doubt]) -> list[Mark | Piece]:
    """What the person wants masked as well: things in doubt, and pieces of the text that they type."""
    pieces: list[Piece] = st.session_state.setdefault(f"pieces_{held.key}", [])
    picked = f"more_{held.key}"
    left, right = st.columns(2, gap="medium")
    with (
        right,
        st.form(f"piece_{held.key}", clear_on_submit=True, border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        text = st.text_input("Something else is personal", placeholder="copy it from the text after masking")
        kind = st.selectbox("It is a", prompts.kinds, index=prompts.kinds.index("person"), width=160)
        added = Piece(text.strip(), kind)
        if st.form_submit_button("Add") and _occurs(prompts, held, added) and added not in pieces:
            pieces.append(added)
            st.session_state[picked] = [*st.session_state.get(picked, []), len(doubts) + len(pieces) - 1]
    found = [Mark(message=d.message, start=d.start, end=d.end, entity=d.entity) for d in doubts]
    options: list[Mark | Piece] = [*found, *pieces]
    with left:
        numbers = st.multiselect(
            "Mask as well",
            range(len(options)),
            format_func=lambda n: _told(held, options[n]),
            key=picked,
            placeholder="what is in doubt, and what you add",
            disabled=not options,
        )
    return [options[n] for n in numbers]


def _told(held: HeldPrompt, option: Mark | Piece) -> str:
    if isinstance(option, Piece):
        return f"{option.kind}: {option.text}"
    return f"{option.entity}: {held.messages[option.message].content[option.start : option.end]}"


def _occurs(prompts: HeldPrompts, held: HeldPrompt, piece: Piece) -> bool:
    try:
        prompts.marks(held, [piece])
    except InputError as error:
        st.warning("This cannot be masked.")
        st.text(str(error))
        return False
    return True


def _answer(quarantine: Quarantine, row: dict[str, Any], who: Person, by: str) -> None:
    st.caption("Asked")
    st.text(row["prompt"])
    texts = [row["answer"]]
    spots = _spots(quarantine.prompts, texts, quarantine.prompts.doubts(texts))
    _panes(quarantine, row["id"], texts, spots, ["answer"], (who, by))
    if not who.may("rule_on_held"):
        return
    with st.form(f"answer_{row['id']}", border=False):
        answer = st.text_area("The right answer", row["answer"], height=120)
        why = st.text_input("Why, for the ledger", max_chars=200)
        with st.container(horizontal=True):
            approve = st.form_submit_button("Approve as it is masked", type="primary", icon=":material/check:")
            correct = st.form_submit_button("Use the answer above", icon=":material/edit:")
    if (approve or correct) and _named(by):
        try:
            quarantine.approve(row["id"], by, why) if approve else quarantine.correct(row["id"], answer or "", by, why)
        except InputError as error:
            st.warning("This answer cannot be used.")
            st.text(str(error))
            return
        _recorded("approved" if approve else "corrected", "stillhouse run asks nobody")


def _spots(
    prompts: HeldPrompts, texts: Sequence[str], doubts: Sequence[Doubt], added: Sequence[tuple[int, Spot]] = ()
) -> list[list[Spot]]:
    """What is marked in each text after masking; what a person adds outweighs a doubt at the same place."""
    return [
        [
            *(spot for number, spot in added if number == i),
            *(Spot(s.start, s.end, s.entity.lower()) for s in prompts.masks(text)),
            *(Spot(d.start, d.end, d.entity, "doubt") for d in doubts if d.message == i),
        ]
        for i, text in enumerate(texts)
    ]


def _panes(
    quarantine: Quarantine,
    ident: str,
    texts: Sequence[str],
    spots: Sequence[Sequence[Spot]],
    names: Sequence[str],
    looks: tuple[Person, str],
) -> None:
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        _on_request(quarantine, ident, names, *looks)
    with right, st.container(border=True, height="stretch"):
        st.markdown("**After**")
        _texts(texts, spots, names, "after masking")


def _on_request(quarantine: Quarantine, ident: str, names: Sequence[str], who: Person, by: str) -> None:
    """The text as it came, for those who may see it; that they looked is written down, once for each item."""
    if not who.may("see_raw"):
        st.caption("The text as it came is for auditors and admins.")
        return
    show = st.toggle(
        "Before",
        key="before",
        help="Read again from where it came and kept in memory only; nothing of it is written to disk. "
        "That you looked is written into the ledger.",
    )
    if not show:
        st.caption("The text as it came is shown when you ask for it.")
        return
    seen: set[str] = st.session_state.setdefault(SEEN, set())
    _before(quarantine.before(ident, by, again=ident in seen), names)
    seen.add(ident)


def _before(before: Original | Gone, names: Sequence[str]) -> None:
    # Nothing here may be cached: what is shown holds values in the clear.
    if isinstance(before, Gone):
        st.info("The text from before cannot be shown.")
        st.text(before.why)
        return
    spots = [[Spot(s.start, s.end, s.entity.lower()) for s in spans] for spans in before.spans]
    _texts(before.texts, spots, names, "before masking")


def _texts(texts: Sequence[str], spots: Sequence[Sequence[Spot]], names: Sequence[str], when: str) -> None:
    for text, found, name in zip(texts, spots, names, strict=False):
        if len(texts) > 1:
            st.caption(name)
        st.html(pane(text, found, f"{name}, {when}"))


def _named(by: str) -> bool:
    if not by:
        st.warning("Say who you are first, above.")
    return bool(by)


def _recorded(what: str, then: str) -> None:
    st.session_state[SAID] = f"Recorded: {what}. The next run applies it ({then})."
    st.rerun()
