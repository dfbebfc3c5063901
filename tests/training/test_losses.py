"""Every loss is a sum over rows with the gradient its formula promises."""

import pytest
import torch

from curation.errors import TaskError
from curation.plugins import known
from training.objective import Loss, Targets, build_losses, objective

LOSSES = [build_losses({name: {}})[0] for name in known("training.losses")]
NAMES = [loss.plugin_name() for loss in LOSSES]


def batch(rows: int = 5, labels: int = 4) -> tuple[torch.Tensor, Targets]:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(rows, labels, generator=generator, dtype=torch.float64)
    soft = torch.softmax(torch.randn(rows, labels, generator=generator, dtype=torch.float64), -1)
    return logits, Targets(torch.arange(rows) % labels, soft)


def kl(temperature: float = 1.0) -> Loss:
    return build_losses({"kl": {"temperature": temperature}})[0]


@pytest.mark.parametrize("loss", [*LOSSES, kl(3.0), build_losses({"cross_entropy": {"smoothing": 0.1}})[0]])
def test_the_gradient_of_a_loss_equals_its_finite_differences(loss):
    logits, targets = batch()
    assert torch.autograd.gradcheck(lambda values: loss(values, targets).total, logits.requires_grad_())


@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_a_loss_is_a_sum_so_that_splitting_a_batch_changes_nothing(loss):
    logits, targets = batch(6)
    assert targets.soft_BL is not None
    parts = [
        loss(logits[part], Targets(targets.labels_B[part], targets.soft_BL[part]))
        for part in (slice(0, 1), slice(1, 6))
    ]
    whole = loss(logits, targets)
    torch.testing.assert_close(parts[0].total + parts[1].total, whole.total)
    assert parts[0].rows + parts[1].rows == whole.rows == 6


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0, 8.0])
def test_temperature_scales_the_gradient_of_kl_and_not_only_its_value(temperature):
    logits, targets = batch()
    assert targets.soft_BL is not None
    kl(temperature)(logits.requires_grad_(), targets).total.backward()
    teacher = torch.softmax(targets.soft_BL.log() / temperature, -1)
    promised = temperature * (torch.softmax(logits.detach() / temperature, -1) - teacher)
    torch.testing.assert_close(logits.grad, promised)


def test_kl_is_zero_when_the_student_says_what_the_teacher_says():
    _, targets = batch()
    assert targets.soft_BL is not None
    assert kl(2.0)(targets.soft_BL.log(), targets).total.item() == pytest.approx(0, abs=1e-12)


def test_a_row_without_a_signal_adds_nothing_to_kl_and_no_nan():
    logits, targets = batch(4)
    assert targets.soft_BL is not None
    holed = targets.soft_BL.clone()
    holed[1] = 0
    result = kl()(logits.requires_grad_(), Targets(targets.labels_B, holed))
    result.total.backward()
    assert result.rows == 3
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().sum() == 0


def test_a_teacher_that_is_certain_makes_kl_the_cross_entropy():
    logits, targets = batch()
    certain = torch.nn.functional.one_hot(targets.labels_B, 4).double()
    hard = build_losses({"cross_entropy": {}})[0](logits, targets).total
    torch.testing.assert_close(kl()(logits, Targets(targets.labels_B, certain)).total, hard)


def test_the_objective_is_the_weighted_sum_over_the_rows_of_the_whole_batch():
    logits, targets = batch()
    losses = build_losses({"cross_entropy": {"weight": 0.25}, "kl": {"weight": 0.75, "temperature": 2.0}})
    by_hand = 0.25 * losses[0](logits, targets).total + 0.75 * losses[1](logits, targets).total
    torch.testing.assert_close(objective(losses, logits, targets, rows=20), by_hand / 20)


def test_a_misspelt_loss_is_named_with_the_nearest_one():
    with pytest.raises(TaskError, match=r"task.toml \[train.losses.cross_entropi\].*did you mean 'cross_entropy'"):
        build_losses({"cross_entropi": {}})
