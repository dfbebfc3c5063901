"""Finished ratings become a closed study, whatever is wrong with single rows, and one that left comes back equal."""

import csv
import json
from collections import Counter

import pytest

from curation.errors import Forbidden, InputError, UnknownRecord
from curation.people import Person
from curation.store.adjudications import ELSEWHERE, Adjudications
from curation.store.review_imports import ReviewItems
from curation.store.review_records import Criterion, Design, Details, Span
from curation.store.reviews import Reviews
from curation.store.store import Store
from curation.task import Environment
from judges.acceptance import acceptance
from judges.adjudication import CATEGORIES, AdjudicationService
from judges.gold import GoldService
from judges.pseudonyms import pseudonym
from judges.review import ReviewService
from judges.review_files import Claims, export_study, import_study
from judges.review_ratings import Reading
from tests.judges.houses import sealed
from tests.postgres import server

PEOPLE = ("annotator1", "annotator2", "annotator3")
SIDES = Reading(choices={"0": "tie", "1": "a", "2": "b"})


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "house") as opened:
        yield opened


@pytest.fixture
def house(tmp_path):
    with sealed(tmp_path / "sealed") as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    def lines(*rows, name="ratings.jsonl"):
        path = tmp_path / name
        text = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path.write_bytes(b"\n".join(text) + b"\n")
        return path

    return lines


def pair(item, rater, choice, **more):
    return {
        "item": item, "prompt": f"question {item}", "a": f"one {item}", "b": f"two {item}", "rater": rater,
        "choice": choice, **more,
    }  # fmt: skip


def votes(store, study):
    return [(b.position, b.rater, b.winner, b.swap) for b in Reviews(store.state).ballots(study)]


# --- rows ----------------------------------------------------------------------------------------------------------


def test_a_study_rated_elsewhere_is_closed_and_reported_as_any_other(store, write):
    path = write(*(pair(i, rater, "a" if i < 7 else "b") for i in range(10) for rater in ("ana", "ben")))
    found = import_study(store, path, "earlier", claims=Claims(question="Which is kinder?"), actor="lead")
    assert (found.kind, found.items, found.rows, found.kept, found.votes, found.raters) == (
        "pairwise", 10, 20, 20, 20, ("ana", "ben"),
    )  # fmt: skip
    service = ReviewService(store)
    status = service.status("earlier")
    assert (status.study.question, status.study.closed is not None) == ("Which is kinder?", True)
    assert (status.complete_items, status.wanted, status.given) == (10, 20, 20)
    report = service.close("earlier")
    assert (report["alpha"], report["agreement"], report["imported"]["rows"]) == (1.0, 1.0, 20)
    assert service.next("earlier", "ana") == []


def test_the_ledger_says_where_imported_votes_came_from_and_seals_them(store, write):
    path = write(pair(1, "ana", "a"), pair(1, "ben", "tie"))
    import_study(store, path, "earlier", actor="lead")
    imported, closed = store.ledger.events()[-2:]
    assert (imported.kind, closed.kind, imported.actor) == ("review_imported", "review_closed", "lead")
    source = imported.body["source"]
    assert (source["file"], source["rows"], source["votes"]) == ("ratings.jsonl", 2, 2)
    assert len(source["sha256"]) == len(source["digest"]) == 64


def test_a_choice_is_about_the_answers_as_its_row_has_them(store, write):
    path = write(
        pair(1, "ana", "a"),
        {**pair(1, "ben", "a"), "a": "two 1", "b": "one 1"},
        pair(2, "ana", "b", swap=True),
        {**pair(2, "ben", "b"), "a": "two 2", "b": "one 2"},
    )
    import_study(store, path, "earlier")
    assert votes(store, "earlier") == [
        (0, "ana", "first", False), (0, "ben", "second", True), (1, "ana", "first", True), (1, "ben", "second", False),
    ]  # fmt: skip
    assert ReviewService(store).close("earlier")["both_orders"] == 2


