"""Hard labels: the negative log-probability of the label a teacher gave."""

from typing import Annotated

import torch
from pydantic import Field
from torch.nn import functional

from training.objective import Loss, Summed, Targets, upcast


class CrossEntropy(Loss):
    """-log q(y), optionally with the target smoothed towards the uniform distribution."""

    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def __call__(self, logits_BL: torch.Tensor, targets: Targets) -> Summed:
        """Summed over every row."""
        total = functional.cross_entropy(
            upcast(logits_BL), targets.labels_B, reduction="sum", label_smoothing=self.smoothing
        )
        return Summed(total, len(targets.labels_B))
