"""A closed study as tasks that Label Studio 1.x imports, with the labelling configuration that fits them.

Its import keeps of an annotation what was answered, its seconds, and whether it was skipped, and refuses a
`completed_by` that names no member of the project. So none is written: who voted, when and in which order stands in the
task's `meta`, by the id of a result, and both survive the way in and out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from xml.etree import ElementTree as Xml

from pydantic import JsonValue

from curation.store.adjudications import Adjudication
from curation.store.review_records import CHOICES, Ballot, Design, Item, Study
from curation.store.reviews import Reviews
from curation.store.store import Store
from judges.conflicts import flipped, seen
from judges.review_argilla import BESIDE, OWN, QUESTION, own_part
from judges.review_labelstudio import MARKS

OWN_NAMES = {QUESTION, "reason", "comment", "edit", *MARKS.values(), "prompt", "a", "b"}
"""Names of the configuration's tags; a criterion that has one of them is told in `meta` alone."""
NOTES = {"reason": "Reason", "comment": "Comment", "edit": "The answer as it should be"}
UNWRITTEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold."""


def task_of(
    study: Study, position: int, item: Item, ballots: Sequence[Ballot], settled: Adjudication | None = None
) -> dict[str, JsonValue]:
    """An item with its votes as a task; a choice says `a` for the first answer whatever order its rater saw.

    `meta` names the sources: Label Studio shows it to nobody who labels, and who can export the project can read it.
    """
    data: dict[str, JsonValue] = {
        "item": str(position), "question": study.question, "prompt": item.prompt, "a": item.first,
    }  # fmt: skip
    if item.second is not None:
        data["b"] = item.second
    if kind := own_part(study, None):
        data[OWN] = kind  # JSON-MIN leaves `meta` out
    about = {key: value for key, value in item.model_dump(include=set(BESIDE)).items() if value is not None}
    votes: dict[str, JsonValue] = {f"vote-{k}": _telling(study, ballot) for k, ballot in enumerate(ballots)}
    meta: dict[str, JsonValue] = {"study": study.name, **about, "votes": votes}
    if settled is not None:
        meta["final"] = seen(settled.verdict, settled.points, swap=False)
    if own := own_part(study, None, settled):
        meta[OWN] = own
    annotations: list[JsonValue] = [_annotation(f"vote-{k}", item, ballot) for k, ballot in enumerate(ballots)]
    return {"data": data, "meta": meta, "annotations": annotations, "predictions": []}


def _telling(study: Study, ballot: Ballot) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"rater": ballot.rater, "swap": ballot.swap, "at": ballot.at}
    own = own_part(study, ballot)
    return {**told, OWN: own} if own else told


def _annotation(key: str, item: Item, ballot: Ballot) -> dict[str, JsonValue]:
    results = chain(_answers(key, ballot), _marks(key, item, ballot))
    return {
        "result": list(results),
        "was_cancelled": ballot.choice == "skip",
        "ground_truth": False,  # left out, Label Studio takes every imported annotation for one
        "lead_time": ballot.dwell_ms / 1000,
        "created_at": ballot.at,
    }


def _answers(key: str, ballot: Ballot) -> Iterator[JsonValue]:
    """The choice, what was written and what was scored; the first of them has the vote's key as its id."""
    choice = flipped(ballot.choice) if ballot.swap else ballot.choice
    yield _result(key, QUESTION, "choices", value={"choices": [choice]})
    for name in NOTES:
        note = ballot.reason if name == "reason" else getattr(ballot.details, name)
        if note is not None:
            yield _result(f"{key}-{name}", name, "textarea", value={"text": [note]})
    for k, (name, points) in enumerate(ballot.details.scores.items()):
        if name not in OWN_NAMES:
            yield _result(f"{key}-score-{k}", name, "rating", value={"rating": points})


