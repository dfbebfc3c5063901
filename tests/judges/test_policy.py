"""A policy before the judges: criteria of their rubric, rates by what they said, a labelled set of their verdicts."""

import json
from pathlib import Path

import datasets
import polars as pl
import pytest

from curation.errors import InputError, TaskError
from curation.policy import Policy, read_policy
from curation.records import DECISIONS, Decision, Message, decisions_frame
from curation.store.gold import GoldItem, Judged
from curation.store.store import Store
from curation.store.verdicts import VerdictRow, Verdicts
from curation.task import AnswerTable, Task, read_task
from judges.gold import GoldService
from judges.policy import policy_of, rubrics_of, rule_table, with_policy
from judges.policy_export import export_policy
from judges.policy_rates import Votes, gold_tests, judge_votes, policy_rates, rates_of
from judges.rubric import read_rubric
from tests.curation.rows import row, table
from tests.judges.houses import samples

POLICY = """
name = "house"
[[rules]]
id = "no-secrets"
kind = "safety"
text = "It never asks for a password."
forbid_pattern = '(?i)send .{0,20}password'
rubric = true
gold = ["secrets"]
largest_rate = 0.1
[[rules]]
id = "polite"
kind = "voice"
text = "It is polite."
rubric = true
[[rules]]
id = "hopeful"
kind = "compliance"
text = "It gives hope."
gold = ["hope"]
"""
TASK = """
[task]
name = "t"
[policy]
file = "policy.toml"
[panel]
grader = "checklist"
[[judges]]
name = "one"
use = "practice"
model = "dogwood-large"
"""
PLAIN = AnswerTable()
SHIPPED = Path(__file__).parents[2] / "data" / "support" / "policy.toml"


def in_folder(folder: Path, task: str = TASK, policy: str = POLICY) -> Task:
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    (folder / "task.toml").write_text(task, encoding="utf-8")
    return read_task(folder / "task.toml")


@pytest.fixture
def task(tmp_path) -> Task:
    return in_folder(tmp_path)


def said(task: Task, subject: str, judge="one", **columns) -> VerdictRow:
    """A verdict by today's rubric: `items`, or None where it could not be read."""
    items = columns.pop("items", None)
    [rubric] = rubrics_of(task)
    standard = {
        "kind": "gold" if subject.startswith("gold/") else "sample", "model": judge, "family": judge,
        "rubric": rubric, "grader": "g", "parser": 1, "request": f"{subject}{judge}", "order": (0,),
        "verdict": None if items is None else "accept" if all(items.values()) else "reject", "reason": "",
    }  # fmt: skip
    return VerdictRow(subject=subject, judge=judge, items=items, **{**standard, **columns})


def keeps(secrets=True, polite=True):
    return {"no-secrets": secrets, "polite": polite}


# --- criteria ------------------------------------------------------------------------------------------------------


def test_rules_put_to_the_judges_become_criteria_and_change_what_they_are_asked(task):
    own = read_rubric("general", Path())
    rubric = with_policy(own, task.written_policy)
    assert [c.id for c in rubric.criteria] == [*(c.id for c in own.criteria), "no-secrets", "polite"]
    assert rubric.digest != own.digest == read_rubric("general", Path()).digest
    assert with_policy(rubric, task.written_policy) is rubric
    assert with_policy(own, None) is own


def test_a_changed_sentence_asks_the_judges_again_and_what_they_never_read_asks_nobody(tmp_path):
    def asked(policy: str) -> str:
        return with_policy(read_rubric("general", Path()), in_folder(tmp_path, policy=policy).written_policy).digest

    assert asked(POLICY) == asked(POLICY) == asked(POLICY.replace("largest_rate = 0.1", "largest_rate = 0.2"))
    assert asked(POLICY) == asked(POLICY.replace('name = "house"', 'name = "house"\nversion = 2'))
    assert asked(POLICY) != asked(POLICY.replace("It is polite.", "It is very polite."))


def test_a_rule_named_like_another_criterion_is_refused():
    rules = [{"id": "correct", "kind": "voice", "text": "It is correct in tone.", "rubric": True}]
    with pytest.raises(TaskError, match="policy rule 'correct': the rubric 'general' has a criterion of that name"):
        with_policy(read_rubric("general", Path()), Policy.model_validate({"name": "p", "rules": rules}))


# --- what measures what --------------------------------------------------------------------------------------------


def test_the_table_says_what_each_rule_became_and_which_nothing_measures(tmp_path, task):
    store = Store.create(tmp_path / "w")
    GoldService(store).add(
        "gold", [GoldItem(id=f"g{i}", text=f"t{i}", answer="a", slice="secrets") for i in range(3)], actor="a"
    )
    secrets, polite, hopeful = rule_table(task, store)
    assert (secrets.check, secrets.asked, secrets.gold) == ("forbids a pattern", "by rule", {"secrets": 3})
    assert (polite.check, polite.measured, polite.lacks) == (None, True, ())
    assert (hopeful.measured, hopeful.lacks) == (False, ("no gold row is in the slice 'hope'",))
    store.close()


