"""Trains the name and address tagger: `python -m curation.tagger.train`; needs torch, and about a minute."""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from curation.errors import InputError
from curation.tagger import corpus, neutral
from curation.tagger.measuring import false_spans, held_out_figures
from curation.tagger.network import Network, content_digest, digest
from curation.tagger.synthesis import Sample
from curation.tagger.tagger import WEIGHTS, Tagger
from curation.tagger.words import WordLists

PROVENANCE = "provenance.json"
DATA = ("templates.txt", "templates_foreign.txt", "ordinary.txt", "wordlists.toml")
"""What the lessons are made of, beside Faker, the phone library's towns and the standard library's documentation."""
REPEATED = 40
"""A person's correction is shown so many times as often as a written sample, less often where there are many."""
HELD_OUT_SEED = 99


class Plan(NamedTuple):
    """What a training run depends on."""

    seed: int = 4
    samples: int = 40_000
    neutral_share: float = 0.6
    epochs: int = 3


class CorrectedSpan(BaseModel):
    """A name in a corrected text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["person", "address", "place", "organisation"]
    start: int
    end: int


class Correction(BaseModel):
    """A text in which a person has marked every name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    text: str
    spans: tuple[CorrectedSpan, ...]


def read_corrections(path: Path) -> list[Sample]:
    """The corrections of a JSONL file; InputError names the line that is not one."""
    found: list[Sample] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = Correction.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "row"
            raise InputError(f"{path} line {number}: {where}: {first['msg']}") from error
        spans = sorted((s.start, s.end, s.kind) for s in row.spans)
        ends = [0, *(end for _, end, _ in spans)]
        if any(
            not before <= start < end <= len(row.text) for before, (start, end, _) in zip(ends, spans, strict=False)
        ):
            raise InputError(f"{path} line {number}: spans must lie in the text, apart, each with start before end")
        found.append(Sample(row.text, spans))
    return found


def train(plan: Plan, corrections: Sequence[Sample]) -> dict[str, npt.NDArray[Any]]:
    """Writes the lessons, fits the network and packs it."""
    from curation.tagger import fitting

    times = max(2, min(REPEATED, plan.samples // (2 * len(corrections) + 1)))
    samples = [
        *corpus.written(plan.seed, "train", plan.samples),
        *corpus.plain(plan.seed, plan.neutral_share),
        *(sample for sample in corrections for _ in range(times)),
    ]
    taught = corpus.lessons(samples)
    owners = corpus.owners(taught)
    filters = WordLists.packed(corpus.word_lists())
    net = fitting.fit(fitting.prepared(taught, owners, WordLists(filters)), plan.seed, plan.epochs)
    return fitting.packed(net, owners) | {f"list_{name}": bits for name, bits in filters.items()}


def figures(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """What the trained tagger reaches on templates and values it was not taught with, and on neutral text."""
    tagger = Tagger(Network(arrays))
    held_out = corpus.written(HELD_OUT_SEED, "held_out", 2_000)
    return {
        "held_out": {point: held_out_figures(tagger, held_out, point) for point in ("recall", "precision")},
        "false_spans_per_1000": {
            point: {
                "prose": false_spans(tagger, neutral.prose("measured"), point),
                "code": false_spans(tagger, neutral.source("measured"), point),
            }
            for point in ("recall", "precision")
        },
    }


def data_digest() -> str:
    """SHA-256 over the files the lessons are written from."""
    folder = files("curation.tagger")
    return hashlib.sha256(b"\0".join(folder.joinpath(name).read_bytes() for name in DATA)).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m curation.tagger.train", description=__doc__)
    parser.add_argument("--corrections", type=Path, help='JSONL rows {"text", "spans": [{"kind", "start", "end"}]}')
    parser.add_argument("-o", "--output", type=Path, default=Path(str(files("curation.tagger").joinpath(WEIGHTS))))
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--samples", type=int, default=Plan().samples)
    chosen = parser.parse_args(arguments)
    plan = Plan(seed=chosen.seed, samples=chosen.samples)
    started = time.process_time()
    corrections = read_corrections(chosen.corrections) if chosen.corrections else []
    arrays = train(plan, corrections)
    spent = time.process_time() - started
    np.savez_compressed(chosen.output, allow_pickle=False, **arrays)
    provenance = {
        **plan._asdict(),
        "corrections": len(corrections),
        "templates": corpus.template_count(),
        "data_sha256": data_digest(),
        "versions": corpus.versions(),
        "cpu_seconds": round(spent),
        **figures(arrays),
        "bytes": chosen.output.stat().st_size,
        "sha256": digest(chosen.output),
        "content_sha256": content_digest(arrays),
    }
    beside = chosen.output.with_name(
        PROVENANCE if chosen.output.name == WEIGHTS else f"{chosen.output.stem}.{PROVENANCE}"
    )
    beside.write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{chosen.output}: {provenance['bytes']:,} bytes after {spent:.0f} s; see {beside}\n")


if __name__ == "__main__":
    main()