def _marks(key: str, item: Item, ballot: Ballot) -> Iterator[JsonValue]:
    texts = {"prompt": item.prompt, "a": item.first, "b": item.second or ""}
    for k, span in enumerate(ballot.details.spans):
        pane = flipped(span.pane) if ballot.swap else span.pane
        value: dict[str, JsonValue] = {"start": span.start, "end": span.end, "labels": [span.tag]}
        value["text"] = texts[pane][span.start : span.end]
        yield _result(f"{key}-mark-{k}", MARKS[pane], "labels", pane, value=value)


def _result(ident: str, name: str, kind: str, to: str = "a", *, value: Mapping[str, JsonValue]) -> JsonValue:
    return {"id": ident, "from_name": name, "to_name": to, "type": kind, "origin": "manual", "value": dict(value)}


def labelling_config(store: Store, name: str) -> bytes:
    """The labelling configuration, as XML, of a project that holds the tasks of this study."""
    reviews = Reviews(store.state)
    return _config(reviews.study(name), reviews.design(name), reviews.ballots(name))


def _config(study: Study, design: Design, ballots: Sequence[Ballot]) -> bytes:
    view = Xml.Element("View")
    Xml.SubElement(view, "Header", value="$question")
    panes = {"prompt": "Prompt"} | ({"a": "A", "b": "B"} if study.kind == "pairwise" else {"a": "Answer"})
    for pane, heading in panes.items():
        Xml.SubElement(view, "Header", value=heading)
        Xml.SubElement(view, "Text", name=pane, value=f"${pane}")
    _menu(view, "Choices", QUESTION, "a", CHOICES[study.kind] + _others(study, ballots))
    written = (*NOTES,) if study.kind == "edit" else ("reason", "comment")
    for note in written:
        Xml.SubElement(view, "Header", value=NOTES[note])
        Xml.SubElement(view, "TextArea", name=note, toName="a", maxSubmissions="1", rows="3")
    for criterion, most in _scales(design, ballots).items():
        Xml.SubElement(view, "Header", value=_written(criterion))
        Xml.SubElement(view, "Rating", name=_written(criterion), toName="a", maxRating=str(most))
    for pane, tags in _tags(study, design, ballots).items():
        _menu(view, "Labels", MARKS[pane], pane, tags)
    Xml.indent(view)
    return Xml.tostring(view, encoding="utf-8") + b"\n"


def _menu(view: Xml.Element, tag: str, name: str, to: str, words: Sequence[str]) -> None:
    single = {"choice": "single"} if tag == "Choices" else {}
    menu = Xml.SubElement(view, tag, {"name": name, "toName": to, **single})
    for word in words:
        Xml.SubElement(menu, tag.removesuffix("s"), value=_written(word))


def _written(text: str) -> str:
    return UNWRITTEN.sub("\ufffd", text)


def _others(study: Study, ballots: Sequence[Ballot]) -> tuple[str, ...]:
    """Labels of an imported study that are no choice of its kind."""
    return tuple(sorted({b.choice for b in ballots} - set(CHOICES[study.kind])))


def _scales(design: Design, ballots: Sequence[Ballot]) -> dict[str, int]:
    """The most points of each criterion; the most that was given where the study came from elsewhere."""
    scales: dict[str, int] = {}
    for ballot in ballots:
        for name, points in ballot.details.scores.items():
            scales[name] = max(points, scales.get(name, 1))
    scales |= {c.name: len(c.anchors) for c in design.criteria}
    return {name: most for name, most in scales.items() if name not in OWN_NAMES}


def _tags(study: Study, design: Design, ballots: Sequence[Ballot]) -> dict[str, list[str]]:
    """What may be marked in each text: the tags of the study and those that were used."""
    tags: dict[str, dict[str, None]] = {"a": dict.fromkeys(design.tags)} if study.kind == "spans" else {}
    for ballot in ballots:
        for span in ballot.details.spans:
            pane = flipped(span.pane) if ballot.swap else span.pane
            tags.setdefault(pane, dict.fromkeys(design.tags))[span.tag] = None
    return {pane: list(known) for pane, known in tags.items() if known}
