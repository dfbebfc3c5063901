"""Soft labels: how far the student's distribution is from the teacher's, at a temperature."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch.nn import functional

from training.objective import Loss, Summed, Targets, upcast


class Kl(Loss):
    """T^2 KL(p_T || q_T), forward (Hinton et al. 2015, arXiv 1503.02531).

    `p_T` is the teacher's distribution raised to 1/T and renormalised, `q_T` the student's softmax at T. The
    gradient is T (q_T - p_T), so a changed temperature does not change the learning rate's meaning at high T.
    The KL form is logged, not cross entropy: equal gradients, but KL is zero when the student agrees.
    """

    needs_soft: ClassVar[bool] = True

    temperature: Annotated[float, Field(gt=0)] = 1.0

    def __call__(self, logits_BL: torch.Tensor, targets: Targets) -> Summed:
        """Summed over the rows that have teacher probabilities; rows without add nothing."""
        if targets.soft_BL is None:
            return Summed(logits_BL.new_zeros(()), 0)
        rows = targets.soft_BL.sum(-1) > 0
        teacher_RL = torch.softmax(upcast(targets.soft_BL[rows]).log() / self.temperature, dim=-1)
        student_RL = functional.log_softmax(upcast(logits_BL[rows]) / self.temperature, dim=-1)
        divergence = functional.kl_div(student_RL, teacher_RL, reduction="sum")
        return Summed(self.temperature**2 * divergence, int(rows.sum()))
