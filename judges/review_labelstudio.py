"""Label Studio's tasks as ratings: its JSON, tasks with their annotations, and its JSON-MIN, an object for each one.

Both are read as version 1 writes them. A task's data hold the texts, an annotation what one person answered to each
control of the project. `predictions` are suggestions of models, and nobody's vote.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, cast

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, ValidationError

from judges.conflicts import flipped
from judges.review_argilla import BESIDE, OWN, QUESTION

Row = dict[str, Any]
TEXTS = ("prompt", "a", "b")
NOTES = ("reason", "comment", "edit")
"""Text areas that are read, by name."""
MARKS = {"a": "marks", "prompt": "marks_prompt", "b": "marks_b"}
"""The control of our own export that marks each text; JSON-MIN says only by it which text was marked."""
TOLD = ("rater", "swap", "at", OWN)
"""What our own export says of a vote in a task's `meta`: Label Studio keeps neither its times nor strangers' names."""
ASKED = ("choices", "pairwise")
"""Types of a control that can be the question; a rating is one where nothing else is."""
OF_FLAT = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
"""What JSON-MIN writes beside a task's data and the names of its controls."""
TYPES = {"selected": "pairwise", "rating": "rating", "labels": "labels", "choices": "choices", "text": "textarea"}
"""By which key JSON-MIN tells what an answer is."""


class _Unread(ValueError):
    """Why an annotation is no rating; it becomes the reason of a row and leaves this module never."""


def _name(user: object) -> str | None:
    """A user as what names them: an address where the export has one, else the number."""
    if isinstance(user, dict):
        known = cast("Row", user)
        return _name(known.get("email") or known.get("id"))
    if user is not None and (isinstance(user, bool) or not isinstance(user, int | str)):
        raise ValueError("neither a number nor a user")
    return None if user is None else str(user)


class _Result(BaseModel):
    """What was answered to one control; a relation between two marks has no name."""

    id: Any = None
    from_name: str | None = None
    to_name: Any = None
    type: str = ""
    value: dict[str, Any] = Field(default_factory=dict)


class _Annotation(BaseModel):
    """What is read of an annotation."""

    completed_by: Annotated[str | None, BeforeValidator(_name)] = None
    result: list[_Result] | None = None
    was_cancelled: StrictBool | None = None
    ground_truth: StrictBool | None = None
    lead_time: Annotated[float | None, Field(strict=True, ge=0, allow_inf_nan=False)] = None
    created_at: str | None = None


class _Task(BaseModel):
    """What is read of a task; its annotations are read one by one, so that a bad one harms no other."""

    id: str | int | None = None
    data: dict[str, Any]
    meta: Any = None
    annotations: list[Any] | None = None
    drafts: list[Any] | None = None


class _Asked(NamedTuple):
    """What a task's annotations are about: the item as a rating row, the question, what our own export told."""

    item: Row
    question: str | None
    told: Mapping[str, Any]
    columns: Mapping[str, str]


