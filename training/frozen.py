"""What an encoder's frozen lower layers make of a text: computed once per text, shared by every arm and seed.

The arms of a comparison hold the same texts with different labels, and layers that are not trained give the same
hidden states every time. Each text is encoded alone, so its states depend on nothing but the text, and a student is the
same whether its arm was taught first or last.
"""

from collections.abc import Iterable

import torch

from curation.progress import Progress
from training.failures import StudentUnreadable
from training.models import Classifier, device, encoder_folder, new_student, on, tokenizer_of
from training.settings import TrainTable

KEPT = 20_000
"""Texts whose hidden states are kept in memory (about 50 KB each); those beyond are encoded anew each time."""


class FrozenLayers:
    """The embeddings and the lowest `frozen_layers` of an encoder, as a function from a text to its hidden states."""

    def __init__(self, table: TrainTable) -> None:
        self._device = device()
        self._model = on(new_student(table, ("unused",)), self._device)
        self._tokenizer = tokenizer_of(encoder_folder(table.encoder), table.max_tokens)
        self._kept: dict[str, torch.Tensor] = {}

    def prepare(self, texts: Iterable[str], progress: Progress) -> None:
        """Encode every text that was not met before."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if not new:
            return
        progress.start("encode", len(new))
        for text in new:
            self(text)
            progress.advance(1)
        progress.finish()

    def below(self, student: Classifier) -> "FrozenLayers":
        """Itself, once it is certain that the student's frozen layers are these; StudentUnreadable when not."""
        theirs, ours = student.frozen_state(), self._model.frozen_state()
        if theirs.keys() != ours.keys() or any(not torch.equal(theirs[k].cpu(), ours[k].cpu()) for k in ours):
            raise StudentUnreadable("the student's frozen layers are not those of the encoder it is scored with")
        return self

    def __call__(self, text: str) -> torch.Tensor:
        """The hidden states of one text, tokens by width, on the processor."""
        if (kept := self._kept.get(text)) is not None:
            return kept
        encoded = self._tokenizer(text, truncation=True, return_tensors="pt").to(self._device)
        with torch.no_grad():
            hidden_TH = self._model.below(encoded["input_ids"])[0].cpu()
        if len(self._kept) < KEPT:
            self._kept[text] = hidden_TH
        return hidden_TH