def test_every_bad_row_is_named_and_the_others_are_kept(store, write):
    bad = [
        (b'{"item": 1,', "not JSON"),
        (b'{"item": "\xff"}', "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b'"words"', "not a JSON object"),
        ({**pair(3, "ana", "a"), "prompt": 7}, "prompt: "),
        ({k: v for k, v in pair(3, "ana", "a").items() if k != "item"}, "item: "),
        (pair(3, "ana", "left"), "no choice 'left' here. Known: a_much, a, tie, b, b_much, both_bad, skip, flag"),
        (pair(3, "ana", None), "both a rater and a choice"),
        (pair(3, "", "a"), "rater: "),
        (pair(3, "ana", True), "choice: "),
        (pair(1, "ana", "b"), "'ana' rated this item on line 1"),
        ({**pair(1, "cem", "a"), "b": "something else"}, "other texts on an earlier line"),
        ({**pair(1, "cem", "a"), "swap": True, "a": "one 1", "b": "two 1"}, "other texts on an earlier line"),
        ({**pair(4, "cem", "accept"), "b": None}, "one answer in a pairwise study"),
        (pair(3, "ana", "a", dwell_ms=-5), "dwell_ms: "),
        (pair(3, "ana", "a", at="yesterday"), "at: "),
        (pair(3, "ana", "a", reason="a\0b"), "NUL"),
        (pair(3, "ana", "a", reason="\ud800"), "half a character"),
        (b"[" * 100_000, "not JSON"),
        (b'{"item": ' + b"9" * 5000 + b"}", "not JSON"),
    ]
    path = write(pair(1, "ana", "a"), *(row for row, _ in bad), pair(2, "ana", "b"))
    found = import_study(store, path, "earlier")
    assert (found.rows, found.kept, len(found.quarantined)) == (len(bad) + 2, 2, len(bad))
    assert [b.line for b in found.quarantined] == list(range(2, len(bad) + 2))
    wrong = [(b.reason, words) for b, (_, words) in zip(found.quarantined, bad, strict=True) if words not in b.reason]
    assert not wrong
    assert votes(store, "earlier") == [(0, "ana", "first", False), (1, "ana", "second", False)]


def test_a_file_without_a_good_row_is_refused_and_leaves_nothing_behind(store, write):
    before = len(store.ledger.events())
    with pytest.raises(InputError, match=r"holds no rating; line 1: not JSON.*A row is \{item, prompt, a, b"):
        import_study(store, write(b"item,prompt,a"), "earlier")
    assert (Reviews(store.state).studies(), len(store.ledger.events())) == ([], before)


def test_a_name_that_is_taken_is_refused(store, write):
    path = write(pair(1, "ana", "a"))
    import_study(store, path, "earlier")
    with pytest.raises(InputError, match="already a study 'earlier'"):
        import_study(store, path, "earlier")
    with pytest.raises(InputError, match="needs a name"):
        import_study(store, path, " ")
    with pytest.raises(InputError, match="cannot be read"):
        import_study(store, path.with_name("absent.jsonl"), "other")


def test_columns_and_choices_may_have_the_names_of_their_file(store, write):
    reading = Reading(columns={"prompt": "question", "a": "response", "item": "uid"}, choices={"good": "accept"})
    row = {"uid": 5, "question": "hi", "response": {"reply": "hello"}, "rater": "ana", "choice": "good"}
    import_study(store, write(row), "earlier", reading)
    (item,) = ReviewItems(store.state).of("earlier")
    assert (item.prompt, item.first) == ("hi", '{"reply": "hello"}')
    assert votes(store, "earlier") == [(0, "ana", "accept", False)]


def test_times_of_votes_are_kept_in_the_form_of_this_house(store, write):
    path = write(pair(1, "ana", "a", at="2026-01-02T03:04:05+01:00", dwell_ms=1200), pair(1, "ben", "a"))
    import_study(store, path, "earlier")
    ana, ben = Reviews(store.state).ballots("earlier")
    assert (ana.at, ana.dwell_ms) == ("2026-01-02T02:04:05.000Z", 1200)
    assert ben.at == Reviews(store.state).study("earlier").closed


@pytest.mark.postgres
def test_a_study_is_imported_and_read_back_on_postgresql(tmp_path, write):
    with server() as url, Store.create(tmp_path / "house", Environment({"DATABASE_URL": url})) as store:
        import_study(
            store,
            write(pair(1, "ana", "a", final="b"), pair(1, "ben", "b", swap=True), pair(2, "ana", "tie")),
            "earlier",
        )
        (tmp_path / "out").write_bytes(export_study(store, "earlier", names=True)[0])
        import_study(store, tmp_path / "out", "again")
        assert Reviews(store.state).ballots("again") == Reviews(store.state).ballots("earlier")
        assert Reviews(store.state).study("again").closed
        assert Adjudications(store.state).standing("again") == Adjudications(store.state).standing("earlier") != {}


# --- a version's samples -------------------------------------------------------------------------------------------


def test_items_said_to_be_samples_are_those_of_the_version_word_for_word(house, write):
    rows = house.versions.samples().filter(house.versions.samples()["position"] == 3).to_dicts()
    first, second = rows[0], rows[1]
    true = {
        "item": f"{first['id']}+{second['id']}",
        "prompt": "question 3",
        "a": first["answer"],
        "b": second["answer"],
    }
    path = write(
        {**true, "rater": "ana", "choice": "a"},
        {**true, "item": "x+y", "rater": "ana", "choice": "a"},
        {**true, "item": "z", "first_sample": first["id"], "second_sample": second["id"], "a": "hm", "rater": "ana",
         "choice": "b"},
    )  # fmt: skip
    found = import_study(house, path, "earlier", claims=Claims(version="head"))
    assert [(b.line, b.reason.rpartition(" version ")[0]) for b in found.quarantined] == [
        (2, "item 'x+y' is no kept sample of"), (3, "item 'z' has other texts in"),
    ]  # fmt: skip
    assert set(ReviewService(house).close("earlier")["teachers"]) == {first["teacher"], second["teacher"]}
    assert GoldService(house).create_from_study("earlier", "gold", "lead").rows == 1
    with pytest.raises(UnknownRecord, match="no version"):
        import_study(house, path, "other", claims=Claims(version="0123"))


def test_a_study_of_no_version_here_disturbs_no_estimate_and_becomes_gold(house, write):
    rows = [{"item": i, "prompt": f"q{i}", "a": f"answer {i}", "rater": "ana", "choice": "accept"} for i in range(3)]
    import_study(house, write(*rows), "earlier")
    assert acceptance(house) is None
    assert "not samples of a version here" in ReviewService(house).close("earlier")["judges"]["why"]
    made = GoldService(house).create_from_study("earlier", "gold", "lead")
    assert (made.rows, made.undecided) == (3, 0)
    assert [(g.text, g.answer, g.judged.verdict) for g in GoldService(house).items("gold")] == [
        (f"q{i}", f"answer {i}", "accept") for i in range(3)
    ]


# --- out and back --------------------------------------------------------------------------------------------------


MENUS = {
    "pairwise": ("a_much", "tie", "b", "skip", "both_bad", "b_much", "a"),
    "single": ("accept", "reject", "skip", "flag"),
    "edit": ("accept", "edit", "reject", "skip"),
    "spans": ("clean", "marked", "flag"),
}
TONE = Criterion(name="tone", question="How kind?", anchors=("rude", "plain", "kind"))


def details(choice, i):
    """What comes with a vote: a score, a comment now and then, an edit or a mark where the choice needs one."""
    return Details(
        scores={"tone": 1 + i % 3},
        comment="“kind”, yes" if i % 2 else None,
        edit=f"better {i}" if choice == "edit" else None,
        spans=(Span(pane="a", start=0, end=3, tag="name"),) if choice == "marked" else (),
    )


def finished(house, kind):
    """A closed study of this house with skips, reasons, both orders and an item nobody rated."""
    service = ReviewService(house)
    service.create("tone", kind=kind, n=10, overlap=2, seed=4, design=Design(criteria=(TONE,)), guideline="Kindly.")
    menu = MENUS[kind]
    for k, rater in enumerate(("ana", "bén")):
        for i, shown in enumerate(service.next("tone", rater, 9)):
            reason = "“kinder”\nby far" if i == k else None
            choice = menu[(i + k) % len(menu)]
            service.vote(shown.token, rater, choice, reason, 800 + i, details=details(choice, i))
    return service.close("tone")


@pytest.mark.parametrize("kind", MENUS)
@pytest.mark.parametrize("form", ["jsonl", "argilla"])
def test_an_exported_study_reads_back_equal(house, tmp_path, kind, form):
    report = finished(house, kind)
    data, count = export_study(house, "tone", form, names=True)
    path = tmp_path / f"tone.{form}"
    path.write_bytes(data)
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, path, "tone")
        assert (found.quarantined, found.votes) == ((), count)
        assert Reviews(other.state).ballots("tone") == Reviews(house.state).ballots("tone")
        assert ReviewItems(other.state).of("tone") == ReviewItems(house.state).of("tone")
        back = Reviews(other.state).study("tone")
        assert back.question == Reviews(house.state).study("tone").question
        same = ("items", "votes", "skipped", "alpha", "kappa", "agreement", "teachers", "majority", "both_orders")
        assert {k: back.report[k] for k in same} == {k: report[k] for k in same}
        assert export_study(other, "tone", form, names=True)[0] == data


