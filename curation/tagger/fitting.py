"""Fits the tagger's network with torch and hands it over in whole numbers; only training needs this file."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from curation.tagger.corpus import Lessons
from curation.tagger.network import ACTIVE_TO, EMBEDDED_TO, LAYERS, PADS, STEPS, TAGS
from curation.tagger.tagger import places
from curation.tagger.words import FLAGS, LISTS, ROWS, UNKNOWN, WordLists, describe, owner

WIDTH = 40
HIDDEN = 64
PLACES = 2048
"""About how many words and empty places make one step."""
RATE = 8e-3
FORGOTTEN = 0.15
"""How often a known word is shown as an unknown one, and a form without its word lists: most names are new ones."""
SMOOTHED = 0.02
AVERAGED = 0.01
"""The network handed over is a running mean of the last hundred or so steps' networks."""
_NOT_LISTS = torch.tensor([1.0] * (FLAGS - len(LISTS)) + [0.0] * len(LISTS))


class Net(nn.Module):
    """The network as it is trained; `curation.tagger.network` runs it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(ROWS, WIDTH, mode="sum")
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.flags = nn.Linear(FLAGS, WIDTH, bias=False)
        self.edge = nn.Parameter(torch.zeros(WIDTH))
        sizes = [(WIDTH if i == 0 else HIDDEN) * width for i, (width, _) in enumerate(LAYERS)]
        self.layers = nn.ModuleList([*(nn.Linear(size, HIDDEN) for size in sizes), nn.Linear(HIDDEN, len(TAGS))])

    def forward(self, rows: Tensor, flags: Tensor, word: Tensor, real: Tensor) -> Tensor:
        """The logits of a row of places; `rows` and `flags` describe distinct words, `word` says which stands where."""
        words = _stepped(torch.clamp(self.embedding(rows) + self.flags(flags), -EMBEDDED_TO, EMBEDDED_TO), EMBEDDED_TO)
        state = self.edge.clamp(-EMBEDDED_TO, EMBEDDED_TO).repeat(len(real), 1)
        state = state.index_put((real.nonzero()[:, 0],), words[word])
        mask = real[:, None].float()
        for layer, (width, stride) in zip(self.layers, LAYERS, strict=False):
            state = _stepped(torch.clamp(layer(_windows(state, width, stride)), 0, ACTIVE_TO), ACTIVE_TO) * mask
        return self.layers[-1](state)


def _stepped(values: Tensor, top: float) -> Tensor:
    """Rounded to the steps of the running network; the gradient passes through."""
    return values + ((values * (STEPS / top)).round() * (top / STEPS) - values).detach()


def _windows(state: Tensor, width: int, stride: int) -> Tensor:
    reach = width // 2 * stride
    padded = nn.functional.pad(state, (0, 0, reach, reach))
    return torch.cat([padded[at * stride : at * stride + len(state)] for at in range(width)], dim=1)


class Pupil(NamedTuple):
    """The lessons as tensors; text number i is the words from starts[i] to ends[i]."""

    rows: Tensor
    flags: Tensor
    words: Tensor
    tags: Tensor
    starts: list[int]
    ends: list[int]


def prepared(taught: Lessons, owners: npt.NDArray[np.uint16], lists: WordLists) -> Pupil:
    """Describes the words of lessons."""
    words = describe(taught.forms)
    words.flags[:, FLAGS - len(LISTS) :] = lists.flags(words.word)
    words.rows[owners[words.rows[:, 0]] != owner(words.word), 0] = UNKNOWN
    ends = np.cumsum(taught.counts).tolist()
    rows, flags = torch.from_numpy(words.rows), torch.from_numpy(words.flags)
    return Pupil(rows, flags, torch.from_numpy(taught.words), torch.from_numpy(taught.tags), [0, *ends[:-1]], ends)


def fit(pupil: Pupil, seed: int, epochs: int) -> Net:
    """Trains a network; on one thread, the same lessons and seed give the same network on the same machine."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    net = Net()
    weights = list(net.parameters())
    mean = [weight.detach().clone() for weight in weights]
    optimiser = torch.optim.Adam(weights, lr=RATE, betas=(0.9, 0.98), fused=True)
    order = list(range(len(pupil.starts)))
    size = sum(e - s + PADS for s, e in zip(pupil.starts, pupil.ends, strict=True))
    total = epochs * (size // PLACES + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 100) * max(0.02, 1 - step / total)
    )
    done = 0
    for _ in range(epochs):
        rng.shuffle(order)
        bare = torch.rand(len(pupil.flags)) < FORGOTTEN
        flags = torch.where(bare[:, None], pupil.flags * _NOT_LISTS, pupil.flags)
        for shown, real in _steps(pupil, order):
            optimiser.zero_grad()
            _loss(net, pupil, flags, shown, real).backward()
            optimiser.step()
            schedule.step()
            done += 1
            with torch.no_grad():
                for kept, weight in zip(mean, weights, strict=True):
                    kept.lerp_(weight, max(AVERAGED, 1 / done))
    with torch.no_grad():
        for kept, weight in zip(mean, weights, strict=True):
            weight.copy_(kept)
    return net


def _loss(net: Net, pupil: Pupil, flags: Tensor, shown: Tensor, real: Tensor) -> Tensor:
    words, place = torch.unique(pupil.words[shown], return_inverse=True)
    known = pupil.rows[words]
    unknown = known.clone()
    unknown[:, 0] = UNKNOWN
    place = place + len(words) * (torch.rand(len(place)) < FORGOTTEN)
    logits = net(torch.cat((known, unknown)), flags[words].repeat(2, 1), place, real)[real]
    return nn.functional.cross_entropy(logits, pupil.tags[shown], label_smoothing=SMOOTHED)


def _steps(pupil: Pupil, order: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Which words are shown together, and which places of the row hold them."""
    chosen: list[int] = []
    size = 0
    for at in order:
        chosen.append(at)
        size += pupil.ends[at] - pupil.starts[at] + PADS
        if size >= PLACES:
            yield _row(pupil, chosen)
            chosen, size = [], 0
    if chosen:
        yield _row(pupil, chosen)


def _row(pupil: Pupil, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
    shown = torch.cat([torch.arange(pupil.starts[at], pupil.ends[at]) for at in chosen])
    return shown, torch.from_numpy(places([pupil.ends[at] - pupil.starts[at] for at in chosen]))


def packed(net: Net, owners: npt.NDArray[np.uint16]) -> dict[str, npt.NDArray[Any]]:
    """The trained network in whole numbers, as `curation.tagger.network` reads it."""
    table, flags = _array(net.embedding.weight), _array(net.flags.weight).T
    unit = max(float(np.abs(table).max()), float(np.abs(flags).max())) / STEPS
    arrays: dict[str, npt.NDArray[Any]] = {
        "embedding": np.rint(table / unit).astype(np.int8),
        "flag_weight": np.rint(flags / unit).astype(np.int8),
        "embedding_scale": np.array(unit, np.float32),
        "owners": owners,
        "edge": np.clip(np.rint(_array(net.edge) * (STEPS / EMBEDDED_TO)), -STEPS, STEPS).astype(np.int8),
    }
    for at, layer in enumerate(net.layers):
        weight = _array(layer.weight).T
        scale = np.abs(weight).max(axis=0) / STEPS
        arrays[f"w{at}"] = np.rint(weight / scale).astype(np.int8)
        arrays[f"s{at}"] = scale.astype(np.float32)
        arrays[f"b{at}"] = _array(layer.bias)
    return arrays


def _array(values: Any) -> npt.NDArray[np.float32]:
    return values.detach().numpy().astype(np.float32)
