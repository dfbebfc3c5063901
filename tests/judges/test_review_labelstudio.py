"""Label Studio's exports become a closed study, whatever is wrong with single annotations, and ours fit its import."""

import json
from copy import deepcopy
from random import Random
from xml.etree import ElementTree as Xml

import pytest

from curation.store.adjudications import Adjudications
from curation.store.review_imports import ReviewItems
from curation.store.review_records import CHOICES, Criterion, Design, Details, Span
from curation.store.reviews import Reviews
from curation.store.store import Store
from judges.pseudonyms import pseudonym
from judges.review import ReviewService
from judges.review_files import export_study, import_study
from judges.review_labelstudio_tasks import labelling_config
from judges.review_ratings import Reading, read_ratings
from tests.judges.houses import sealed


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "house") as opened:
        yield opened


@pytest.fixture
def house(tmp_path):
    with sealed(tmp_path / "sealed") as opened:
        yield opened


@pytest.fixture
def bring(store, tmp_path):
    """Imports these tasks; what was found."""

    def run(*tasks, reading=None, array=True):
        path = tmp_path / "export.json"
        rows = [json.dumps(task) for task in tasks]
        path.write_text(f"[{', '.join(rows)}]" if array else "\n".join(rows), encoding="utf-8")
        return import_study(store, path, "earlier", reading)

    return run


def result(name, kind, value, **more):
    return {
        "id": "Dx_aB91ISN",
        "from_name": name,
        "to_name": "a",
        "type": kind,
        "origin": "manual",
        "value": value,
    } | more


def choice(word, name="choice"):
    return result(name, "choices", {"choices": [word]})


def side(selected, to="left,right"):
    return result("better", "pairwise", {"selected": selected}, to_name=to)


def annotation(who, *results, **more):
    return {
        "id": 1001, "completed_by": who, "result": list(results), "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-03-09T22:16:08.728353Z", "updated_at": "2026-03-09T22:16:08.728378Z",
        "draft_created_at": None, "lead_time": 4.288, "prediction": {}, "result_count": 1, "unique_id": "bd7e",
        "task": 1, "project": 8,
    } | more  # fmt: skip


def task(ident, *annotations, two=True, **more):
    data = {"prompt": f"question {ident}", "a": f"one {ident}"} | ({"b": f"two {ident}"} if two else {})
    return {
        "id": ident, "data": data, "annotations": list(annotations), "drafts": [], "predictions": [], "meta": {},
        "created_at": "2026-03-09T21:52:49.513742Z", "inner_id": 1, "total_annotations": len(annotations), "project": 8,
    } | more  # fmt: skip


def said(store):
    return [(b.position, b.rater, b.choice) for b in Reviews(store.state).ballots("earlier")]


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("array", [True, False], ids=["json", "one task a line"])
def test_sides_and_choices_are_votes_of_whoever_completed_them(store, bring, array):
    found = bring(
        task(1, annotation(7, side("left")), annotation({"id": 8, "email": "ben@example.org"}, side("right"))),
        task(2, annotation(7, choice("both_bad", "better")), annotation("cem", side("right"))),
        array=array,
    )
    assert (found.kind, found.items, found.rows, found.kept, found.quarantined) == ("pairwise", 2, 4, 4, ())
    assert said(store) == [
        (0, "7", "a"), (0, "ben@example.org", "b"), (1, "7", "both_bad"), (1, "cem", "b"),
    ]  # fmt: skip
    first = Reviews(store.state).ballots("earlier")[0]
    assert (first.dwell_ms, first.at) == (4288, "2026-03-09T22:16:08.728Z")
    assert ReviewItems(store.state).of("earlier")[1].second == "two 2"


def test_a_side_is_that_of_the_control_even_where_it_shows_the_second_answer_first(store, bring):
    bring(task(1, annotation(7, side("left", to="b,a")), annotation(8, side("right", to="b,a"))))
    assert said(store) == [(0, "7", "b"), (0, "8", "a")]