@pytest.mark.parametrize("form", ["jsonl", "argilla"])
def test_raters_leave_the_house_under_other_names_that_stay_the_same(house, tmp_path, form):
    finished(house, "pairwise")
    data, count = export_study(house, "tone", form)
    assert "ana" not in data.decode()
    assert "bén" not in data.decode()
    (tmp_path / "out").write_bytes(data)
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, tmp_path / "out", "tone")
        masked = {pseudonym(house, rater): rater for rater in ("ana", "bén")}
        assert (found.votes, set(found.raters)) == (count, set(masked))
        back = [b.model_copy(update={"rater": masked[b.rater]}) for b in Reviews(other.state).ballots("tone")]
        assert back == Reviews(house.state).ballots("tone")
        assert pseudonym(other, "ana") != pseudonym(house, "ana")


def test_the_ledger_says_that_an_export_named_the_sources(house):
    finished(house, "pairwise")
    export_study(house, "tone", names=True, actor="lead")
    event = house.ledger.events("review_unblinded")[-1]
    assert (event.actor, event.body["study"], event.body["rater_names"]) == ("lead", "tone", True)
    export_study(house, "tone", "argilla")
    assert house.ledger.events("review_unblinded")[-1].body["rater_names"] is False


def test_who_may_not_see_sources_gets_no_export(house):
    finished(house, "pairwise")
    for person in (
        Person(name="ana", roles=frozenset({"reviewer"})),
        Person(name="cur", roles=frozenset({"curator"}), study="another"),
    ):
        with pytest.raises(Forbidden):
            export_study(house, "tone", who=person)
    assert house.ledger.events("review_unblinded") == []
    assert export_study(house, "tone", who=Person(name="aud", roles=frozenset({"auditor"})))[1] > 0


