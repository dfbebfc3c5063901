"""Judges of other families vote on samples once gold has earned them a vote; requests go to the practice server."""

import json
from contextlib import contextmanager

import polars as pl
import pytest

from curation.asker import Asker
from curation.errors import TaskError
from curation.llm.practice.key import KeyEntry
from curation.llm.practice.profiles import PROFILES
from curation.llm.practice.server import PracticeServer
from curation.pipeline import apply
from curation.progress import Silent
from curation.records import SAMPLES, Message, message_row
from curation.run import Resources
from curation.store.gold import GoldItem, Judged
from curation.store.replies import Replies
from curation.store.store import Store
from curation.store.verdicts import Verdicts
from curation.task import AnswerTable, Environment, SamplingTable, Task
from judges.gold import GoldService
from judges.panel import build_step, newest_report
from judges.rubric import read_rubric

LABELS = ("refund", "track", "cancel")
ANSWER = AnswerTable(format="label", labels=LABELS)
GOLD = 30
KEY = [KeyEntry(id=f"k{i}", text=f"message {i}", answer=LABELS[i % 3], difficulty=0.5) for i in range(6)]
GOLD_KEY = [KeyEntry(id=f"g{i}", text=f"gold message {i}", answer=LABELS[i % 3], difficulty=0.5) for i in range(GOLD)]
SOUND = {name: p.model_copy(update={"judge": 0.0, "malformed": 0.0, "gullible": 0.0}) for name, p in PROFILES.items()}
SOUND["cedar"] = SOUND["cedar"].model_copy(update={"judge": 0.05})  # two judges that always say the same are one
MUMBLING = SOUND | {"birch": SOUND["birch"].model_copy(update={"malformed": 1.0})}
GULLIBLE = SOUND | {"birch": SOUND["birch"].model_copy(update={"gullible": 1.0})}
WRONGHEADED = SOUND | {name: SOUND[name].model_copy(update={"judge": 0.9}) for name in ("birch", "cedar")}


def model(name, family=None, size="large"):
    return {"name": name, "use": "practice", "model": f"{family or name}-{size}"}


def task(teachers=("alder",), judges=(), **tables):
    return Task.model_validate(
        {
            "task": {"name": "t"},
            "teachers": [model(t) for t in teachers],
            "judges": [model(f"{j}-judge", j) for j in judges],
            **tables,
        }
    )


def right(entry):
    return entry.answer


def wrong(entry):
    return LABELS[(LABELS.index(entry.answer) + 1) % 3]


def judged(entry, answer, verdict, teacher=""):
    said = Judged(
        messages=(Message(role="user", content=entry.text),), answers=(answer,), verdict=verdict, teachers=(teacher,)
    )
    return GoldItem(id=f"{entry.id}-{verdict}", text=entry.text, answer=entry.answer, judged=said)


def gold_rows(teacher=""):
    """A right and a wrong answer to every gold message, as people judged them."""
    return [
        row
        for entry in GOLD_KEY
        for row in (judged(entry, right(entry), "accept", teacher), judged(entry, wrong(entry), "reject", teacher))
    ]


@contextmanager
def resources(tmp_path, declared, profiles=SOUND, gold=()):
    """Everything the panel needs: a real store with its gold, a real asker, the practice server."""
    environment, silent = Environment({}), Silent()
    with (
        PracticeServer([*KEY, *GOLD_KEY], seed=1, profiles=profiles, answer=ANSWER) as server,
        Store.create(tmp_path) as store,
        Asker(
            Replies(store.replies_db), environment, sampling=SamplingTable(), budget_usd=None,
            practice_url=server.url, progress=silent,
        ) as asker,
    ):  # fmt: skip
        if gold:
            GoldService(store).add("judged", gold, actor="ana")
        yield Resources(declared, store, asker, environment, silent)


def samples(answers, teacher="alder"):
    rows = [
        {
            **dict.fromkeys(SAMPLES),
            "id": f"{i:032x}", "position": i, "teacher": teacher, "index": 0, "prompt_id": f"k{i}", "request_key": "0",
            "messages": [message_row(Message(role="user", content=f"message {i}"))],
            "answer": answer, "state": "kept", "edited": False,
        }
        for i, answer in enumerate(answers)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SAMPLES)


def votes_of(decisions, place=0):
    return json.loads(decisions["evidence"][place])["votes"]