def test_columns_and_choices_name_the_fields_and_controls_of_a_project(store, bring):
    reading = Reading(
        columns={"prompt": "question", "a": "text", "item": "uid", "choice": "mood", "reason": "why"},
        choices={"Positive": "accept", "Negative": "reject"},
    )
    rows = [choice("Positive", "mood"), choice("angry", "tone"), result("why", "textarea", {"text": ["kind", "short"]})]
    data = {"question": "hi", "text": "hello", "uid": "u1"}
    found = bring(task(1, annotation(7, *rows), annotation(8, choice("Negative", "mood")), data=data), reading=reading)
    assert (found.kind, found.items, found.quarantined) == ("single", 1, ())
    assert said(store) == [(0, "7", "accept"), (0, "8", "reject")]
    assert Reviews(store.state).ballots("earlier")[0].reason == "kind\nshort"
    assert Reviews(store.state).study("earlier").question != "hi"


def test_a_rating_alone_is_a_choice_and_beside_one_a_score(store, bring):
    stars = result("stars", "rating", {"rating": 4})
    found = bring(task(1, annotation(7, stars), two=False), reading=Reading(choices={"4": "accept"}))
    assert (found.votes, said(store)) == (1, [(0, "7", "accept")])


def test_scores_and_comments_stand_beside_the_choice(store, bring):
    rows = [
        choice("accept"),
        result("tone", "rating", {"rating": 3}),
        result("comment", "textarea", {"text": ["good"]}),
    ]
    bring(task(1, annotation(7, *rows), two=False))
    (ballot,) = Reviews(store.state).ballots("earlier")
    assert ballot.details == Details(scores={"tone": 3}, comment="good")


def test_a_cancelled_annotation_is_a_skip_and_a_task_without_any_an_item(store, bring):
    found = bring(
        task(1, annotation(7, was_cancelled=True), annotation(8, choice("tie"), was_cancelled=True)),
        task(2),
        task(3, annotation(7, choice("tie"))),
    )
    assert (found.items, found.rows, found.kept) == (3, 4, 4)
    assert said(store) == [(0, "7", "skip"), (0, "8", "skip"), (2, "7", "tie")]


def test_ground_truth_is_what_the_item_was_settled_on_and_a_vote_too(store, bring):
    found = bring(
        task(1, annotation(7, choice("a"), ground_truth=True), annotation(8, choice("b"))),
        task(2, annotation(7, choice("a"), ground_truth=True), annotation(8, choice("b"), ground_truth=True)),
        task(3, annotation(7, ground_truth=True, was_cancelled=True)),
    )
    assert (found.final, found.votes) == (2, 4)
    assert [b.reason for b in found.quarantined] == ["item '2' was settled otherwise on an earlier line"]


def test_predictions_are_counted_and_drafts_set_aside(bring):
    guess = {"model_version": "m", "score": 0.7, "result": [choice("b")]}
    draft = {"id": 5, "user": "ana", "result": [choice("b")]}
    found = bring(
        task(1, annotation(7, choice("a")), predictions=[guess, guess]),
        task(2, drafts=[draft], predictions=[guess]),
        {"data": {"item": "third", "prompt": "hm", "a": "one", "b": "two"}, "predictions": [guess]},
    )
    assert (found.suggestions, found.votes, found.items) == (4, 1, 2)
    assert [(b.line, b.reason) for b in found.quarantined] == [(2, "a draft, not submitted")]


# --- edits and marks -------------------------------------------------------------------------------------------------


def mark(start, end, text=None, to="a", tags=("name",)):
    value = {"start": start, "end": end, "labels": list(tags)} | ({} if text is None else {"text": text})
    return result("tags", "labels", value, to_name=to)


def test_an_edit_is_a_vote_with_its_text(store, bring):
    rewritten = result("edit", "textarea", {"text": ["better"]})
    found = bring(task(1, annotation(7, rewritten), annotation(8, choice("edit"), rewritten), two=False))
    assert (found.kind, found.quarantined) == ("edit", ())
    assert [(b.choice, b.details.edit) for b in Reviews(store.state).ballots("earlier")] == [("edit", "better")] * 2