def is_task(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a task of Label Studio's, or an annotation of its JSON-MIN, rather than a rating."""
    return ("data" in value and ("annotations" in value or "predictions" in value)) or _is_flat(value)


def _is_flat(value: Mapping[str, Any]) -> bool:
    return "annotator" in value and "annotation_id" in value


def suggestions_in(value: Mapping[str, Any]) -> int:
    """How many predictions of models a task holds; they are nobody's vote."""
    given = value.get("predictions")
    return len(cast("list[Any]", given)) if isinstance(given, list) and not _is_flat(value) else 0


def ratings_of(value: Mapping[str, Any], columns: Mapping[str, str]) -> list[Row | str]:
    """A task's annotations as rating rows, or the reason why one is none; a task without any is an item alone.

    `columns` names a field of the data, or a control, where it is not called as ours: `prompt`, `a`, `b`, `item`;
    `choice`, `reason`, `comment`, `edit`.
    """
    try:
        task = _of_flat(value, columns) if _is_flat(value) else _Task.model_validate(value)
    except ValidationError as error:
        return [f"no task of Label Studio's: {_first(error)}"]
    item, told = _item(task, columns)
    given = [_annotation(each) for each in task.annotations or []]
    drafts: list[Row | str] = ["a draft, not submitted"] * len(task.drafts or [])
    if lacking := [key for key in ("prompt", "a") if key not in item]:
        known = ", ".join(task.data) or "none"
        return [f"its data have no {lacking[0]!r}; say which field is (fields: {known})"] * max(1, len(given))
    if not given and not drafts:
        return [item]
    names = _questions([each for each in given if isinstance(each, _Annotation)])
    wanted = columns.get(QUESTION, QUESTION)
    if len(names) > 1 and wanted not in names:
        return [f"its annotations answer {', '.join(sorted(names))}; say which is the choice"] * len(given) + drafts
    question = wanted if wanted in names else next(iter(names), None)
    asked = _Asked(item, question, told, columns)
    return [each if isinstance(each, str) else _read(each, asked) for each in given] + drafts


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc'])) or 'it'}: {found['msg'].removeprefix('Value error, ')}"


def _annotation(given: object) -> _Annotation | str:
    try:
        return _Annotation.model_validate(given)
    except ValidationError as error:
        return f"no annotation of Label Studio's: {_first(error)}"


def _item(task: _Task, columns: Mapping[str, str]) -> tuple[Row, Mapping[str, Any]]:
    """A task as a rating row without a vote, and what our own export told of its votes."""
    meta = cast("Row", task.meta) if isinstance(task.meta, dict) else {}
    taken = set(columns.values())
    known = {key: value for key, value in task.data.items() if key not in taken} | meta
    known |= {key: task.data[theirs] for key, theirs in columns.items() if theirs in task.data}
    item: Row = {"item": known.get("item", task.id)}
    item |= {key: known[key] for key in (*TEXTS, *BESIDE, OWN) if known.get(key) is not None}
    votes = meta.get("votes")
    return item, cast("Row", votes) if isinstance(votes, dict) else {}


def _questions(given: Sequence[_Annotation]) -> set[str]:
    """The controls that may be the question: those with choices or sides, and ratings where there is none."""
    results = [r for each in given for r in each.result or [] if r.from_name]
    for types in (ASKED, ("rating",)):
        if names := {r.from_name or "" for r in results if r.type in types}:
            return names
    return set()


def _read(given: _Annotation, asked: _Asked) -> Row | str:
    try:
        return _rating(given, asked)
    except _Unread as error:
        return f"annotator {given.completed_by}: {error}" if given.completed_by else str(error)


def _rating(given: _Annotation, asked: _Asked) -> Row:
    results = [r for r in given.result or [] if r.from_name]
    told = _told(results, asked.told)
    details = _details(results, asked)
    choice = "skip" if given.was_cancelled else _choice(results, asked, details)
    row: Row = {"rater": given.completed_by, "at": given.created_at} | {key: told[key] for key in TOLD if key in told}
    if not row["rater"]:
        raise _Unread("an annotation without its annotator")
    row = {**asked.item, **row, "choice": choice, "reason": _note(results, asked, "reason")}
    if given.lead_time is not None:
        row["dwell_ms"] = round(given.lead_time * 1000)
    if given.ground_truth and not given.was_cancelled:
        row.setdefault("final", choice)
    if row.get("swap") is True:
        _turn(row, details)
    return _with_own(row, asked.item.get(OWN), details)


def _told(results: Sequence[_Result], votes: Mapping[str, Any]) -> Row:
    """What our own export told of the vote with these results, by the id that one of them still has."""
    found = [votes[r.id] for r in results if isinstance(r.id, str) and r.id in votes]
    return cast("Row", found[0]) if found and isinstance(found[0], dict) else {}


def _turn(row: Row, details: Row) -> None:
    """Tell a vote in the order its rater saw; a task's texts stand in one order for everybody."""
    row |= {"a": row.get("b"), "b": row.get("a")}
    row |= {key: flipped(word) for key in ("choice", "final") if isinstance(word := row.get(key), str)}
    for span in details.get("spans", ()):
        span["pane"] = flipped(span["pane"])


def _with_own(row: Row, of_item: object, details: Row) -> Row:
    """The row with what a vote says beyond its choice, the answers given before what our own export told."""
    parts = [{} if part is None else part for part in (of_item, row.get(OWN))]
    if not all(isinstance(part, dict) for part in parts):
        return row  # what reads the row says so
    own: Row = {**cast("Row", parts[0]), **cast("Row", parts[1])}
    told = cast("Row", own["details"]) if isinstance(own.get("details"), dict) else {}
    if isinstance(told.get("scores"), dict) and "scores" in details:
        details = {**details, "scores": {**told["scores"], **details["scores"]}}
    if row.get("b") is None and "kind" not in own and (kind := _kind(row["choice"], details)):
        own["kind"] = kind
    if details:
        own["details"] = {**told, **details}
    return row | {OWN: own} if own else row


def _kind(choice: object, details: Row) -> str | None:
    """The kind of a study about one answer, where an annotation shows that it is not accepting and rejecting alone."""
    if "spans" in details or choice in ("clean", "marked"):
        return "spans"
    return "edit" if "edit" in details or choice == "edit" else None


def _choice(results: Sequence[_Result], asked: _Asked, details: Row) -> str | int:
    answers = [r for r in results if r.from_name == asked.question and r.type in (*ASKED, "rating")]
    if len(answers) > 1:
        raise _Unread(f"{asked.question!r} is answered {len(answers)} times")
    if answers:
        return _answer(answers[0], asked)
    done = next((word for key, word in (("edit", "edit"), ("spans", "marked")) if key in details), None)
    if done and asked.item.get("b") is None:  # who rewrote or marked the one answer there is has said so
        return done
    raise _Unread(f"no answer to {asked.question!r}" if asked.question else "nothing that is answered is a choice")


def _answer(result: _Result, asked: _Asked) -> str | int:
    if result.type == "rating":
        return _points(result)
    if result.type == "choices":
        words = _words(result, "choices")
        if len(words) != 1:
            raise _Unread(f"{result.from_name!r} has {len(words)} choices and not one")
        return words[0]
    side = result.value.get("selected")
    if side not in ("left", "right"):
        raise _Unread(f"{result.from_name!r} is neither left nor right")
    turned = result.to_name == ",".join(asked.columns.get(key, key) for key in ("b", "a"))
    return "b" if (side == "right") is not turned else "a"


def _details(results: Sequence[_Result], asked: _Asked) -> Row:
    """What was said beyond the choice: a comment, an edit, scores and marks."""
    details: Row = {key: note for key in ("comment", "edit") if (note := _note(results, asked, key)) is not None}
    scores = {r.from_name: _points(r) for r in results if r.type == "rating" and r.from_name != asked.question}
    spans = [span for r in results if r.type == "labels" for span in _spans(r, asked)]
    return details | ({"scores": scores} if scores else {}) | ({"spans": spans} if spans else {})


def _note(results: Sequence[_Result], asked: _Asked, name: str) -> str | None:
    """What stands in a text area; lines sent one after another make one note, and an edit has to be one."""
    theirs = asked.columns.get(name, name)
    pieces = [text for r in results if r.type == "textarea" and r.from_name == theirs for text in _words(r, "text")]
    if name == "edit" and len(pieces) > 1:
        raise _Unread(f"{theirs!r} holds {len(pieces)} texts and not one")
    return "\n".join(pieces) if pieces else None


def _words(result: _Result, key: str) -> list[str]:
    said = result.value.get(key)
    words = cast("list[Any]", said if isinstance(said, list) else [said])
    if not all(isinstance(word, str) for word in words):
        raise _Unread(f"{result.from_name!r} holds no {key} that can be read")
    return words


def _points(result: _Result) -> int:
    points = result.value.get("rating")
    if isinstance(points, bool) or not isinstance(points, int):
        raise _Unread(f"{result.from_name!r} is no whole number of points")
    return points


def _spans(result: _Result, asked: _Asked) -> Iterator[Row]:
    """A mark for each of its labels, held to the text that it quotes."""
    start, end = result.value.get("start"), result.value.get("end")
    if type(start) is not int or type(end) is not int:
        raise _Unread(f"a mark of {result.from_name!r} does not say where it is in characters")
    named = [pane for pane in TEXTS if result.to_name in (pane, asked.columns.get(pane, pane))]
    places = {pane: _place(asked.item.get(pane), start, end, result.value.get("text")) for pane in named or TEXTS}
    found = [(pane, at) for pane, at in places.items() if at is not None]
    if len(found) != 1:
        where = "more than one text" if found else "no text"
        raise _Unread(f"a mark of {result.from_name!r} fits {where} of its item")
    for tag in _words(result, "labels"):
        yield {"pane": found[0][0], "start": found[0][1][0], "end": found[0][1][1], "tag": tag}


def _place(whole: object, start: int, end: int, quoted: object) -> tuple[int, int] | None:
    """Where in a text a mark is, None where it is not of this text; a browser may count characters in UTF-16."""
    if not isinstance(whole, str) or not 0 <= start < end:
        return None
    if quoted is None or whole[start:end] == quoted:
        return (start, end) if end <= len(whole) else None
    units = whole.encode("utf-16-le", "surrogatepass")
    piece = units[2 * start : 2 * end].decode("utf-16-le", "ignore")
    before = len(units[: 2 * start].decode("utf-16-le", "ignore"))
    return (before, before + len(piece)) if piece == quoted else None


def _of_flat(value: Mapping[str, Any], columns: Mapping[str, str]) -> _Task:
    """An object of JSON-MIN as a task with one annotation, or with none where nobody annotated it."""
    kept = {key: each for key, each in value.items() if key not in OF_FLAT}
    given: Row = {"completed_by": value["annotator"], "result": list(_of_names(kept, columns))}
    given |= {key: value.get(key) for key in ("lead_time", "created_at")}
    nobody = value["annotation_id"] is None and not value["annotator"]
    return _Task.model_validate({"id": value.get("id"), "data": kept, "annotations": [] if nobody else [given]})


def _of_names(kept: Row, columns: Mapping[str, str]) -> Iterator[Row]:
    """The answers among the fields of JSON-MIN; a bare word is one where its field is a control by name."""
    texts = {columns.get(key, key) for key in (*TEXTS, "item")}
    bare = {columns.get(QUESTION, QUESTION): "choices"} | {columns.get(key, key): "text" for key in NOTES}
    for name, said in kept.items():
        if name in texts:
            continue
        if isinstance(said, str):
            pieces: list[Any] = [{bare[name]: [said]}] if name in bare else []
        else:
            pieces = cast("list[Any]", said if isinstance(said, list) else [said])
        for piece in pieces:
            key = next((key for key in TYPES if isinstance(piece, dict) and key in piece), None)
            if key is not None:
                to = next((pane for pane, control in MARKS.items() if control == name), None)
                yield {"from_name": name, "to_name": to, "type": TYPES[key], "value": piece}
