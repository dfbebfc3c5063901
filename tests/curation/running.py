"""A small workspace whose teachers are scripted servers, run in this process."""

import json
from pathlib import Path
from typing import Any

from curation import Workspace
from curation.progress import Silent
from curation.run import RunReport
from curation.task import Environment

HEAD = """
[task]
name = "t"
kind = "classify"

[budget]
usd = 5.0
"""
JSON_ANSWER = """
[answer]
format = "json"
field = "intent"
labels = ["refund", "other"]

[answer.schema]
type = "object"
required = ["intent", "note"]
additionalProperties = false

[answer.schema.properties]
intent = { type = "string" }
note = { type = "string" }

[checks.schema]
"""


def teacher(name: str, url: str, **fields: Any) -> str:
    """A table [[teachers]] for a scripted server; free unless a price is given."""
    table = {
        "name": name, "use": "openai", "model": "scripted", "base_url": url, "timeout": 20.0,
        "params": {"max_tokens": 50}, "price": {"input": 0, "output": 0}, **fields,
    }  # fmt: skip
    return "\n[[teachers]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def write(root: Path, toml: str, texts: list[str], **columns: list[Any]) -> Path:
    """task.toml and prompts in a folder."""
    (root / "prompts").mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"p{i}", "text": t, **{k: v[i] for k, v in columns.items()}} for i, t in enumerate(texts)]
    (root / "prompts" / "p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    (root / "task.toml").write_text(HEAD + toml, encoding="utf-8")
    return root


def run(root: Path, **options: Any) -> tuple[RunReport, list[dict[str, Any]], list[str]]:
    """Run a workspace: the report, its samples as rows, what a person was told."""
    told = Silent()
    with Workspace.open(root, Environment({"OPENAI_API_KEY": "sk-usual-654321"})) as workspace:
        report = workspace.run(progress=told, **options)
        samples = workspace.samples().to_dicts() if report.version else []
    return report, samples, told.notices
