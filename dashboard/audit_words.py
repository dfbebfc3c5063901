"""What an event of the ledger says, in a sentence a person reads; an event of an unknown kind says its fields."""

from collections.abc import Mapping

from pydantic import JsonValue

SENTENCES: dict[str, str] = {
    "seal": "Version {version:.12} was sealed",
    "run": "Run {run}: {report kept} of {report samples} samples kept, {report calls} calls, {report seconds} s",
    "erase": "{replies} raw replies from before {before:.10} were erased: {rule}",
    "verified": "Version {version:.12} and the chain were checked: problems {problems}",
    "gate": "{outcome}, n {n}: {candidate} against {baseline}",
    "panel": "Weights of the judges by gold: {weights}",
    "quarantine": "Sample {sample:.12}: {ruling}; {why}",
    "scrub_ruling": "Prompt {prompt:.12}: {ruling}; {why}",
    "raw_viewed": "Sample {sample:.12} was looked at as it was before scrubbing",
    "gold": "Gold set {name}, version {number} of {items} rows: {note}",
    "gold_sealed": "Gold set {name} was sealed at version {number}",
    "person_added": "{email} has the roles {roles}",
    "person_removed": "{email} has no role any more",
    "invite_made": "{name} was invited to study {study} as {role} for {days} days",
    "invite_opened": "The invite of {name} to study {study} was opened",
    "invite_revoked": "The invite of {name} to study {study} was taken back",
    "review_opened": "Study {name} was opened: {kind}, {items} items, overlap {overlap}",
    "review_drawn": "How the items of study {study} were drawn: {how}",
    "review_guideline": "Study {study} has another guideline from now on, {guideline:.12}",
    "review_imported": "Study {name} was read in, closed: {kind}, {items} items, {source votes} votes",
    "review_closed": "Study {study} was closed",
    "review_unblinded": "Study {study} was exported with its sources: {votes} votes, names of raters {rater_names}",
    "standing_declared": "Standing study {name} is asked as declared: series {number}",
    "wave_begun": "Wave {number} of standing study {name} is study {study}",
    "vote": "Said {choice} in study {study}",
    "vote_undone": "A vote in study {study}, on presentation {presentation:.12}, was taken back",
    "vote_source_guess": "Said {word} about two sources in study {study}",
    "vote_adjudicated": "Item {position} of study {study} was settled: {verdict}",
    "vote_adjudication_deferred": "Item {position} of study {study} was put off",
}
"""A sentence for each kind of event; `{report kept}` is the field `kept` of the field `report`, `:.12` a beginning."""


def sentence(kind: str, body: Mapping[str, JsonValue]) -> str:
    """What an event says; its fields where its kind has no sentence, or where it lacks a field of it.

    >>> sentence("seal", {"version": "3fa29c01d4a031d36c29"})
    'Version 3fa29c01d4a0 was sealed'
    >>> sentence("note", {"n": 1200, "to": ["ana", "ben"], "done": True})
    'n: 1,200, to: ana and ben, done: yes'
    """
    found = SENTENCES.get(kind)
    try:
        return fields(body) if found is None else found.format_map(_flat(body)).removesuffix("; ").removesuffix(": ")
    except KeyError:
        return fields(body)


def fields(body: Mapping[str, JsonValue]) -> str:
    """`field: value, field: value`."""
    return ", ".join(f"{name.replace('_', ' ')}: {_word(value)}" for name, value in body.items())


def _flat(body: Mapping[str, JsonValue]) -> dict[str, str]:
    """Every field in words, those inside another field under both names."""
    inner = {f"{n} {k}": _word(v) for n, found in body.items() if isinstance(found, dict) for k, v in found.items()}
    return {**inner, **{name: _word(value) for name, value in body.items()}}


def _word(value: JsonValue) -> str:
    """A value in words: a list of names as they are said, of anything else only how many."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case str():
            return " ".join(value.split())
        case list():
            return _listed(value)
        case dict():
            return ", ".join(f"{name} {_word(found)}" for name, found in value.items()) or "none"


def _listed(values: list[JsonValue]) -> str:
    if any(isinstance(value, list | dict) for value in values):
        return f"{len(values)} of them"
    words = [_word(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words) or "none"