def test_marks_are_spans_of_the_text_they_quote(store, bring):
    data = {"prompt": "Who is Ana?", "a": "🙂 Ana Maria is here"}
    found = bring(
        task(
            1,
            annotation(7, mark(2, 5, "Ana")),  # counted in characters
            annotation(8, mark(3, 6, "Ana")),  # counted as a browser does, where a picture has two units
            annotation(9, mark(7, 10, "Ana", to="prompt"), mark(6, 11, "Maria", to="txt", tags=("name", "person"))),
            annotation(10, choice("clean")),
            data=data,
        )
    )
    assert (found.kind, found.quarantined) == ("spans", ())
    spans = [[tuple(s.model_dump().values()) for s in b.details.spans] for b in Reviews(store.state).ballots("earlier")]
    assert spans == [
        [("a", 2, 5, "name")], [("a", 2, 5, "name")],
        [("prompt", 7, 10, "name"), ("a", 6, 11, "name"), ("a", 6, 11, "person")], [],
    ]  # fmt: skip
    assert [c for _, _, c in said(store)] == ["marked", "marked", "marked", "clean"]


# --- JSON-MIN --------------------------------------------------------------------------------------------------------


def flat(ident, who, two=True, **more):
    texts = {"prompt": f"question {ident}", "a": f"one {ident}"} | ({"b": f"two {ident}"} if two else {})
    return {
        **texts, "id": ident, "annotator": who, "annotation_id": 1, "created_at": "2026-03-09T22:16:08Z",
        "updated_at": "2026-03-09T22:16:08Z", "lead_time": 2.5, **more,
    }  # fmt: skip


def test_json_min_is_read_as_the_annotations_it_was_made_of(store, bring):
    found = bring(
        flat(1, 7, choice="a_much", reason="kinder"),
        flat(1, "ben@example.org", better=[{"selected": "right"}]),
        flat(2, 7, choice="tie", stars=[{"rating": 3}], agreement=100.0),
        flat(3, None, annotation_id=None, lead_time=None, created_at=None),
    )
    assert (found.items, found.rows, found.kept, found.quarantined) == (3, 4, 4, ())
    assert said(store) == [(0, "7", "a_much"), (0, "ben@example.org", "b"), (1, "7", "tie")]
    first, _, last = Reviews(store.state).ballots("earlier")
    assert (first.reason, first.dwell_ms, first.at) == ("kinder", 2500, "2026-03-09T22:16:08.000Z")
    assert last.details.scores == {"stars": 3}


def test_json_min_tells_marks_and_edits_by_their_shape(store, bring):
    spans = [{"start": 0, "end": 3, "text": "one", "labels": ["name"]}]
    bring(flat(1, 7, two=False, tags=spans), flat(2, 7, two=False, tags=[], choice="clean"))
    first, last = Reviews(store.state).ballots("earlier")
    assert (first.choice, first.details.spans, last.choice) == (
        "marked", (Span(pane="a", start=0, end=3, tag="name"),), "clean",
    )  # fmt: skip


def test_json_min_of_another_project_is_read_by_the_names_given(store, bring):
    reading = Reading(columns={"choice": "sentiment", "prompt": "review", "a": "reply"}, choices={"Good": "accept"})
    row = {k: v for k, v in flat(1, 7).items() if k not in ("prompt", "a", "b")}
    bring(row | {"review": "hi", "reply": "hello", "sentiment": "Good"}, reading=reading)
    assert said(store) == [(0, "7", "accept")]


# --- what cannot be read ---------------------------------------------------------------------------------------------