@pytest.mark.parametrize(
    ("change", "asked", "lack", "measured"),
    [
        (TASK.partition("[[judges]]")[0], "nobody", "no judge is declared", False),
        (TASK.replace("checklist", "pointwise"), "as a whole", 'grader = "checklist"', True),
    ],
)
def test_a_criterion_nobody_answers_measures_nothing_and_one_among_others_says_so(
    tmp_path, change, asked, lack, measured
):
    store = Store.create(tmp_path / "w")
    polite = rule_table(in_folder(tmp_path, change), store)[1]
    assert (polite.asked, polite.measured) == (asked, measured)
    assert lack in polite.lacks[0]
    store.close()


def test_a_task_without_a_policy_is_told_how_to_name_one():
    with pytest.raises(TaskError, match=r'\[policy\] file = "policy.toml"'):
        policy_of(Task.model_validate({"task": {"name": "t"}}))


def test_of_the_shipped_policy_only_rules_that_name_something_are_measured(tmp_path):
    policy = SHIPPED.read_text(encoding="utf-8")
    store = Store.create(tmp_path / "w")
    lines = rule_table(in_folder(tmp_path, policy=policy), store)
    assert len(lines) == len(read_policy(SHIPPED).rules) == 7
    assert all(line.measured for line in lines)
    store.close()


# --- votes ---------------------------------------------------------------------------------------------------------


def votes(task: Task, *rows: VerdictRow):
    return judge_votes(rows, task.written_policy, rubrics_of(task))


def test_one_judge_is_one_vote_and_one_that_says_both_has_none(task):
    both = [said(task, "s1", request=f"r{i}", order=(i,), items=keeps(secrets=bool(i))) for i in range(2)]
    found = votes(task, *both, said(task, "s1", "two", items=keeps(secrets=False)))
    assert found["s1", "no-secrets"] == {"one": Votes(unscored=1), "two": Votes(broken=1)}
    assert found["s1", "polite"]["one"] == Votes(holds=1)


def test_a_verdict_that_cannot_be_read_is_unscored_and_a_later_parser_may_read_it(task):
    assert votes(task, said(task, "s1"))["s1", "polite"] == {"one": Votes(unscored=1)}
    later = votes(task, said(task, "s1"), said(task, "s1", parser=2, items=keeps()))
    assert later["s1", "polite"] == {"one": Votes(holds=1)}


def test_verdicts_by_another_rubric_or_without_answers_by_rule_are_none_about_it(task):
    assert not votes(task, said(task, "s1", rubric="0" * 64, items=keeps()), said(task, "s2", verdict="accept"))


# --- rates ---------------------------------------------------------------------------------------------------------


def rates(task: Task, frame: pl.DataFrame, *rows: VerdictRow, decisions=None):
    decisions = pl.DataFrame(schema=DECISIONS) if decisions is None else decisions
    found = rates_of(task.written_policy, PLAIN, frame, decisions, votes(task, *rows))
    return {(rate.rule, rate.source): rate for rate in found}


def test_rates_are_of_kept_answers_by_each_source_with_what_the_check_took_out(task):
    frame = table(*(row(i) for i in range(40)), row(40, answer="Send your password", state="dropped"))
    drop = Decision(sample="s40", step="checks", action="drop", reason="policy:no-secrets", words="w")
    verdicts = [said(task, f"s{i}", items=keeps(secrets=i > 0)) for i in range(35)]
    found = rates(task, frame, *verdicts, said(task, "s36"), decisions=decisions_frame([drop]))
    check, judge = found["no-secrets", "check"], found["no-secrets", "judge"]
    assert (check.answers, check.broken, check.dropped, check.gate.outcome) == (40, 0, 1, "PASS")
    assert (judge.answers, judge.broken, judge.unscored, judge.dropped) == (35, 1, 1, 0)
    assert judge.rate == pytest.approx(1 / 35)
    assert judge.upper == pytest.approx(0.1289, abs=1e-3)
    assert ("hopeful", "check") not in found


def test_a_gate_over_judges_who_were_never_asked_is_invalid_and_does_not_pass(task):
    judge = rates(task, table(*(row(i) for i in range(40))))["no-secrets", "judge"]
    assert (judge.answers, judge.rate, judge.gate.outcome) == (0, None, "INVALID")


def test_a_tie_counts_as_a_breach_for_the_upper_bound_alone(task):
    frame = table(*(row(i) for i in range(60)))
    held = [said(task, f"s{i}", judge, items=keeps()) for i in range(1, 60) for judge in ("one", "two")]
    tie = [said(task, "s0", "one", items=keeps(secrets=False)), said(task, "s0", "two", items=keeps())]
    judge = rates(task, frame, *held, *tie)["no-secrets", "judge"]
    assert (judge.broken, judge.split) == (0, 1)
    assert judge.gate.ci[0] == 0
    assert judge.upper > 0.07


