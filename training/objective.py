"""What a loss is, and how several make one objective: sums over rows, divided once by the rows of the global batch.

A loss returns a sum and the number of rows it summed over, never a mean: a mean per micro-batch changes the
gradient when batches are split, and a mean of means weights short batches more.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field, JsonValue

from curation.plugins import Plugin, build


@dataclass(frozen=True)
class Targets:
    """What a batch should answer: `labels_B` the class indices, `soft_BL` teacher probabilities (a row of zeros
    where the teacher reported none)."""

    labels_B: torch.Tensor
    soft_BL: torch.Tensor | None = None


class Summed(NamedTuple):
    """A loss summed over `rows` rows."""

    total: torch.Tensor
    rows: int


class Loss(Plugin):
    """One file in training/losses/: `__call__(logits_BL, targets)` gives a sum over rows and their count."""

    needs_soft: ClassVar[bool] = False
    """Whether it learns from teacher probabilities."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """Its share in the sum of all declared losses."""

    @abstractmethod
    def __call__(self, logits_BL: torch.Tensor, targets: Targets) -> Summed:
        """The loss summed over the rows it applies to."""


def upcast(values: torch.Tensor) -> torch.Tensor:
    """At least single precision: a softmax in half precision loses the tail."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def build_losses(tables: Mapping[str, Mapping[str, JsonValue]]) -> tuple[Loss, ...]:
    """The losses declared as [train.losses.NAME]."""
    built = [
        build("training.losses", name, table, f"task.toml [train.losses.{name}]") for name, table in tables.items()
    ]
    return tuple(loss for loss in built if isinstance(loss, Loss))


def objective(losses: Sequence[Loss], logits_BL: torch.Tensor, targets: Targets, rows: int) -> torch.Tensor:
    """The weighted losses over `rows`, the rows of the whole global batch (all micro-batches, all processes)."""
    total = logits_BL.new_zeros(())
    for loss in losses:
        total = total + loss.weight * loss(logits_BL, targets).total
    return total / rows