def test_what_is_no_detail_of_ours_is_set_aside(store, write):
    path = write(
        pair(1, "ana", "a_much"),
        pair(2, "ana", "a", stillhouse={"details": {"scores": {"tone": "high"}}}),
        pair(3, "ana", "a", stillhouse={"kind": "edit"}),
        pair(4, "ana", "a", stillhouse="words"),
        {**pair(5, "ben", "b_much"), "swap": True},
    )
    found = import_study(store, path, "earlier")
    assert [(b.line, b.reason.split(":")[0]) for b in found.quarantined] == [
        (2, "stillhouse.details.scores.tone"),
        (3, "two answers cannot be asked about in a study of kind edit"),
        (4, "stillhouse"),
    ]  # fmt: skip
    assert [(b.points, b.winner) for b in Reviews(store.state).ballots("earlier")] == [(2, "first"), (2, "first")]


def test_a_final_label_by_much_settles_on_the_same_answer(store, write):
    rows = [
        pair(1, "ana", "b", final="b_much"),
        {**pair(1, "ben", "a", final="a", swap=True), "a": "two 1", "b": "one 1"},
    ]
    import_study(store, write(*rows), "earlier")
    assert ReviewService(store).close("earlier")["adjudicated"]["all"]["share"] == 1.0


def test_an_open_study_is_not_exported(house):
    ReviewService(house).create("tone", n=3)
    with pytest.raises(InputError, match="is open"):
        export_study(house, "tone")