def test_a_wrong_answer_is_dropped_with_the_votes_as_evidence_and_a_right_one_keeps_its_votes(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar")), gold=gold_rows()) as given:
        after, decisions = apply(samples(["refund", "refund"]), [build_step(given)])
    assert after["state"].to_list() == ["kept", "dropped"]
    assert after["judged"].to_list() == ["agreed", "rejected"]
    assert after["reason"].to_list() == [None, "judge_rejected"]
    assert [[v["family"] for v in votes_of(decisions, i)] for i in (0, 1)] == [["birch", "cedar"]] * 2
    assert [v["vote"] for v in votes_of(decisions, 1)] == ["reject", "reject"]
    assert all(v["weight"] > 1 for v in votes_of(decisions, 1))
    assert json.loads(decisions["evidence"][1])["majority"] == "rejected"
    assert decisions["words"].to_list()[1] == "2 of 2 judges rejected it, weighted share of acceptance 0.00"


def test_with_no_gold_verdicts_are_advice_that_stays_with_the_sample_and_drops_nothing(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar"))) as given:
        after, decisions = apply(samples(["refund", "refund"]), [build_step(given)])
        report, _ = newest_report(given.store)
        notices = given.progress.notices
    assert after.select("state", "judged").rows() == [("kept", "unjudged")] * 2
    assert [v["vote"] for v in votes_of(decisions, 1)] == ["reject", "reject"]
    assert decisions["words"].to_list()[1] == (
        "advice only, no judge has earned a vote: 0 of 2 readable verdicts accept it"
    )
    assert report.fit is None
    assert any("stillhouse gold start" in line for line in notices)


def test_no_judge_sees_an_answer_of_its_own_family(tmp_path):
    declared = task(teachers=("alder", "birch"), judges=("alder", "birch", "cedar"), panel={"canaries": 0})
    both = pl.concat([samples(["refund"]), samples(["refund"], "birch").with_columns(id=pl.lit("f" * 32))])
    with resources(tmp_path, declared) as given:
        _, decisions = apply(both, [build_step(given)])
        asked = given.asker.calls
    families = [[v["family"] for v in votes_of(decisions, i)] for i in (0, 1)]
    assert families == [["birch", "cedar"], ["alder", "cedar"]]
    assert asked == 3  # the two answers are equal, so cedar is asked once about both


def test_no_judge_is_measured_on_gold_that_its_own_family_wrote(tmp_path):
    declared = task(teachers=("alder", "birch"), judges=("birch", "cedar"))
    with resources(tmp_path, declared, gold=gold_rows("birch")) as given:
        apply(samples(["refund"]), [build_step(given)])
        report, _ = newest_report(given.store)
    counted = {s.judge: (s.n, s.role) for s in report.fit.standings if s.slice is None}
    assert counted == {"birch-judge": (0, "report_only"), "cedar-judge": (GOLD, "votes")}


def test_asking_again_asks_nobody_decides_the_same_and_writes_no_verdict_twice(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar")), gold=gold_rows()) as given:
        _, first = apply(samples(["refund", "track"]), [build_step(given)])
        calls, verdicts = given.asker.calls, Verdicts(given.store.replies_db).read()
        _, second = apply(samples(["refund", "track"]), [build_step(given)])
        assert given.asker.calls == calls
        assert Verdicts(given.store.replies_db).read() == verdicts
    assert first.equals(second)
    assert {v.kind for v in verdicts} == {"sample", "gold", "canary"}
    assert sum(v.kind == "gold" for v in verdicts) == 2 * 2 * GOLD


def test_a_verdict_that_cannot_be_read_is_never_a_pass(tmp_path):
    endless = samples(["refund " * 3000])  # longer than a judge is shown
    with resources(tmp_path, task(judges=("birch", "cedar")), gold=gold_rows()) as given:
        after, decisions = apply(endless, [build_step(given)])
    assert after.select("state", "reason", "judged").rows() == [("quarantined", "judge_unscored", "unjudged")]
    assert {v["vote"] for v in votes_of(decisions)} == {"unscored"}
    assert all(v["reason"] for v in votes_of(decisions))


def test_a_judge_that_mumbles_has_no_vote_and_leaves_the_count_to_the_others(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar")), MUMBLING, gold=gold_rows()) as given:
        after, decisions = apply(samples([right(e) for e in KEY]), [build_step(given)])
        report, _ = newest_report(given.store)
    assert after["judged"].to_list().count("agreed") >= 5  # cedar errs now and then
    assert {v["judge"]: v["weight"] > 0 for v in votes_of(decisions)} == {"birch-judge": False, "cedar-judge": True}
    birch = next(s for s in report.fit.standings if s.judge == "birch-judge" and s.slice is None)
    assert birch.unreadable[0] > 10
    assert birch.unreadable[1] == 2 * GOLD
    assert "unreadable" in birch.reasons[0]


def test_a_judge_that_falls_for_planted_answers_loses_its_vote(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar")), GULLIBLE, gold=gold_rows()) as given:
        apply(samples(["refund", "track", "cancel"] * 2), [build_step(given)])
        report, _ = newest_report(given.store)
    birch = next(s for s in report.fit.standings if s.judge == "birch-judge" and s.slice is None)
    assert birch.role == "excluded"
    assert "planted" in birch.reasons[0]
    assert report.voters == ("cedar-judge",)


def test_two_judges_that_are_mostly_wrong_do_not_outvote_a_good_one_and_the_alarm_says_so(tmp_path):
    with resources(tmp_path, task(judges=("birch", "cedar", "dogwood")), WRONGHEADED, gold=gold_rows()) as given:
        after, _ = apply(samples([right(e) for e in KEY]), [build_step(given)])
        report, _ = newest_report(given.store)
        notices = given.progress.notices
    assert after["state"].to_list() == ["kept"] * 6
    assert report.voters == ("dogwood-judge",)
    assert report.fit.alarm
    assert any(line.startswith("alarm: ") for line in notices)
    assert report.fit.best_judge == "dogwood-judge"


def test_of_two_answers_to_one_prompt_judges_that_compare_keep_the_better(tmp_path):
    declared = task(teachers=("alder", "dogwood"), judges=("birch",), panel={"grader": "pairwise", "least_gold": 10})
    pairs = [
        GoldItem(
            id=e.id, text=e.text, answer=e.answer,
            judged=Judged(
                messages=(Message(role="user", content=e.text),), verdict="first" if i % 2 else "second",
                answers=(right(e), wrong(e)) if i % 2 else (wrong(e), right(e)),
            ),
        )
        for i, e in enumerate(GOLD_KEY)
    ]  # fmt: skip
    both = pl.concat([samples(["refund"]), samples(["track"], "dogwood").with_columns(id=pl.lit("f" * 32))])
    with resources(tmp_path, declared, gold=[*pairs, *gold_rows()]) as given:
        after, _ = apply(both, [build_step(given)])
        report, _ = newest_report(given.store)
    assert dict(after.select("answer", "state").iter_rows()) == {"refund": "kept", "track": "dropped"}
    assert (report.rows, report.unusable) == (GOLD, 2 * GOLD)


@pytest.mark.parametrize("judges", [(), ("alder",)])
def test_with_no_eligible_judge_samples_are_unjudged_and_one_line_says_who_would_do(tmp_path, judges):
    with resources(tmp_path, task(judges=judges)) as given:
        after, _ = apply(samples(["refund", "track"]), [build_step(given)])
        line = given.progress.notices[-1]
    assert after.select("state", "judged").rows() == [("kept", "unjudged")] * 2
    assert line.startswith("2 samples of alder are unjudged")
    assert "birch, cedar, dogwood" in line
    assert "[[judges]]" in line


def test_a_judge_of_unknown_family_is_refused_by_name(tmp_path):
    unknown = [{"name": "stranger", "use": "practice", "model": "nobody-knows-me"}]
    with (
        resources(tmp_path, task().model_copy(update={"judges": tuple(unknown)})) as given,
        pytest.raises(TaskError, match=r"stranger.*families\.toml"),
    ):
        build_step(given)


def test_a_family_stated_by_hand_is_in_the_ledger(tmp_path):
    declared = task(judges=("birch",))
    stated = declared.model_copy(update={"judges": ({**declared.judges[0], "family": "birch"},)})
    with resources(tmp_path, stated) as given:
        apply(samples(["refund"]), [build_step(given)])
        (event,) = given.store.ledger.events("panel")
    assert [o["family"] for o in event.body["families_stated_by_hand"]] == ["birch"]


def test_gold_that_changed_makes_another_recipe(tmp_path):
    with resources(tmp_path, task(judges=("birch",)), gold=gold_rows()) as given:
        before = build_step(given).describe()
        GoldService(given.store).add("judged", [judged(KEY[0], "track", "reject")], actor="ana")
        assert build_step(given).describe() != before


def test_an_edited_rubric_is_another_step_and_asks_again(tmp_path):
    shipped = read_rubric("general", tmp_path)
    (tmp_path / "mine.toml").write_text(
        f'name = "mine"\nversion = 1\nquestion = "{shipped.question}"\nmaterial = "m"\n'
        '[[criteria]]\nid = "c"\ntext = "It is right."\n'
    )
    declared = task(judges=("birch",), panel={"canaries": 0}).rooted_at(tmp_path)
    own = declared.model_copy(update={"judges": ({**declared.judges[0], "rubric": "mine.toml"},)}).rooted_at(tmp_path)
    with resources(tmp_path / "w", declared) as given:
        apply(samples(["refund"]), [build_step(given)])
        described = build_step(given).describe()
        again = build_step(Resources(own, given.store, given.asker, given.environment, given.progress))
        apply(samples(["refund"]), [again])
        assert given.asker.calls == 2
    assert described != again.describe()


def test_an_unknown_rubric_is_named_with_the_nearest_one(tmp_path):
    with pytest.raises(TaskError, match="did you mean 'support'"):
        read_rubric("suport", tmp_path)
