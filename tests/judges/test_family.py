"""Who may judge whom: beside teachers, fallbacks, the base of a student, a baseline, and families stated by hand."""

import pytest

from curation.card import render
from curation.errors import TaskError
from curation.llm.families import families, family_of, related
from curation.task import ModelTable, Task
from judges.family import Override, declared_base, declared_baseline, described, eligibility, overrides, suggestion
from tests.curation.sealing import decisions_of, open_store, samples_of
from training.settings import TrainTable


def model(name, model, **more):
    return {"name": name, "use": "openai", "model": model, **more}


def task(teachers, judges=(), **tables):
    return Task.model_validate(
        {"task": {"name": "t"}, "teachers": list(teachers), "judges": [*judges], **tables},
    )


def eligible(declared, **beside):
    judges = [ModelTable.model_validate({k: v for k, v in j.items() if k != "rubric"}) for j in declared.judges]
    return eligibility(declared, judges, **beside)


JUDGES = [model("gpt", "azure/gpt-4o-2024-08-06"), model("claude", "claude-opus-5"), model("vicuna", "vicuna-13b-v1.5")]


def test_each_teacher_is_judged_by_those_unrelated_to_it_in_file_order():
    declared = task([model("fast", "gpt-4o-mini"), model("open", "llama-3.1-8b"), model("grok", "grok-4")], JUDGES)
    assert eligible(declared).by_teacher == {
        "fast": ("claude",),
        "open": ("gpt", "claude"),
        "grok": ("gpt", "claude", "vicuna"),
    }


