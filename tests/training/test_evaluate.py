"""An evaluation keeps every item, and its figures are those of its items."""

import pytest

from tests.training.teaching import QUICK, holdout, rows
from training.evaluate import evaluate
from training.failures import StudentUnreadable, UnknownLabel
from training.frozen import FrozenLayers
from training.trainer import train


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student") / "curated"
    train(rows(), QUICK, 0, folder)
    return folder


def test_the_figures_of_an_evaluation_are_those_of_its_items(student):
    mistaken = [i.model_copy(update={"expected": "refund"}) if i.expected == "delivery" else i for i in holdout()]
    evaluation = evaluate(student, mistaken, scrub=str, timed=5)
    scores = [item.score for item in evaluation.items]
    assert evaluation.summary["accuracy"] == pytest.approx(sum(scores) / len(scores), abs=1e-6)
    assert evaluation.summary["accuracy"] == pytest.approx(8 / 12, abs=1e-6)
    assert [item.predicted for item in evaluation.items] == [item.expected for item in holdout()]
    assert evaluation.summary["slices"] == {"log in": {"n": 4, "accuracy": 1.0}}
    assert (evaluation.summary["n"], evaluation.summary["clusters"]) == (12, 4)


def test_an_evaluation_takes_arm_seed_and_version_from_the_students_card(student):
    evaluation = evaluate(student, holdout(), scrub=str, timed=2)
    assert (evaluation.arm, evaluation.seed, evaluation.student) == ("curated", 0, "curated")
    assert evaluation.metric == "accuracy@1"


def test_latency_is_measured_on_the_stated_number_of_messages_at_batch_one(student):
    evaluation = evaluate(student, holdout(), scrub=str, timed=5)
    timed = [item.milliseconds for item in evaluation.items if item.milliseconds is not None]
    assert evaluation.summary["timed_n"] == len(timed) == 5
    assert min(timed) <= evaluation.summary["p50_ms"] <= evaluation.summary["p95_ms"] <= max(timed)


def test_holdout_texts_are_scrubbed_like_the_training_prompts_and_the_digest_is_of_the_file(student):
    seen: list[str] = []

    def note(text: str) -> str:
        seen.append(text)
        return text

    evaluation = evaluate(student, holdout(), scrub=note, timed=0)
    assert seen == [item.text for item in holdout()]
    masked = evaluate(student, holdout(), scrub=lambda _: "[MASKED]", timed=0)
    assert masked.holdout == evaluation.holdout
    assert len({item.predicted for item in masked.items}) == 1


def test_accuracy_on_raw_input_stands_beside_the_scrubbed_one(student):
    plain = evaluate(student, holdout(), scrub=str, timed=0).summary
    assert (plain["raw_accuracy"], plain["raw_changed"]) == (plain["accuracy"], 0)
    masked = evaluate(student, holdout(), scrub=lambda _: "[MASKED]", timed=0).summary
    assert (masked["raw_accuracy"], masked["raw_changed"]) == (plain["accuracy"], len(holdout()))


def test_scores_are_the_same_when_students_share_the_work_of_their_frozen_layers(student):
    alone = evaluate(student, holdout(), scrub=str, timed=0)
    shared = evaluate(student, holdout(), scrub=str, timed=0, frozen=FrozenLayers(QUICK))
    assert [item.predicted for item in shared.items] == [item.predicted for item in alone.items]
    assert [item.confidence for item in shared.items] == pytest.approx([i.confidence for i in alone.items], abs=1e-5)


def test_a_student_with_other_frozen_layers_is_not_scored_with_these(student):
    deeper = FrozenLayers(QUICK.model_copy(update={"layers": 3}))
    with pytest.raises(StudentUnreadable, match="not those of the encoder"):
        evaluate(student, holdout(), scrub=str, timed=0, frozen=deeper)


def test_a_holdout_that_expects_a_label_the_student_cannot_give_is_refused(student):
    odd = [holdout()[0].model_copy(update={"expected": "complaint"})]
    with pytest.raises(UnknownLabel, match="expects 'complaint', which this student cannot answer; it knows refund"):
        evaluate(student, odd, scrub=str)