# --- what was settled ----------------------------------------------------------------------------------------------


def settled(house, kind, by="cléo"):
    """A closed study whose items were settled in every way there is, some of them twice."""
    finished(house, kind)
    service = AdjudicationService(house)
    queue, choices = service.queue("tone", by, 99, 0.0), service.choices("tone")
    for turn in range(2):
        for i, conflict in enumerate(queue[: 6 + turn * -3]):
            choice, cause = choices[(i - turn) % len(choices)], CATEGORIES[i % len(CATEGORIES)]
            note, edit = f"“{choice}”\nby the book" if i % 2 else "", f"“settled” {i}" if choice == "edit" else None
            service.decide(conflict.token, by, choice, cause, note, edit=edit)
    return Adjudications(house.state).standing("tone")


@pytest.mark.parametrize("kind", MENUS)
@pytest.mark.parametrize("form", ["jsonl", "argilla"])
def test_what_was_settled_leaves_with_its_study_and_comes_back_equal(house, tmp_path, kind, form):
    """Mutation: judges/review_files.py: swap=swap) => swap=False)
    Mutation: judges/review_collected.py: -points if points and swap else points => points
    Mutation: judges/review_argilla.py: for key in ("choice", "final") if => for key in ("choice",) if
    """
    standing = settled(house, kind)
    data, _ = export_study(house, "tone", form, names=True)
    (tmp_path / "out").write_bytes(data)
    with Store.create(tmp_path / "elsewhere") as other:
        found = import_study(other, tmp_path / "out", "tone")
        assert (found.quarantined, found.final) == ((), len(standing))
        assert Adjudications(other.state).standing("tone") == standing
        assert export_study(other, "tone", form, names=True)[0] == data
        report = Reviews(other.state).study("tone").report["adjudicated"]
        assert (report["n"], report["set_aside"] > 0) == (len(standing), True)
        assert set(report["by_category"]) == {made.category for made in standing.values()}
        assert other.ledger.verify() == []
    assert any(made.edit for made in standing.values()) == (kind == "edit")


def test_a_line_says_of_its_own_panes_what_was_settled(house):
    standing = settled(house, "pairwise")
    items = ReviewItems(house.state).of("tone")
    lines = [json.loads(line) for line in export_study(house, "tone")[0].splitlines()]
    turned = Counter()
    for line in lines:
        made = standing.get(line["position"])
        assert ("final" in line) == ("settled" in line.get("stillhouse", {})) == (made is not None)
        if made is not None and made.verdict in ("first", "second"):
            turned[line.get("swap", False)] += 1
            better = items[line["position"]].first if made.verdict == "first" else items[line["position"]].second
            assert line[line["final"].removesuffix("_much")] == better
            assert line["final"].endswith("_much") == (abs(made.points) == 2)
    assert turned[False]
    assert turned[True]
    aside = [line for line in lines if line.get("final") == "set_aside"]
    assert {line["position"] for line in aside} == {k for k, made in standing.items() if made.verdict == "set_aside"}
    assert aside


