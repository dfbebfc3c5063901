"""What the page Adjudicate says: decisions and votes in words, and how adjudication stands in figures."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from curation.shares import percent
from dashboard.plain import plain
from judges.adjudication import AdjudicationFigures
from judges.conflicts import CONFLICT, STRENGTH, Conflict, Opinion
from judges.settled import SET_ASIDE
from judges.study_words import share

WORDS = {
    **{"a_much": "A is much better", "a": "A is better", "tie": "Equally good"},
    **{"b": "B is better", "b_much": "B is much better", "both_bad": "Both are bad"},
    **{"accept": "Accept", "reject": "Reject", "edit": "Needs an edit", "clean": "Clean", "marked": "Has marks"},
    **{"skip": "Passed on", "flag": "Flagged", SET_ASIDE: "Set aside"},
}
SHOWN: dict[str, float | None] = {"Conflicts": CONFLICT, "Differences of degree": STRENGTH, "All": 0.0, "Settled": None}
"""What the page may list, with the value an item must have; None lists what is settled."""
ANOTHER = "Another text"
PROMPT_WORDS = 90


def word(choice: str) -> str:
    """A choice in words; a label of a study rated elsewhere is its own."""
    return WORDS.get(choice, choice)


def label(choice: str) -> str:
    """A choice as the label of a button, in which a word of somebody else is no Markdown."""
    return WORDS.get(choice) or plain(choice)


def keys(choices: Sequence[str]) -> list[tuple[str, str]]:
    """The key of each choice: numbers from 1 in their order, 0 for setting aside, none beyond 9.

    >>> keys(["accept", "reject", "set_aside"])
    [('accept', '1'), ('reject', '2'), ('set_aside', '0')]
    """
    numbered = [choice for choice in choices if choice != SET_ASIDE]
    found = [(choice, str(k) if k < 10 else "") for k, choice in enumerate(numbered, start=1)]
    return found + [(choice, "0") for choice in choices if choice == SET_ASIDE]


def figures(found: AdjudicationFigures, now: datetime) -> list[tuple[str, str, str]]:
    """Label, value and words of each figure above the page."""
    gaps: Mapping[str, Any] = found.categories.get("guideline gap") or {}  # type: ignore[assignment]
    stated = sum(int(row["items"]) for row in found.categories.values() if isinstance(row, dict))  # type: ignore[arg-type]
    mine = f"; {found.barred} open ones are not yours, because you voted on them or flagged them"
    barred = mine if found.barred else ""
    flagged = f"{found.flagged:,} flagged; " if found.flagged else ""
    over: Mapping[str, Any] = found.overruled
    none = percent(0)
    return [
        ("Open conflicts", f"{found.open:,}", f"{flagged}{found.settled:,} settled{barred}"),
        ("Oldest", age(found.oldest, now), "since its last vote" if found.oldest else "no conflict is open"),
        (
            "Majority overruled",
            _shown(over),
            f"{share(over)} of settled items with a majority, n = {over['n']}" if over["n"] else "none with a majority",
        ),
        (
            "Guideline gaps",
            (_shown(gaps) if gaps else none) if stated else "none yet",
            f"{share(gaps) if gaps else none} of the causes stated, n = {stated}" if stated else "no cause was stated",
        ),
        ("Alpha", _alpha(found.alpha), _alpha_words(found)),
    ]


def age(at: str | None, now: datetime) -> str:
    """How long ago something was: `3 d`, `5 h`, `12 min`.

    >>> age("2026-01-01T00:00:00.000Z", datetime.fromisoformat("2026-01-03T01:00:00+00:00"))
    '2 d'
    """
    if at is None:
        return "none"
    minutes = int((now - datetime.fromisoformat(at)).total_seconds() // 60)
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 120 else f"{max(0, minutes)} min"


def _shown(row: Mapping[str, Any]) -> str:
    return "none yet" if row.get("share") is None else percent(row["share"])


def _alpha(row: Mapping[str, Any]) -> str:
    return "not defined" if row["value"] is None else f"{row['value']:.2f}"


def _alpha_words(found: AdjudicationFigures) -> str:
    ci: Any = found.alpha["ci"]
    words = f"of {found.alpha['n']} items" + (f", 95 % interval {ci[0]:.2f} to {ci[1]:.2f}" if ci else "")
    if found.before is None or found.after is None:
        return words
    return f"{words}; {_alpha(found.before)} before the last guideline, {_alpha(found.after)} since"


def said(opinion: Opinion) -> list[str]:
    """What one rater said of an item, a line each: the vote, its reason, comment, scores, marks."""
    seconds = f" after {opinion.dwell_ms / 1000:.1f} s" if opinion.dwell_ms else ""
    lines = [f"{opinion.rater}: {word(opinion.choice)}{seconds}"]
    lines += [text for text in (opinion.reason, opinion.comment) if text]
    if opinion.scores:
        lines.append(", ".join(f"{name} {score}" for name, score in opinion.scores.items()))
    return lines


def marks(opinion: Opinion, conflict: Conflict) -> list[str]:
    """The pieces of text one rater marked, each with its tag."""
    texts = {"prompt": conflict.prompt, "a": conflict.a, "b": conflict.b or ""}
    return [f"{span.tag}: {texts[span.pane][span.start : span.end]}" for span in opinion.spans]


def edits(conflict: Conflict) -> list[str]:
    """A label for each different edit of an item, in the order of `conflict.edits`, and one for another text."""
    return [" and ".join(raters) for raters in conflict.edits.values()] + [ANOTHER]


def waiting(queue: Sequence[Conflict]) -> pl.DataFrame:
    """The items listed, in their order: place, how far the votes are apart, what was said, the prompt's beginning.

    A flag is among what was said.
    """
    rows = [
        {
            "place": place,
            "apart": conflict.apart,
            "said": ", ".join(word(vote.choice) for vote in conflict.votes),
            "decision": word(conflict.decision.choice) if conflict.decision else None,
            "prompt": " ".join(conflict.prompt.split())[:PROMPT_WORDS],
        }
        for place, conflict in enumerate(queue, start=1)
    ]
    schema = {"place": pl.Int64, "apart": pl.Float64, "said": pl.String, "decision": pl.String, "prompt": pl.String}
    return pl.DataFrame(rows, schema=schema)


def causes(found: AdjudicationFigures) -> pl.DataFrame:
    """Why raters differed, the commonest cause first: items, share, its interval."""
    rows = [
        {"cause": cause, "items": row["items"], "share": share(row)}
        for cause, row in found.categories.items()
        if isinstance(row, dict)
    ]
    return pl.DataFrame(rows, schema={"cause": pl.String, "items": pl.Int64, "share": pl.String})
