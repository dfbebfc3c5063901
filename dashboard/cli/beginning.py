"""How a workspace begins: the shipped task copied, or a commented task.toml written for one's own prompts."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from curation.errors import InputError, WorkspaceError
from dashboard.cli.opening import At

if TYPE_CHECKING:
    from curation.importing import Format

PLACES = {
    "task.toml": "task.toml",
    "prompts.jsonl": "prompts/support.jsonl",
    "answer_key.jsonl": "practice/answer_key.jsonl",
    "holdout.jsonl": "holdout/holdout.jsonl",
    "gold.jsonl": "gold/gold.jsonl",
    "judged.jsonl": "gold/judged.jsonl",
    "GUIDELINE.md": "gold/GUIDELINE.md",
    "policy.toml": "policy.toml",
}
"""File of the shipped task -> where it lies in a workspace."""


@dataclass(frozen=True)
class Made:
    """A new workspace, as `init` tells it."""

    task: str
    prompts: str
    fingerprint: str
    next: str
    first: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, JsonValue]:
        """The last line of `init --json`."""
        return {"task": self.task, "prompts": self.prompts, "fingerprint": self.fingerprint, "next": self.next}


@dataclass(frozen=True)
class Wishes:
    """What `init` was told about one's own task."""

    teacher: str
    kind: str
    labels: tuple[str, ...]
    budget: float


@dataclass(frozen=True)
class Import:
    """How a file is read."""

    format: "Format" = "auto"
    mapping: Mapping[str, str] = field(default_factory=dict)
    sample: int | None = None
    stratify: str | None = None
    seed: int = 0


def shipped(root: Path) -> Made:
    """Copy the shipped support task and make its keys."""
    from curation.shipped import support_folder

    _free(root)
    folder = support_folder()
    for name, place in PLACES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, root / place)
    fingerprint = _open(root, ("gold", "judged"))
    lines = (root / "prompts/support.jsonl").read_bytes().count(b"\n")
    return Made("support", f"{lines} in prompts/support.jsonl", fingerprint, f"{At(root).command} run")


def own(root: Path, prompts: Path, wishes: Wishes, mapping: Mapping[str, str]) -> Made:
    """Write a task.toml for one's own prompts and import them."""
    _free(root)
    text = task_text(_name(root), wishes)
    report = import_prompts(prompts, root / "prompts" / f"{prompts.stem}.jsonl", Import(mapping=mapping))
    (root / "task.toml").write_text(text, encoding="utf-8")
    return Made(
        task=_name(root),
        prompts=f"{report['kept']} kept, {report['quarantined']} set aside",
        fingerprint=_open(root),
        next=f"read {root / 'task.toml'}, then: {At(root).command} run",
        first=[{k: row[k] for k in ("id", "text")} for row in report["first"]],
    )


def import_prompts(source: Path, target: Path, wishes: Import) -> dict[str, Any]:
    """Import a file of prompts; counts, the first three rows as understood, and where everything lies."""
    from curation.importing import import_file

    report = import_file(
        source,
        out=target,
        mapping=wishes.mapping,
        format=wishes.format,
        sample=wishes.sample,
        stratify=wishes.stratify,
        seed=wishes.seed,
    )
    first = [{"id": p.id, "text": p.text, "group": p.group, "tags": list(p.tags)} for p in report.first]
    return {**report.as_dict(), "first": first}


def _free(root: Path) -> None:
    if (root / "task.toml").exists():
        raise WorkspaceError(f"{root} already holds a task.toml; choose another folder, or edit that file")
    root.mkdir(parents=True, exist_ok=True)


def _open(root: Path, gold: Sequence[str] = ()) -> str:
    """Make the keys and the stores, and gold sets from the files of these names; the signing key's fingerprint."""
    from curation.store.store import Store

    with Store.create(root) as store:
        for name in gold:
            from judges.gold import GoldService

            GoldService(store).import_file(root / "gold" / f"{name}.jsonl", name=name)
        return store.fingerprint


def _name(root: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-")
    return name[:63] or "task"


# --- one's own task ------------------------------------------------------------------------------------------------

_SYSTEM = {
    "classify": "Classify the message. Answer with {labels} and nothing else.",
    "extract": "Extract the fields from the message. Answer with one JSON object and nothing else.",
    "summarise": "Summarise the text in two sentences.",
    "chat": "You are a helpful assistant.",
    "tools": "Answer by calling the right tool.",
    "rewrite": "Rewrite the text as asked. Answer with the new text and nothing else.",
}
_CHECKS = {"summarise": ("length", "repetition"), "chat": ("repetition",), "tools": ("tool_call",)}
_SCHEMA = '{ type = "object", required = ["name"], properties = { name = { type = "string" } } }'


def task_text(name: str, wishes: Wishes) -> str:
    """A commented task.toml of about thirty lines."""
    checks = "\n".join(f"[checks.{c}]" for c in ("schema", "refusal", "truncated", *_CHECKS.get(wishes.kind, ())))
    one = f"one of: {', '.join(wishes.labels)}," if wishes.labels else "one label"
    system = _SYSTEM[wishes.kind].replace("{labels}", one)
    return f"""\
# Every key is explained in docs/task.md; an unknown key is an error that names the nearest known one.
[task]
name = "{name}"
kind = "{wishes.kind}"
seed = 7                       # every random choice derives from it
use = "narrow-model"           # what the student is for; checked against the teacher's terms

[prompts]
system = {json.dumps(system)}   # editing it asks every prompt again

{_answer(wishes)}

[[teachers]]                   # one table per teacher; several are asked side by side
name = "teacher"
{_teacher(wishes.teacher)}

# [[judges]]                   # of another family than the teacher's; without one, samples stay unjudged
# name = "judge"
# use = "anthropic"
# model = "..."

# What an answer must pass, in this order.
{checks}

[scrub]                        # personal data is masked before a teacher sees it, and again in replies
point = "precision"                # mask what surely is personal; "recall" masks all that may be

[budget]
usd = {wishes.budget}                      # a hard cap, reserved before each request is sent
"""


def _answer(wishes: Wishes) -> str:
    match wishes.kind:
        case "classify":
            return f'[answer]\nformat = "label"\nlabels = {json.dumps(wishes.labels)}   # list all; others are dropped'
        case "extract":
            return f'[answer]\nformat = "json"\nschema = {_SCHEMA}   # write yours here'
        case _:
            return '[answer]\nformat = "text"'


def _teacher(spec: str) -> str:
    """The lines of a teacher table for `provider:model`, `local:FOLDER` or `replay:FILE`."""
    provider, _, model = spec.partition(":")
    if not (provider and model):
        raise InputError(
            f"--teacher {spec!r} is not PROVIDER:MODEL; for example openai:gpt-5-mini or replay:answers.jsonl"
        )
    match provider:
        case "replay" | "local":
            model, more = Path(model).stem, f"path = {json.dumps(str(Path(model).resolve()))}"
        case "openai" | "anthropic":
            key = f'api_key_env = "{provider.upper()}_API_KEY"   # the variable that holds the key'
            more = key + "\nparams = { max_tokens = 300 }"
        case _:
            more = "params = { max_tokens = 300 }"
    return f"use = {json.dumps(provider)}\nmodel = {json.dumps(model)}\n{more}"
