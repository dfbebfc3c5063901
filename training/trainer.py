"""Teach one student from one arm: a transformers.Trainer over adapters, equal steps for every arm, one seed."""

import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch.utils.data import Dataset
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    get_linear_schedule_with_warmup,
    set_seed,
)

from curation.progress import Progress, Silent
from curation.store.durable import write_durably
from training.data import TrainingSet
from training.failures import Diverged, NothingToLearn
from training.frozen import FrozenLayers
from training.models import (
    CARD,
    WEIGHTS,
    StudentCard,
    encoder_digest,
    encoder_folder,
    new_student,
    padded,
    save,
    sha256,
    tokenizer_of,
    trainable,
    with_adapters,
)
from training.objective import Loss, Targets, build_losses, objective
from training.settings import TrainTable

WARM_UP = 0.1


def train(
    rows: TrainingSet,
    table: TrainTable,
    seed: int,
    out: Path,
    progress: Progress | None = None,
    frozen: FrozenLayers | None = None,
) -> StudentCard:
    """Teach a student and save it in the folder `out` (replaced), which names it: weights, tokenizer, student.json.

    The same rows, settings and seed give the same weights on the same machine; `frozen` shares the work of the frozen
    layers between students. Raises NothingToLearn when nothing
    would be trained or a declared loss has no row, Diverged when the loss is no longer finite.
    """
    progress = progress or Silent()
    losses = build_losses(table.losses)
    _require_rows_for(losses, rows)
    frozen = frozen or FrozenLayers(table)
    frozen.prepare(rows.texts, progress)
    set_seed(seed)
    model = with_adapters(new_student(table, rows.label_names), table)
    count = trainable(model)
    progress.start(f"train {rows.arm} seed {seed}", table.steps)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = StudentTrainer(model, EncodedRows(rows, frozen), losses, table, arguments(table, seed, scratch))
        trainer.add_callback(_Report(progress))
        trainer.train()
    progress.finish()
    whole: Any = model.merge_and_unload()  # pyright: ignore[reportCallIssue]  # peft hands the call through
    save(whole, tokenizer_of(encoder_folder(table.encoder), table.max_tokens), out)
    measured = {
        "trainable": count,
        "parameters": sum(p.numel() for p in whole.parameters()),
        "final_loss": round(trainer.last_loss, 6),
        "weights": sha256(out / WEIGHTS),
    }
    card = _card(rows, table, seed, measured | {"name": out.name})
    write_durably(out / CARD, card.model_dump_json(indent=2).encode())
    return card


def _card(rows: TrainingSet, table: TrainTable, seed: int, measured: dict[str, Any]) -> StudentCard:
    return StudentCard(
        version=rows.version,
        arm=rows.arm,
        seed=seed,
        rows=len(rows),
        skipped=rows.skipped,
        rows_digest=rows.digest,
        label_names=rows.label_names,
        steps=table.steps,
        settings=table.model_dump(mode="json"),
        encoder=encoder_digest(table.encoder),
        libraries={name: version(name) for name in ("torch", "transformers", "peft")},
        **measured,
    )


def _require_rows_for(losses: Sequence[Loss], rows: TrainingSet) -> None:
    if not losses:
        raise NothingToLearn("[train.losses] is empty: declare cross_entropy, kl or both")
    soft = sum(row is not None for row in rows.soft)
    for loss in losses:
        if loss.needs_soft and not soft:
            raise NothingToLearn(
                f"[train.losses.{loss.plugin_name()}] learns from teacher probabilities, and none of the {len(rows)} "
                f"rows of arm {rows.arm!r} has any: ask the teachers for logprobs, or drop the loss"
            )


class EncodedRows(Dataset[dict[str, Any]]):
    """A training set as frozen hidden states, class indices and soft rows; `input_ids` only tells its length."""

    def __init__(self, rows: TrainingSet, frozen: FrozenLayers) -> None:
        self._texts = rows.texts
        self._frozen = frozen
        self._labels = [rows.label_names.index(label) for label in rows.labels]
        self._soft = [row or [0.0] * len(rows.label_names) for row in rows.soft]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, i: int) -> dict[str, Any]:
        hidden_TH = self._frozen(self._texts[i])
        return {
            "input_ids": range(len(hidden_TH)),
            "hidden": hidden_TH,
            "labels": self._labels[i],
            "soft": self._soft[i],
        }


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch: hidden states padded to the longest text, the mask that says where they end, labels and soft rows."""
    return {
        **padded(row["hidden"] for row in rows),
        "labels": torch.tensor([row["labels"] for row in rows]),
        "soft": torch.tensor([row["soft"] for row in rows]),
    }


class StudentTrainer(Trainer):
    """transformers.Trainer with our losses: each a sum over rows, divided once by the rows of the global batch."""

    def __init__(
        self,
        model: PeftModel,
        rows: EncodedRows,
        losses: Sequence[Loss],
        table: TrainTable,
        args: TrainingArguments,
    ) -> None:
        self.losses = losses
        self.last_loss = float("nan")
        super().__init__(
            model=model,
            args=args,
            train_dataset=rows,
            data_collator=collate,
            optimizers=_optimiser(model, table),
        )
        self.remove_callback(PrinterCallback)  # it would print a dictionary on standard output
        self.model_accepts_loss_kwargs = True  # so that the Trainer counts the rows of the whole global batch

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The declared objective; Diverged names the step at which it stopped being finite."""
        inputs = dict(inputs)
        targets = Targets(inputs.pop("labels"), inputs.pop("soft"))
        outputs = model(**inputs)
        rows = int(num_items_in_batch or len(targets.labels_B))
        loss = objective(self.losses, outputs.logits, targets, rows)
        self.last_loss = loss.item()
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss was {self.last_loss} at step {self.state.global_step}: lower [train] learning_rate "
                f"({self.args.learning_rate:g}) or head_learning_rate"
            )
        return (loss, outputs) if return_outputs else loss


def arguments(table: TrainTable, seed: int, scratch: str) -> TrainingArguments:
    """Equal optimiser steps whatever the arm's size, texts of like length together, nothing saved or printed."""
    return TrainingArguments(
        output_dir=scratch,
        max_steps=table.steps,
        per_device_train_batch_size=table.batch,
        learning_rate=table.learning_rate,
        seed=seed,
        data_seed=seed,
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        max_grad_norm=1.0,
    )


def _optimiser(model: torch.nn.Module, table: TrainTable) -> tuple[Any, Any]:
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for name, p in named if "lora_" in name], "lr": table.learning_rate},
            {"params": [p for name, p in named if "lora_" not in name], "lr": table.head_learning_rate},
        ],
        weight_decay=0.01,
    )
    return optimiser, get_linear_schedule_with_warmup(optimiser, int(WARM_UP * table.steps), table.steps)


class _Report(TrainerCallback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._progress.advance(1)