A = choice("a")
BAD = {
    "data that are a list": ({**task(1, annotation(7, A)), "data": ["prompt"]}, "no task of Label Studio's: data: "),
    "annotations that are a word": (task(1, annotations="none"), "no task of Label Studio's: annotations: "),
    "an annotation by its number": (task(1, annotations=[17]), "no annotation of Label Studio's: it: "),
    "a result that is no list": (task(1, annotation(7, result="a")), "result: Input should be a valid list"),
    "a result by its number": (task(1, annotation(7, 12)), "result.0: "),
    "a value that is a word": (task(1, annotation(7, {**A, "value": "a"})), "result.0.value: "),
    "no annotator": (task(1, annotation(None, A)), "an annotation without its annotator"),
    "an annotator without a name": (task(1, annotation({"id": None, "email": ""}, A)), "without its annotator"),
    "an annotator that is true": (task(1, annotation(True, A)), "completed_by: neither a number nor a user"),
    "an annotator that is a list": (task(1, annotation([7], A)), "completed_by: neither a number nor a user"),
    "seconds below nothing": (task(1, annotation(7, A, lead_time=-1)), "lead_time: "),
    "seconds that are no number": (task(1, annotation(7, A, lead_time=float("nan"))), "lead_time: "),
    "seconds without end": (task(1, annotation(7, A, lead_time=float("inf"))), "lead_time: "),
    "seconds beyond a life": (task(1, annotation(7, A, lead_time=1e300)), "dwell_ms: "),
    "seconds beyond any float": (task(1, annotation(7, A, lead_time=10**400)), "lead_time: "),
    "seconds as a word": (task(1, annotation(7, A, lead_time="4.2")), "lead_time: "),
    "a time that is none": (task(1, annotation(7, A, created_at="3 hours")), "at: "),
    "a skip that is a word": (task(1, annotation(7, A, was_cancelled="no")), "was_cancelled: "),
    "a truth that is a number": (task(1, annotation(7, A, ground_truth=1)), "ground_truth: "),
    "nothing answered": (task(1, annotation(7)), "annotator 7: nothing that is answered is a choice"),
    "two choices at once": (
        task(1, annotation(7, result("choice", "choices", {"choices": ["a", "b"]}))), "has 2 choices and not one"),
    "no choice in a choice": (task(1, annotation(7, result("choice", "choices", {"choices": []}))), "has 0 choices"),
    "a choice that is a number": (
        task(1, annotation(7, result("choice", "choices", {"choices": [3]}))), "holds no choices that can be read"),
    "a choice answered twice": (task(1, annotation(7, A, A)), "'choice' is answered 2 times"),
    "a choice of no menu": (task(1, annotation(7, choice("Positive"))), "no choice 'Positive' here. Known: a_much, a"),
    "neither side": (task(1, annotation(7, side("none"))), "'better' is neither left nor right"),
    "a side that is a list": (task(1, annotation(7, side(["left"]))), "'better' is neither left nor right"),
    "two questions": (
        task(1, annotation(7, choice("a", "mood"), choice("b", "tone"))), "answer mood, tone; say which is the choice"),
    "half a star": (
        task(1, annotation(7, A, result("tone", "rating", {"rating": 3.5}))), "'tone' is no whole number of points"),
    "a mark of other words": (task(1, annotation(7, A, mark(0, 3, "two"))), "a mark of 'tags' fits no text"),
    "a mark beyond the text": (task(1, annotation(7, A, mark(0, 10**30))), "a mark of 'tags' fits no text"),
    "a mark of some text": (task(1, annotation(7, A, mark(0, 2, to="txt"))), "fits more than one text"),
    "a mark by a path": (task(1, annotation(7, A, mark("/p[1]", "/p[2]"))), "does not say where it is in characters"),
    "two edits": (
        task(1, annotation(7, result("edit", "textarea", {"text": ["x", "y"]})), two=False), "2 texts and not one"),
    "a note that is an object": (
        task(1, annotation(7, A, result("reason", "textarea", {"text": [{}]}))), "'reason' holds no text"),
    "a task without its texts": (
        task(1, annotation(7, A), data={"text": "hi"}), "no 'prompt'; say which field is (fields: text)"),
    "a task without anything": (task(1, data={}), "no 'prompt'; say which field is (fields: none)"),
    "a prompt that is a number": (task(1, annotation(7, A), data={"prompt": 7, "a": "x"}), "prompt: "),
    "a task without a number": (task(None, annotation(7, A)), "item: "),
    "half a character": (task(1, annotation(7, choice("\ud800"))), "half a character"),
    "JSON-MIN without a name of the choice": (flat(1, 7, sentiment="Good"), "nothing that is answered is a choice"),
    "JSON-MIN of nobody": (flat(1, None, choice="a"), "an annotation without its annotator"),
    "JSON-MIN with endless seconds": (flat(1, 7, choice="a", lead_time=float("inf")), "lead_time: "),
}  # fmt: skip


