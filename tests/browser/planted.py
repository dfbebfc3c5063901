"""A workspace in which everything a rater may not learn is a word of its own, so that it can be looked for.

The texts are drawn before anybody is said to have written them: who the teacher is cannot be read out of a text, nor
out of its length or its layout. What still tells the source, the server added.
"""

import base64
import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curation.records import SAMPLES, Decision, Message, Request, canonical, decisions_frame, message_row
from curation.store.store import Store

TEACHERS = ("zetalith-9000", "omegrad-7b")
WORDS = (
    *("zetalith", "omegrad", "familymark", "providermark", "modelmark", "judgemark", "splitmark", "groupmark"),
    *(
        "tagmark",
        "sourcemark",
        "promptmark",
        "fingermark",
        "rationalemark",
        "runmark",
        "taskmark",
        "fieldmark",
        "parentmark",
    ),
)
"""Beginnings of every name planted: of teachers, families, models, judges, splits, groups, files, runs and prompts."""
SCORES = {"logprob": -0.73918264, "confidence": 0.81735246, "judge": 0.64192837}
SYLLABLES = ("ba", "ne", "ro", "ti", "lu", "sha", "men", "dor", "vik", "pa", "sel", "ga", "mo", "ren", "qui", "fa")
TASK = '[task]\nname = "taskmark-triage"\nkind = "generate"\n'
PREFIX = 8
"""So many hexadecimal digits are enough to look a hash up."""


@dataclass(frozen=True)
class Planted:
    """What must not be found in a rater's browser, and what must: the texts that are shown."""

    words: tuple[str, ...]
    hashes: tuple[str, ...]
    prompts: tuple[str, ...]
    writers: dict[str, str] = field(repr=False)  # answer -> teacher

    def secrets(self) -> Iterator[str]:
        """Everything to look for, in lower case: names, numbers, hash prefixes, and names hashed or encoded."""
        yield from self.words
        yield from (f"{score:.12f}"[:7].lstrip("-") for score in SCORES.values())
        for whole in {*self.hashes, *(digest for name in TEACHERS for digest in digests(name))}:
            yield whole[:PREFIX]
        for name in TEACHERS:
            yield from encoded(name)


def digests(name: str) -> Iterable[str]:
    """What a name becomes where somebody thought that hashing it hides it."""
    return (hashlib.new(how, name.encode()).hexdigest() for how in ("sha256", "sha1", "md5"))


def encoded(name: str) -> Iterator[str]:
    """A name in hexadecimal and in the three alignments of base 64, in lower case."""
    yield name.encode().hex()
    for shift in range(3):
        whole = base64.b64encode(b"x" * shift + name.encode()).decode().lower()
        yield whole[4 if shift else 0 : (len(name) + shift) // 3 * 4]


def build(root: Path, prompts: int, *, seed: int = 0) -> Path:
    """A sealed workspace of so many prompts with two answers each, made in `root`; its path."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(TASK, encoding="utf-8")
    with Store.open(root) as store:
        seal(store, prompts, seed=seed)
    return root


def seal(store: Store, prompts: int, *, seed: int = 0) -> str:
    """Put a version of so many prompts with two answers each into a workspace; the version."""
    run = store.runs.start("runmark")
    rows = [row for i in range(prompts) for row in _rows(store, i, random.Random(f"{seed}-{i}"))]
    said = {"votes": [{"judge": "judgemark-1", "vote": "accept", "score": SCORES["judge"]}], "majority": "agreed"}
    scored = [
        Decision(
            sample=row["id"], step="judges", action="keep", reason="judge_agreed", words="judgemark said so",
            number=SCORES["judge"], evidence=said,
        )
        for row in rows
    ]  # fmt: skip
    sealed = store.versions.seal(
        pl.DataFrame(rows, schema=SAMPLES),
        decisions_frame(scored),
        recipe="5eedfeed" * 8,
        steps=[{"name": "judges"}],
        facts={"task": "taskmark-triage", "kind": "generate", "teachers": _models(), "counts": {}},
    )
    store.runs.finish(run, {"version": sealed.version, "prompts": prompts, "samples": len(rows), "run": run})
    return sealed.version


def planted(store: Store) -> Planted:
    """What a workspace made here holds."""
    version = store.versions.resolve("head")
    samples = store.versions.samples(version)
    hashes = [version, "5eedfeed" * 8, *samples["id"], *samples["request_key"]]
    texts = tuple(dict.fromkeys(rows[-1]["content"] for rows in samples["messages"].to_list()))
    return Planted(WORDS, tuple(hashes), texts, dict(zip(samples["answer"], samples["teacher"], strict=True)))


def prose(chance: random.Random, words: int) -> str:
    """Words nobody ever wrote."""
    said = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 3))) for _ in range(words)]
    return " ".join(said).capitalize() + "."


def _rows(store: Store, i: int, chance: random.Random) -> Iterator[dict[str, object]]:
    prompt = f"Question {i}: {prose(chance, 12)}"
    answers = [prose(chance, chance.randint(10, 40)) for _ in TEACHERS]
    for teacher, answer in zip(chance.sample(TEACHERS, 2), answers, strict=True):
        messages = (Message(role="system", content="Be of use."), Message(role="user", content=prompt))
        request = Request(provider="practice", host="practice", api_version="1", model=teacher, messages=messages)
        yield {
            **dict.fromkeys(SAMPLES),
            "id": store.sample_id(request.key, 0), "position": i, "teacher": teacher, "index": 0,
            "prompt_id": f"promptmark-{i:04}", "parent": f"parentmark-{i}", "request_key": request.key,
            "messages": [message_row(m) for m in messages], "answer": answer,
            "labels": canonical({"quality": SCORES["judge"]}).decode(),
            "signal": canonical({"splitmark": SCORES["confidence"]}).decode(), "stop": "end",
            "logprob": SCORES["logprob"], "rationale": "rationalemark", "confidence": SCORES["confidence"],
            "model": f"modelmark-{teacher}", "fingerprint": f"fingermark-{teacher}", "group": f"groupmark-{i % 5}",
            "tags": [f"tagmark-{i % 3}", "splitmark-holdout"],
            "fields": canonical({"fieldmark": i, "split": "splitmark-holdout"}).decode(),
            "source": f"sourcemark.jsonl:{i + 1}", "state": "kept", "edited": False, "judged": "agreed",
            "control": False,
        }  # fmt: skip


def _models() -> list[dict[str, str]]:
    return [
        {"name": n, "provider": "providermark", "model": f"modelmark-{n}", "family": f"familymark-{n}", "terms": "x"}
        for n in TEACHERS
    ]