@pytest.mark.parametrize("form", ["jsonl", "argilla"])
def test_an_adjudicator_leaves_the_house_under_another_name(house, tmp_path, form):
    """Mutation: judges/review_files.py: if not names: => if not names and not settled:"""
    standing = settled(house, "single")
    data, _ = export_study(house, "tone", form)
    assert "cléo" not in data.decode()
    assert "cl\\u00e9o" not in data.decode()
    (tmp_path / "out").write_bytes(data)
    with Store.create(tmp_path / "elsewhere") as other:
        import_study(other, tmp_path / "out", "tone")
        back = Adjudications(other.state).standing("tone")
        assert {made.adjudicator for made in back.values()} == {pseudonym(house, "cléo")}
        same = {"verdict", "points", "category", "note", "at"}
        assert [made.model_dump(include=same) for made in back.values()] == [
            standing[k].model_dump(include=same) for k in back
        ]


def test_a_label_settled_elsewhere_leaves_as_it_came_and_names_nobody(store, write, tmp_path):
    row = {"item": 1, "prompt": "q", "a": "no", "rater": "ana", "choice": "full", "final": "part"}
    reading = Reading(choices={"full": "full", "part": "part"})
    import_study(store, write(row), "earlier", reading)
    (line,) = [json.loads(line) for line in export_study(store, "earlier")[0].splitlines()]
    assert (line["final"], set(line["stillhouse"]["settled"])) == ("part", {"settled_at"})
    (tmp_path / "out").write_text(json.dumps(line))
    import_study(store, tmp_path / "out", "again", reading)
    (made,) = Adjudications(store.state).standing("again").values()
    assert (made.verdict, made.adjudicator) == ("part", ELSEWHERE)
    assert made.at == Reviews(store.state).study("earlier").closed


def test_what_is_settled_twice_or_in_no_known_way_is_set_aside(store, write):
    def lead(rater, final="a", **more):
        how = {"category": "ambiguous", "adjudicator": "lead", **more}
        return {**pair(1, rater, "a"), "final": final, "stillhouse": {"settled": how}}

    path = write(
        lead("ana"),
        lead("ben"),
        lead("cem", category="edge case"),
        lead("dan", "b"),
        lead("eve", category="boredom"),
        lead("fay", note="a\0b"),
        lead("gil", settled_at="yesterday"),
        lead("hal", None),
        lead("ivo", edit="better"),
        pair(2, "ana", "set_aside"),
        pair(3, "ana", "a", final="set_aside"),
    )
    found = import_study(store, path, "earlier")
    assert [(b.line, b.reason.split(":")[0]) for b in found.quarantined] == [
        (3, "item '1' was settled otherwise on an earlier line"),
        (4, "item '1' was settled otherwise on an earlier line"),
        (5, "stillhouse.settled.category"),
        (6, "stillhouse.settled"),
        (7, "stillhouse.settled.settled_at"),
        (8, "it says how it was settled and not on what; `final` is missing"),
        (9, "an edit stands only where `final` is 'edit'"),
        (10, "no choice 'set_aside' here. Known"),
    ]  # fmt: skip
    made = Adjudications(store.state).standing("earlier")
    assert [(m.verdict, m.category, m.adjudicator) for m in made.values()] == [
        ("first", "ambiguous", "lead"), ("set_aside", None, ELSEWHERE),
    ]  # fmt: skip


# --- Argilla -------------------------------------------------------------------------------------------------------