def test_what_cannot_be_read_is_set_aside_with_its_reason_and_nothing_else_is(store, bring):
    bad = [row for row, _ in BAD.values()]
    found = bring(task("good", annotation(7, choice("b"))), *bad, task("also", annotation(7, A)))
    assert (found.rows, found.kept, found.votes) == (len(bad) + 2, 2, 2)
    assert [b.line for b in found.quarantined] == list(range(2, len(bad) + 2))
    reasons = [b.reason for b in found.quarantined]
    assert not {case: why for (case, (_, words)), why in zip(BAD.items(), reasons, strict=True) if words not in why}
    assert said(store) == [(0, "7", "b"), (1, "7", "a")]


ODD = [None, True, 0, -1, 10**30, 1.5, float("nan"), float("inf"), "", "a", "\ud800", [], [None], ["a"], {}, {"id": {}}]


def places(value, path=()):
    """Where something stands in a JSON value."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


def test_a_task_with_anything_anywhere_is_read_or_set_aside_and_never_an_error():
    own = {"kind": "edit", "details": {"scores": {"tone": 2}}}
    votes = {"Dx_aB91ISN": {"rater": "r", "swap": True, "at": "2026-01-01", "stillhouse": own}}
    marked = [choice("a"), mark(0, 3, "one"), result("tone", "rating", {"rating": 2})]
    seeds = [
        task(1, annotation({"id": 8, "email": "x"}, *marked), meta={"votes": votes, "final": "a", "stillhouse": own}),
        task(2, annotation(1, result("edit", "textarea", {"text": ["x"]})), two=False, meta={"votes": votes}),
        flat(3, 7, choice="a", tags=[{"start": 0, "end": 3, "text": "one", "labels": ["n"]}], stars=[{"rating": 3}]),
    ]
    drawn, kept, aside = Random(5), 0, 0
    for _ in range(1500):
        row = deepcopy(drawn.choice(seeds))
        *way, last = drawn.choice(list(places(row)))
        at = row
        for key in way:
            at = at[key]
        at[last] = deepcopy(drawn.choice(ODD))
        for _, found in read_ratings(json.dumps([row]).encode(), Reading()):
            kept, aside = kept + (not isinstance(found, str)), aside + isinstance(found, str)
    assert min(kept, aside) > 300


def test_two_annotations_of_one_annotator_are_one_vote(store, bring):
    found = bring(task(1, annotation(7, A), annotation(7, choice("b")), annotation({"id": 7}, choice("b"))))
    assert [b.reason for b in found.quarantined] == ["'7' rated this item on line 1"] * 2
    assert said(store) == [(0, "7", "a")]


def test_a_row_that_has_a_field_called_data_is_still_a_rating(store, bring):
    row = {"item": 1, "prompt": "hi", "a": "one", "rater": "ana", "choice": "accept", "data": {"seen": 1}}
    assert bring(row).votes == 1


# --- out and back ----------------------------------------------------------------------------------------------------

MENUS = {
    "pairwise": ("a_much", "tie", "b", "skip", "both_bad", "b_much", "a", "flag"),
    "single": ("accept", "reject", "skip", "flag"),
    "edit": ("accept", "edit", "reject", "skip"),
    "spans": ("clean", "marked", "flag"),
}
CRITERIA = (
    Criterion(name="tone", question="How kind?", anchors=("rude", "plain", "kind")),
    Criterion(name="choice", question="A name that is taken", anchors=("no", "yes")),
)


def details(word, i):
    return Details(
        scores={"tone": 1 + i % 3, "choice": 2},
        comment="“kind”, yes" if i % 2 else None,
        edit=f"better {i}" if word == "edit" else None,
        spans=(Span(pane="a", start=0, end=3, tag="na<me"), Span(pane="prompt", start=1, end=4, tag="place"))
        if word in ("marked", "b", "a_much")
        else (),
    )


def finished(house, kind):
    """A closed study of this house with skips, reasons, both orders and an item nobody rated."""
    service = ReviewService(house)
    service.create("tone", kind=kind, n=10, overlap=2, seed=4, design=Design(criteria=CRITERIA), guideline="Kindly.")
    for k, rater in enumerate(("ana", "bén")):
        for i, shown in enumerate(service.next("tone", rater, 9)):
            word = MENUS[kind][(i + k) % len(MENUS[kind])]
            note = "“kinder”\nby far" if i == k else None
            service.vote(shown.token, rater, word, note, 801 + 7 * i, details=details(word, i))
    return service.close("tone")


def through_label_studio(data):
    """What an export of Label Studio holds of tasks that were imported into it by somebody with the number 1."""
    tasks = []
    for k, given in enumerate(json.loads(data), start=41):
        annotations = [
            {
                "id": 900 + n, "completed_by": 1, "result": deepcopy(each["result"]),
                "was_cancelled": each.get("was_cancelled", False), "ground_truth": each.get("ground_truth", True),
                "lead_time": each.get("lead_time"), "created_at": "2026-05-05T05:05:05.000005Z", "import_id": None,
            }
            for n, each in enumerate(given["annotations"])
        ]  # fmt: skip
        assert all(each.get("completed_by") is None for each in given["annotations"])  # a stranger would be refused
        tasks.append({
            "id": k, "data": given["data"], "meta": given["meta"], "annotations": annotations, "predictions": [],
            "drafts": [], "created_at": "2026-05-05T05:05:05.000005Z",
        })  # fmt: skip
    return json.dumps(tasks).encode()


@pytest.mark.parametrize("kind", MENUS)
@pytest.mark.parametrize("way", [lambda data: data, through_label_studio], ids=["straight", "through Label Studio"])
def test_an_exported_study_reads_back_equal(house, tmp_path, kind, way):
    report = finished(house, kind)
    data, count = export_study(house, "tone", "labelstudio", names=True)
    (tmp_path / "tone.json").write_bytes(way(data))
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, tmp_path / "tone.json", "tone")
        assert (found.quarantined, found.votes, found.final) == ((), count, 0)
        assert Reviews(other.state).ballots("tone") == Reviews(house.state).ballots("tone")
        assert ReviewItems(other.state).of("tone") == ReviewItems(house.state).of("tone")
        back = Reviews(other.state).study("tone")
        assert (back.kind, back.question) == (kind, Reviews(house.state).study("tone").question)
        same = ("items", "votes", "skipped", "alpha", "kappa", "agreement", "teachers", "majority", "both_orders")
        assert {k: back.report[k] for k in same} == {k: report[k] for k in same}
        assert export_study(other, "tone", "labelstudio", names=True)[0] == data


def flattened(tasks):
    """What JSON-MIN holds of tasks: a word where one was chosen or written, the values where there are more."""
    for given in tasks:
        for each in (a for a in given["annotations"] if not a["was_cancelled"]):
            row = {**given["data"], "id": given["id"]}
            for answer in each["result"]:
                value = dict(answer["value"])
                if answer["type"] in ("choices", "textarea"):
                    ((row[answer["from_name"]],),) = value.values()
                else:
                    row.setdefault(answer["from_name"], []).append(value)
            about = {"annotator": each["id"] % 900, "annotation_id": each["id"], "updated_at": None}
            yield {**row, **about, "created_at": each["created_at"], "lead_time": each["lead_time"]}


@pytest.mark.parametrize("kind", MENUS)
def test_json_min_of_a_study_that_went_out_has_every_answer_but_skips_and_who_gave_it(house, tmp_path, kind):
    finished(house, kind)
    tasks = json.loads(through_label_studio(export_study(house, "tone", "labelstudio")[0]))
    (tmp_path / "min.json").write_text(json.dumps(list(flattened(tasks))))
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, tmp_path / "min.json", "tone")
        assert (found.kind, found.quarantined) == (kind, ())
        back, was = (Reviews(store.state).ballots("tone") for store in (other, house))

        def told(ballots):
            scoreless = {"details": {"scores"}}
            rows = [b.model_dump(include={"reason", "dwell_ms", "details"}, exclude=scoreless) for b in ballots]
            return sorted(str((b.winner, b.points, row)) for b, row in zip(ballots, rows, strict=True))

        # everybody sees one order in Label Studio, so a mark in a pair lies in the text that stands there
        unmarked = [[b for b in given if not (kind == "pairwise" and b.details.spans)] for given in (back, was)]
        assert told(unmarked[0]) == told([b for b in unmarked[1] if b.choice != "skip"])
        assert len(back) == sum(b.choice != "skip" for b in was)


def test_raters_leave_the_house_under_other_names_that_stay_the_same(house, tmp_path):
    finished(house, "pairwise")
    data, count = export_study(house, "tone", "labelstudio")
    assert "ana" not in data.decode()
    assert "bén" not in data.decode()
    (tmp_path / "out").write_bytes(data)
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, tmp_path / "out", "tone")
        assert (found.votes, set(found.raters)) == (count, {pseudonym(house, name) for name in ("ana", "bén")})


def test_what_was_changed_in_label_studio_is_read_as_changed(house, tmp_path):
    finished(house, "single")
    tasks = json.loads(through_label_studio(export_study(house, "tone", "labelstudio", names=True)[0]))
    changed = next(t for t in tasks if t["annotations"] and not t["annotations"][0]["was_cancelled"])["annotations"][0]
    was = changed["result"][0]["value"]["choices"]
    changed["result"][0]["value"]["choices"] = ["reject" if was == ["accept"] else "accept"]
    (tmp_path / "out").write_text(json.dumps(tasks))
    with Store.create(tmp_path / "elsewhere") as other:
        import_study(other, tmp_path / "out", "tone")
        pairs = zip(Reviews(other.state).ballots("tone"), Reviews(house.state).ballots("tone"), strict=True)
        assert sum(now.choice != before.choice for now, before in pairs) == 1


@pytest.mark.parametrize("kind", MENUS)
def test_the_labelling_configuration_has_a_control_for_every_answer_and_a_field_for_every_text(house, kind):
    finished(house, kind)
    view = Xml.fromstring(labelling_config(house, "tone"))
    tasks = json.loads(export_study(house, "tone", "labelstudio")[0])
    texts = {tag.get("name"): tag.get("value") for tag in view.iter("Text")}
    controls = {tag.get("name"): tag for tag in view.iter() if tag.get("toName")}
    assert all({*texts.values(), "$question"} <= {f"${key}" for key in given["data"]} for given in tasks)
    assert not controls.keys() & texts.keys()
    assert [tag.get("value") for tag in view.iter("Choice")] == list(CHOICES[kind])
    assert all(tag.get("toName") in texts for tag in controls.values())
    for each in (r for given in tasks for a in given["annotations"] for r in a["result"]):
        control = controls[each["from_name"]]
        assert (control.tag.lower(), control.get("toName")) == (each["type"], each["to_name"])
        if each["type"] in ("labels", "choices"):
            known = {tag.get("value") for tag in control}
            assert set(each["value"][each["type"]]) <= known
        if each["type"] == "rating":
            assert each["value"]["rating"] <= int(control.get("maxRating"))


def test_what_a_study_was_settled_on_goes_out_and_comes_back(store, bring, tmp_path):
    bring(task(1, annotation(7, choice("b_much"), ground_truth=True), annotation(8, choice("a"))), task(2))
    data, _ = export_study(store, "earlier", "labelstudio", names=True)
    (tmp_path / "out").write_bytes(through_label_studio(data))
    found = import_study(store, tmp_path / "out", "again")
    assert (found.final, found.votes, found.items, found.quarantined) == (1, 2, 2, ())
    first, second = (Adjudications(store.state).standing(name)[0] for name in ("earlier", "again"))
    assert (first.verdict, second.verdict, second.points) == ("second", "second", first.points)


def test_an_imported_study_goes_out_with_a_configuration_of_the_labels_it_has(store, bring):
    bring(
        task(1, annotation(7, choice("odd\x07 one")), two=False),
        reading=Reading(choices={"odd\x07 one": "odd\x07 one"}),
    )
    view = Xml.fromstring(labelling_config(store, "earlier"))
    assert [tag.get("value") for tag in view.iter("Choice")] == [*CHOICES["single"], "odd\ufffd one"]