@pytest.mark.parametrize(
    ("teacher", "judge", "relation", "words"),
    [
        ("gpt-4o", "azure/gpt-4o-2024-08-06", "same", "gpt-4o is the model of teacher 't' itself"),
        ("gpt-4o", "o3", "family", "o3 is of the family gpt, as is gpt-4o (the model of teacher 't')"),
        (
            "llama-3.1-8b", "judgelm-7b-v1.0", "inheritance",
            "judgelm-7b-v1.0 was made from vicuna, which was made from llama, the family of llama-3.1-8b "
            "(the model of teacher 't')",
        ),
        (
            "phi-4", "gpt-4o", "inheritance",
            "phi-4 (the model of teacher 't') was taught with answers of gpt, the family of gpt-4o",
        ),
        (
            "phi-4", "zephyr-7b-beta", "inheritance",
            "zephyr-7b-beta was taught with answers of gpt, as was phi-4 (the model of teacher 't')",
        ),
        (
            "vicuna-7b", "selene-1-mini-llama-3.1-8b", "inheritance",
            "selene-1-mini-llama-3.1-8b was made from llama, as was vicuna-7b (the model of teacher 't')",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_who_is_related_to_whom_and_by_which_path(teacher, judge, relation, words):
    (refusal,) = eligible(task([model("t", teacher)], [model("j", judge)])).refused
    assert (refusal.judge, refusal.role, refusal.other, refusal.relation) == ("j", "teacher", "t", relation)
    assert refusal.words == words


def test_a_relative_of_the_students_base_judges_nobody():
    declared = task([model("grok", "grok-4")], JUDGES)
    found = eligible(declared, student_base="meta-llama/Llama-3.1-8B")
    assert found.by_teacher == {"grok": ("gpt", "claude")}
    (refusal,) = found.refused
    assert (refusal.judge, refusal.role) == ("vicuna", "student")
    assert refusal.words == "vicuna-13b-v1.5 was made from llama, the family of llama-3.1-8b (the base of the student)"
    assert found.why_not("grok") == refusal.words


def test_a_relative_of_the_baseline_judges_nobody_whether_it_is_a_teacher_or_a_model():
    declared = task([model("grok", "grok-4"), model("old", "claude-sonnet-4")], JUDGES)
    assert eligible(declared, baseline="gpt-4.1").by_teacher == {"grok": ("claude",), "old": ()}
    named = eligible(declared, baseline="old")
    assert named.by_teacher == {"grok": ("gpt", "vicuna"), "old": ("gpt", "vicuna")}
    assert {r.role for r in named.refused} == {"teacher", "baseline"}


def test_base_and_baseline_are_read_from_the_task():
    declared = task([model("grok", "grok-4")], JUDGES, train={"encoder": "Qwen/Qwen3-8B"}, gate={"baseline": "gpt-4o"})
    assert (declared_base(declared), declared_baseline(declared)) == ("Qwen/Qwen3-8B", "gpt-4o")
    assert eligible(declared).by_teacher == {"grok": ("claude",)}


@pytest.mark.parametrize("baseline", ["raw", "curated", "an-evaluation-id", None])
def test_a_baseline_that_is_an_arm_or_an_evaluation_is_no_model(baseline):
    declared = task([model("grok", "grok-4")], JUDGES, gate={"baseline": baseline} if baseline else {})
    assert declared_baseline(declared) is None
    assert eligible(declared).refused == ()


def test_what_a_fallback_teacher_answered_is_judged_as_its_own():
    teachers = [model("first", "grok-4", fallback="second"), model("second", "claude-sonnet-4")]
    assert eligible(task(teachers, JUDGES)).by_teacher == {
        "first": ("gpt", "claude", "vicuna"),
        "second": ("gpt", "vicuna"),
    }


@pytest.mark.parametrize(
    ("teachers", "judges", "beside", "words"),
    [
        ([model("t", "gpt-4o")], [model("j", "our-7b")], {}, r"judge 'j' \(our-7b\).*families\.toml.*family = "),
        ([model("t", "our-7b")], JUDGES, {}, r"teacher 't' \(our-7b\).*families\.toml.*family = "),
        ([model("t", "grok-4")], JUDGES, {"student_base": "our-7b"}, r"student's base \(our-7b\).*to \[train\]"),
        ([model("t", "grok-4")], JUDGES, {"baseline": "our-7b"}, r"baseline \(our-7b\).*\[gate\]"),
    ],
)
def test_an_unknown_family_is_refused_by_name_with_what_to_write(teachers, judges, beside, words):
    with pytest.raises(TaskError, match=words):
        eligible(task(teachers, judges), **beside)


def test_without_a_judge_nobody_is_asked_about_families():
    found = eligible(task([model("t", "our-7b")]), student_base="our-7b")
    assert (found.by_teacher, found.refused) == ({"t": ()}, ())


def test_a_family_stated_by_hand_counts_with_all_it_comes_from_and_is_listed():
    declared = task(
        [model("ours", "our-7b", family="vicuna")],
        [*JUDGES, model("theirs", "their-7b", family="mistral")],
        train={"encoder": "models/our-encoder", "family": "bert"},
    )
    assert eligible(declared).by_teacher == {"ours": ("claude", "theirs")}
    assert overrides(declared) == [
        Override(role="teacher", name="ours", model="our-7b", family="vicuna"),
        Override(role="judge", name="theirs", model="their-7b", family="mistral"),
        Override(role="student", name="[train]", model="models/our-encoder", family="bert"),
    ]


@pytest.mark.parametrize("family", ["claud", "claude"])
def test_a_family_stated_by_hand_may_neither_be_misspelt_nor_contradict_the_table(family):
    with pytest.raises(TaskError, match=r"no family 'claud'|is of the family 'gpt'"):
        eligible(task([model("t", "gpt-4o", family=family)], JUDGES))


def test_the_packaged_encoder_is_known_and_related_to_encoders_alone():
    packaged = family_of(TrainTable().encoder)
    kin = {name for name in families() if related(family_of("one of them", name), packaged) != "none"}
    assert "minilm" in kin
    assert kin.isdisjoint({"gpt", "claude", "gemini", "llama", "qwen", "mistral", "deepseek", "alder"})


def test_the_suggested_families_are_unrelated_to_the_teacher_and_within_its_reach():
    said = suggestion(ModelTable.model_validate(model("t", "vicuna-13b")))
    assert said.startswith("Eligible families: claude, gemini, ")
    assert "gpt" not in said.split(";")[0]
    assert "alder" in suggestion(ModelTable(name="b", use="practice", model="birch-large"))


def test_the_card_says_which_judges_were_refused_and_which_families_were_stated(tmp_path):
    declared = task(
        [model("ours", "our-7b", family="llama"), model("grok", "grok-4")], JUDGES, train={"encoder": "gpt2"}
    )
    panel = {"name": "judges", **described(declared, eligible(declared))}
    with open_store(tmp_path / "w") as store:
        samples = samples_of(store, 5)
        sealed = store.versions.seal(
            samples, decisions_of(samples), recipe="r", steps=[{"name": "scrub"}, panel], facts={"task": "t"}
        )
        card = render(store.versions.manifest(sealed.version), store.versions.decisions(sealed.version))
    assert "| gpt | everyone | gpt-4o is of the family gpt, as is gpt2 (the base of the student) |" in card
    assert "| vicuna | ours | vicuna-13b-v1.5 was made from llama, the family of our-7b" in card
    assert "Family stated by hand: teacher ours (our-7b) is of the family llama." in card
