"""A policy's rules: what they become, what they drop and why, and how a mistake in the file is told."""

import json
from pathlib import Path

import pytest

from curation.checking import ChecksStep
from curation.errors import TaskError
from curation.pipeline import apply
from curation.policy import Policy, read_policy
from curation.policy_checks import policy_checks
from curation.task import AnswerTable, Task, read_task
from tests.curation.rows import row, sample, table

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "support" / "policy.toml"
TEXT = AnswerTable()


def policy(**rule) -> Policy:
    """A policy of one rule."""
    rules = [{"id": "r", "kind": "safety", "text": "It keeps the rule.", **rule}]
    return Policy.model_validate({"name": "house", "rules": rules})


def look(answer=TEXT, **rule):
    """The check of one rule, made ready."""
    [(_, check)] = policy_checks(policy(**rule), answer)
    return check.open(answer)


def written(folder: Path, text: str) -> Path:
    (folder / "policy.toml").write_text(text, encoding="utf-8")
    return folder / "policy.toml"


RULE = 'name = "house"\nversion = 2\n[[rules]]\nid = "calm"\nkind = "voice"\ntext = "It is calm."\n'


def test_a_dropped_sample_says_which_rule_it_breaks_and_with_which_words():
    step = ChecksStep(policy_checks(policy(id="calm", kind="voice", forbid=["your fault"]), TEXT), TEXT)
    samples, decisions = apply(table(row(1, answer="It was YOUR  fault."), row(2, answer="We are sorry.")), [step])
    assert samples["state"].to_list() == ["dropped", "kept"]
    [decision] = decisions.to_dicts()
    assert decision["reason"] == "policy:calm"
    assert decision["words"] == "breaks policy rule 'calm' (voice): it says 'YOUR fault'"
    assert json.loads(decision["evidence"]) == {"check": "policy/calm", "policy": "house, version 1", "rule": "calm"}


def test_a_rule_may_hold_its_samples_for_a_person_instead():
    found = look(forbid=["lawyer"], action="quarantine")(sample("Ask our lawyers."))
    assert (found.action, found.number) == ("quarantine", 1)


@pytest.mark.parametrize(("answer", "breaks"), [("Send me your PIN", True), ("Never share a pin.", False)])
def test_a_forbidden_pattern_breaks_a_rule(answer, breaks):
    assert (look(forbid_pattern=r"(?i)send .{0,20}\bpin\b")(sample(answer)) is not None) == breaks


def test_a_required_wording_must_occur_in_one_of_its_forms():
    seen = look(require=["terms apply"], require_pattern=r"T&C")
    assert seen(sample("Terms apply.")) is None
    assert seen(sample("T&C hold.")) is None
    assert "'terms apply'" in seen(sample("All fine.")).words


def test_a_rule_with_a_condition_says_nothing_about_other_prompts():
    seen = look(when=["battery"], require=["do not charge"])
    assert seen(sample("Hello.", prompt="My lamp is dim.")) is None
    assert seen(sample("Hello.", prompt="The batteries smoke!")) is not None


def test_a_rule_may_read_one_field_and_pass_checks_that_exist_already():
    seen = look(field="reply", forbid=["refund"], checks={"length": {"field": "reply", "max_characters": 9}})
    assert seen(sample('{"reply": "ok"}', labels={"reply": "ok", "intent": "refund"})) is None
    found = seen(sample("x", labels={"reply": "far too long"}))
    assert found.words == "breaks policy rule 'r' (safety): field 'reply' has 12 characters, more than 9"
    assert found.number == 12


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("forbdi = ['x']", "unknown key 'rules.0.forbdi'; did you mean 'forbid'?"),
        ("kind = 'safty'", "no kind of rule 'safty'; did you mean 'safety'? Known: voice, safety, compliance"),
        ("kind = 'voice'\nlargest_rate = 1.5", "rules.0.largest_rate = 1.5"),
        ("kind = 'voice'\nforbid = ['!!']", "'!!' holds no letter or digit"),
    ],
)
def test_a_mistake_in_the_file_names_the_nearest_known_word(tmp_path, rule, said):
    kind = "" if "kind" in rule else "kind = 'voice'\n"
    with pytest.raises(TaskError) as told:
        read_policy(written(tmp_path, f'name = "house"\n[[rules]]\nid = "a"\ntext = "t"\n{kind}{rule}\n'))
    assert said in str(told.value)
    assert "policy.toml" in str(told.value)


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two rules have the id 'a'"):
        Policy.model_validate({"name": "p", "rules": [{"id": "a", "kind": "voice", "text": "t"}] * 2})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"forbid_pattern": "a(?=b)"}, "policy rule 'r': pattern 'a(?=b)' looks around itself"),
        ({"checks": {"lenght": {}}}, "policy rule 'r' checks: no plugin 'lenght' in checks; did you mean 'length'?"),
    ],
)
def test_what_cannot_be_run_is_named_before_anything_is_spent(rule, said):
    with pytest.raises(TaskError) as told:
        policy_checks(policy(**rule), TEXT)
    assert said in str(told.value)


def test_the_checks_of_a_task_are_followed_by_those_of_its_policy(tmp_path):
    written(tmp_path, f'{RULE}forbid = ["shut up"]\n')
    task = '[task]\nname = "t"\n[checks.length]\n[policy]\nfile = "policy.toml"\n'
    (tmp_path / "task.toml").write_text(task, encoding="utf-8")
    assert [name for name, _ in read_task(tmp_path / "task.toml").check_plugins] == ["length", "policy/calm"]


def test_a_task_that_names_no_file_says_where_it_looked(tmp_path):
    (tmp_path / "task.toml").write_text('[task]\nname = "t"\n[policy]\nfile = "rules.toml"\n', encoding="utf-8")
    with pytest.raises(TaskError, match=r"\[policy\] file: .*rules\.toml does not exist"):
        read_task(tmp_path / "task.toml")


def test_a_changed_policy_changes_the_recipe_and_none_leaves_it_as_it_was(tmp_path):
    def recipe(rules: str | None) -> str:
        file = {} if rules is None else {"policy": {"file": written(tmp_path, rules).name}}
        return Task.model_validate({"task": {"name": "t"}, **file}).rooted_at(tmp_path).recipe

    assert len({recipe(None), recipe(RULE), recipe(RULE.replace("calm.", "very calm."))}) == 3
    assert recipe(RULE) == recipe(f"# a comment\n{RULE}")


def test_the_shipped_policy_objects_to_no_answer_of_the_key_and_to_what_it_is_about():
    shipped = read_policy(SHIPPED)
    looks = {name.removeprefix("policy/"): check.open(TEXT) for name, check in policy_checks(shipped, TEXT)}
    rows = [json.loads(line) for line in (SHIPPED.parent / "answer_key.jsonl").read_text("utf-8").splitlines()]
    for line in rows:
        answer = line["answer"]
        given = sample(json.dumps(answer), prompt=line["text"], labels=answer)
        assert not [found.words for each in looks.values() if (found := each(given))]
    breaches = {
        "polite": "We did send it!! Look again.",
        "brief": "word " * 100,
        "no-blame": "That was your own fault, sadly.",
        "no-promises": "We guarantee that it comes today.",
        "no-advice": "You are legally entitled to more.",
        "no-secrets": "Could you confirm the card number and its code?",
    }
    for rule, reply in breaches.items():
        assert looks[rule](sample("x", labels={"reply": reply})) is not None, rule
    assert looks["no-secrets"](sample("x", labels={"reply": "Please never send us your password."})) is None