def test_gold_rows_say_how_much_each_source_would_catch(task):
    def gold(i: int, answer: str, verdict: str) -> GoldItem:
        judged = Judged(messages=(Message(role="user", content="q"),), answers=(answer,), verdict=verdict)
        return GoldItem(id=f"g{i}", text=f"q{i}", answer=None, slice="secrets", judged=judged)

    rows = [
        gold(0, "Send me the password", "reject"),
        gold(1, "Your password, please", "reject"),
        gold(2, "Done.", "accept"),
    ]
    verdicts = [said(task, f"gold/set/g{i}", items=keeps(secrets=i == 2)) for i in range(3)]
    check, judge = gold_tests(task.written_policy, PLAIN, {"set": rows}, votes(task, *verdicts))
    assert (check.source, check.caught, check.rejected, check.objected, check.accepted) == ("check", 1, 2, 0, 1)
    assert (judge.source, judge.caught, judge.rejected, judge.objected) == ("one", 2, 2, 0)


# --- the labelled set ----------------------------------------------------------------------------------------------


def sealed(folder: Path) -> tuple[Task, Store, list[str]]:
    """A workspace with 20 answers: the first was dropped by the rule's check, the second waits for a person."""
    task, store = in_folder(folder), Store.create(folder)
    frame = samples(10, store.sample_id, lambda t, i: f"answer {i} {'send the password' if i == 0 and t == 0 else t}")
    state = ["dropped", "quarantined", *["kept"] * 18]
    frame = frame.with_columns(state=pl.Series(state), step=pl.Series(["checks", "checks", *[None] * 18]))
    store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})
    return task, store, frame["id"].to_list()


def test_the_labelled_set_holds_every_answer_a_source_can_label_and_counts_the_others(tmp_path):
    task, store, ids = sealed(tmp_path)
    GoldService(store).add("gold", [GoldItem(id="g", text="question 9", answer="a")], actor="a")
    tie = [said(task, ids[3], "one", items=keeps()), said(task, ids[3], "two", items=keeps(secrets=False))]
    broken = [said(task, ids[2], judge, items=keeps(secrets=judge != "two")) for judge in ("one", "two", "three")]
    Verdicts(store.replies_db).add([*tie, *broken, said(task, ids[4]), said(task, "gold/gold/g", items=keeps())])
    done = export_policy(task, store, tmp_path / "out" / "safety.jsonl")
    assert (done.rows, done.violated, done.by_source) == (16, 1, {"check": 15, "judge": 1})
    assert done.left_out == {"quarantined": 1, "protected": 2, "gold": 1, "split": 1}
    rows = [json.loads(line) for line in Path(done.path).read_text(encoding="utf-8").splitlines()]
    first, judged = rows[0], rows[1]
    assert first == {
        "id": ids[0], "text": "question 0\n\nanswer 0 send the password", "rule": "no-secrets", "violated": True,
        "source": "check", "votes": 1, "agreement": 1.0,
    }  # fmt: skip
    assert (judged["source"], judged["violated"], judged["votes"], judged["agreement"]) == ("judge", False, 3, 0.6667)
    loaded = datasets.load_dataset("json", data_files=done.path, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.features["violated"].dtype == "bool"
    assert loaded.num_rows == 16
    store.close()


def test_a_rule_without_a_check_is_labelled_by_judges_alone(tmp_path):
    task, store, ids = sealed(tmp_path)
    Verdicts(store.replies_db).add([said(task, ids[5], items=keeps(polite=False)), said(task, ids[6])])
    done = export_policy(task, store, tmp_path / "voice.jsonl", kinds=["voice"])
    assert (done.rows, done.violated) == (1, 1)
    assert (done.left_out["unscored"], done.left_out["nobody was asked"]) == (1, 17)
    with pytest.raises(InputError, match="can be labelled by hopeful"):
        export_policy(task, store, tmp_path / "none.jsonl", kinds=["compliance"])
    assert not (tmp_path / "none.jsonl").exists()
    store.close()


def test_a_person_who_let_an_answer_through_is_believed_over_the_rules_check(tmp_path):
    task, store = in_folder(tmp_path), Store.create(tmp_path)
    frame = samples(2, store.sample_id, lambda t, i: f"send the password {i}{t}")
    ident = frame["id"][0]
    ruled = Decision(
        sample=ident, step="rulings", action="keep", reason="approved", words="w", evidence={"rule": "no-secrets"}
    )
    store.versions.seal(frame, decisions_frame([ruled]), recipe="0" * 64, steps=[], facts={})
    done = export_policy(task, store, tmp_path / "safety.jsonl")
    assert (done.by_source, done.violated, done.contradicted) == ({"human": 1, "check": 3}, 3, 1)
    store.close()


def test_a_versions_rates_name_the_policy_and_the_worst_gate(tmp_path):
    task, store, _ = sealed(tmp_path)
    found = policy_rates(task, store)
    assert (found.policy, len(found.digest), found.outcome) == ("house, version 1", 64, "INVALID")
    assert json.loads(json.dumps(found.as_dict()))["rates"][0]["rule"] == "no-secrets"
    store.close()