ANA, BEN = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
FIELDS = {"instruction": "say hi", "chosen": "hello", "other": "no"}
NAMES = Reading(
    columns={"prompt": "instruction", "a": "chosen", "b": "other", "choice": "better"},
    choices={"1": "a", "2": "b"},
)
SHAPES = {
    "to_json of the SDK 2.x": {
        "id": "r1", "fields": FIELDS, "metadata": {}, "vectors": {}, "status": "completed", "_server_id": ANA,
        "suggestions": {"better": {"value": "2", "score": 0.7, "agent": "a model"}},
        "responses": {
            "better": [{"value": "1", "user_id": ANA}, {"value": "2", "user_id": BEN}],
            "reason": [{"value": "kind", "user_id": ANA}],
        },
    },
    "to_list(flatten=True) of the SDK 2.x": {
        "id": "r1", **FIELDS, "status": "completed", "_server_id": ANA,
        "better.suggestion": "2", "better.suggestion.score": 0.7, "better.suggestion.agent": None,
        "better.responses": ["1", "2"], "better.responses.users": [ANA, BEN],
        "better.responses.status": ["submitted", "submitted"],
        "reason.responses": ["kind"], "reason.responses.users": [ANA], "reason.responses.status": ["submitted"],
    },
    "Record.serialize of the SDK 2.x": {
        "id": "r1", "fields": FIELDS, "metadata": None, "suggestions": [{"question_name": "better", "value": "2"}],
        "responses": [
            {"question_name": "better", "value": "1", "user_id": ANA, "status": "submitted"},
            {"question_name": "reason", "value": "kind", "user_id": ANA, "status": "submitted"},
            {"question_name": "better", "value": "2", "user_id": BEN, "status": "submitted"},
        ],
    },
    "feedback records of 1.x, and the server": {
        "id": "r1", "fields": FIELDS, "metadata": {}, "suggestions": [{"question_name": "better", "value": "2"}],
        "responses": [
            {"values": {"better": {"value": "1"}, "reason": {"value": "kind"}}, "user_id": ANA, "status": "submitted"},
            {"values": {"better": {"value": "2"}}, "user_id": BEN, "status": "submitted"},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("array", [True, False], ids=["json", "jsonl"])
def test_argillas_records_are_read_in_every_shape_it_writes(store, write, shape, array):
    row = [SHAPES[shape]] if array else SHAPES[shape]
    found = import_study(store, write(row), "earlier", NAMES)
    assert (found.rows, found.kept, found.suggestions, found.raters) == (2, 2, 1, (ANA, BEN))
    said = [(b.rater, b.winner, b.reason) for b in Reviews(store.state).ballots("earlier")]
    assert said == [(ANA, "first", "kind"), (BEN, "second", None)]


def test_a_draft_is_set_aside_a_discard_is_a_skip_and_an_unrated_record_is_an_item(store, write):
    def record(ident, *responses):
        return {"id": ident, "fields": {"prompt": "hi", "a": "hello", "b": "no"}, "responses": list(responses)}

    path = write(
        record("r1", {"values": {"choice": {"value": "a"}}, "user_id": ANA, "status": "draft"}),
        record("r2", {"values": {}, "user_id": ANA, "status": "discarded"}),
        record("r3"),
        record("r4", {"values": {"other": {"value": "a"}, "more": {"value": 1}}, "user_id": ANA}),
        record("r5", {"values": {"choice": {"value": "a"}}, "user_id": None}),
        record("r6", {"values": {"choice": {"value": ["a", "b"]}}, "user_id": ANA}),
        {"id": "r7", "fields": {"prompt": "hi", "a": "hello", "b": "no"}, "responses": "none"},
        {"id": "r8", "fields": ["prompt"], "responses": []},
        record("r9", {"values": {"choice": {"value": "a"}}, "user_id": ANA, "status": "submitted"}),
    )
    found = import_study(store, path, "earlier")
    assert (found.rows, found.kept) == (9, 3)
    assert [(b.line, b.reason.split(":")[0]) for b in found.quarantined] == [
        (1, f"user {ANA}"), (4, "its responses answer more, other; say which is the choice"),
        (5, "a response without its user"), (6, "choice"), (7, "no record of Argilla's"), (8, "no record of Argilla's"),
    ]  # fmt: skip
    assert votes(store, "earlier") == [(0, ANA, "skip", False), (2, ANA, "first", False)]


def test_a_chat_is_read_as_its_raters_read_it(store, write):
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes?"},
        {"role": "user", "content": "ok"},
    ]
    import_study(store, write({**pair(1, "ana", "a"), "prompt": turns}), "earlier")
    assert ReviewItems(store.state).of("earlier")[0].prompt == "user: hi\n\nassistant: yes?\n\nuser: ok"


# --- published studies ---------------------------------------------------------------------------------------------


def pandalm(folder):
    """One row for each of the three ratings of every pair."""
    for row in json.loads((folder / "pandalm" / "testset-v1.json").read_text(encoding="utf-8")):
        first, second = row["cmp_key"].split("_")
        for person in PEOPLE:
            yield {
                "item": row["idx"], "prompt": f"{row['instruction']}\n\n{row['input']}".strip(), "a": row["response1"],
                "b": row["response2"], "rater": person, "choice": row[person], "first_teacher": first,
                "second_teacher": second,
            }  # fmt: skip


def test_pandalm_is_a_finished_study_whose_raters_agree_as_published(store, write, shared_data, tmp_path):
    found = import_study(store, write(*pandalm(shared_data)), "pandalm", SIDES)
    assert (found.items, found.rows, found.kept, found.votes) == (999, 2997, 2997, 2997)
    report = ReviewService(store).close("pandalm")
    kappas = {tuple(pair["raters"]): pair["kappa"] for pair in report["pairs"]}
    assert {raters: f"{kappa['value']:.3f}" for raters, kappa in kappas.items()} == {
        PEOPLE[:2]: "0.852", (PEOPLE[0], PEOPLE[2]): "0.879", PEOPLE[1:]: "0.862",
    }  # fmt: skip
    assert all(kappa["ci"][0] < kappa["value"] < kappa["ci"][1] for kappa in kappas.values())
    assert report["majority"] == {"n": 999, "said": {"first": 422, "second": 472, "tie": 105}, "undecided": 0}
    rates = report["win_rates"]["teachers"]
    assert sum(rate["n"] for rate in rates.values()) == 2 * 2997
    best = max(rates, key=lambda name: rates[name]["rate"])
    assert max(rates, key=lambda name: rates[name]["controlled"]) == best
    assert rates[best]["controlled_ci"][0] > 0.5
    made = GoldService(store).create_from_study("pandalm", "people", "lead")
    assert (made.rows, made.undecided, made.tied) == (422 + 472, 105, 0)
    for form in ("jsonl", "argilla"):
        data, count = export_study(store, "pandalm", form, names=True)
        (tmp_path / "again").write_bytes(data)
        assert import_study(store, tmp_path / "again", form).votes == count == 2997
        assert Reviews(store.state).ballots(form) == Reviews(store.state).ballots("pandalm")


@pytest.mark.parametrize(("model", "kappa"), [("gpt4", "0.970"), ("llama2orig", "0.929")])
def test_xstest_is_a_study_of_two_annotators_beside_what_they_settled_on(store, write, shared_data, model, kappa):
    folder = shared_data / "xstest" / "evaluation" / "automated_evaluation_labels"
    with (folder / f"xstest_v2_completions_{model}_gpteval.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    labels = {label for row in rows for label in (row["annotation_1"], row["annotation_2"], row["final_label"])}
    reading = Reading(choices={label: label for label in labels if label})
    ratings = [
        {"item": row["id"], "prompt": row["prompt"], "a": row["completion"], "first_teacher": model, "rater": who,
         "choice": row[who], "final": row["final_label"]}
        for row in rows
        for who in ("annotation_1", "annotation_2")
    ]  # fmt: skip
    found = import_study(store, write(*ratings), model, reading)
    assert (found.items, found.rows, found.final) == (450, 900, 450)
    assert found.rows == found.kept + len(found.quarantined)
    report = ReviewService(store).close(model)
    assert f"{report['kappa']:.3f}" == kappa
    assert report["kappa_ci"][0] < report["kappa"] < report["kappa_ci"][1]
    settled = report["adjudicated"]
    right = sum(row[who] == row["final_label"] for row in rows for who in ("annotation_1", "annotation_2") if row[who])
    assert settled["all"]["share"] == pytest.approx(right / settled["all"]["n"], abs=1e-4)
    assert set(settled["raters"]) == {"annotation_1", "annotation_2"}
    kept = store.ledger.events()[-2].body["source"]["final"]
    assert Counter(kept.values()) == Counter(row["final_label"] for row in rows)
    assert (report["acceptance"]["all"]["n"], report["acceptance"]["why"]) == (
        0,
        "nobody accepted or rejected anything",
    )
