"""Writes a version in the formats training tools read; every row carries its sample's id.

Quarantined samples and samples too close to a protected text never leave, whichever arm is asked for.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import JsonValue

from curation.card import render
from curation.errors import InputError, WorkspaceError
from curation.gold_guard import without_gold
from curation.plugins import nearest
from curation.records import ToolCall
from curation.select import Arm, arm_of
from curation.store.durable import write_durably
from curation.store.store import Store
from curation.store.versions import Manifest, loads_object
from curation.task import Task

FORMATS = ("openai", "trl", "hf", "jsonl")
"""openai: chat fine-tuning JSONL; trl: prompt-completion JSONL; hf: a folder for `load_dataset`; jsonl: flat rows."""


@dataclass(frozen=True)
class ExportReport:
    """What was written."""

    rows: int
    path: Path
    version: str
    format: str
    arm: str

    def as_dict(self) -> dict[str, JsonValue]:
        """The line `export --json` prints."""
        return {
            "rows": self.rows,
            "path": str(self.path),
            "version": self.version,
            "format": self.format,
            "arm": self.arm,
        }


def export(
    store: Store,
    version: str,
    format: str,
    out: Path,
    *,
    arm: Arm = "curated",
    task: Task | None = None,
) -> ExportReport:
    """Write the kept samples (or another arm) of a version to a file, or for `hf` to a folder.

    With the task, gold is recognised in what its scrubbing makes of it. Raises InputError for an unknown format, an
    arm without samples, or rows that became gold since the version was sealed.
    """
    if format not in FORMATS:
        raise InputError(f"no export format {format!r}{nearest(format, FORMATS)} Known: {', '.join(FORMATS)}")
    manifest = store.versions.manifest(version)
    samples = arm_of(store.versions.samples(manifest.version), arm)
    samples = without_gold(store, manifest.version, samples, task)
    if samples.is_empty():
        raise InputError(f"version {manifest.version} has no sample in the {arm} arm; nothing was written")
    try:
        if format == "hf":
            _write_folder(store, manifest, samples, out)
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_durably(out, b"".join(_lines(samples, _ROWS[format], manifest)))
    except OSError as error:
        raise WorkspaceError(f"cannot write {out}: {error.strerror}; choose another place") from error
    return ExportReport(samples.height, out, manifest.version, format, arm)


def _lines(
    samples: pl.DataFrame, shape: Callable[[Mapping[str, Any], str | None], dict[str, Any]], manifest: Manifest
) -> Iterator[bytes]:
    field = _field(manifest)
    for row in samples.iter_rows(named=True):
        yield json.dumps(shape(row, _label(row, field)), ensure_ascii=False).encode() + b"\n"


def _field(manifest: Manifest) -> str:
    answer = manifest.facts.get("answer")
    return str((answer.get("field") if isinstance(answer, dict) else None) or "label")


def _label(row: Mapping[str, Any], field: str) -> str | None:
    value = (loads_object(row["labels"]) or {}).get(field)
    return value if isinstance(value, str) else None


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    if message["tool_call_id"]:
        plain["tool_call_id"] = message["tool_call_id"]
    if message["tool_calls"]:
        plain["tool_calls"] = _calls(message["tool_calls"])
    return plain


def _calls(text: str) -> list[dict[str, Any]]:
    calls = [ToolCall(**call) for call in json.loads(text)]
    return [{"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]


def _answer(row: Mapping[str, Any]) -> dict[str, Any]:
    return _message({"role": "assistant", "content": row["answer"], "tool_call_id": None, **_called(row)})


def _called(row: Mapping[str, Any]) -> dict[str, str | None]:
    calls = row["tool_calls"]
    return {"tool_calls": calls if calls and calls != "[]" else None}


def _openai(row: Mapping[str, Any], _: str | None) -> dict[str, Any]:
    messages = [_message(m) for m in row["messages"]]
    return {"messages": [*messages, _answer(row)], "metadata": {"stillhouse_id": row["id"]}}


def _trl(row: Mapping[str, Any], _: str | None) -> dict[str, Any]:
    prompt = [_message(m) for m in row["messages"]]
    return {"prompt": prompt, "completion": [_answer(row)], "stillhouse_id": row["id"]}


def _flat(row: Mapping[str, Any], label: str | None) -> dict[str, Any]:
    return {
        "stillhouse_id": row["id"],
        "prompt_id": row["prompt_id"],
        "messages": [_message(m) for m in row["messages"]],
        "answer": row["answer"],
        "labels": loads_object(row["labels"]),
        "label": label,
        "signal": loads_object(row["signal"]),
        "tool_calls": json.loads(row["tool_calls"] or "[]"),
        "teacher": row["teacher"],
        "group": row["group"],
        "tags": row["tags"] or [],
        "fields": loads_object(row["fields"]) or {},
    }


_ROWS: dict[str, Callable[[Mapping[str, Any], str | None], dict[str, Any]]] = {
    "openai": _openai,
    "trl": _trl,
    "jsonl": _flat,
}


def _write_folder(store: Store, manifest: Manifest, samples: pl.DataFrame, out: Path) -> None:
    field = _field(manifest)
    text = pl.element().struct
    table = samples.select(
        pl.col("id").alias("stillhouse_id"),
        "prompt_id",
        pl.col("messages").list.eval(pl.struct(text.field("role"), text.field("content"))),
        "answer",
        "labels",
        pl.Series("label", [_label(row, field) for row in samples.iter_rows(named=True)], dtype=pl.String),
        "signal",
        "tool_calls",
        "teacher",
        "group",
        "tags",
    )
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    (out / "data").mkdir(parents=True, exist_ok=True)
    write_durably(out / "data" / "train.parquet", buffer.getvalue())
    write_durably(out / "README.md", _readme(manifest, store.versions.decisions(manifest.version)).encode())


def _readme(manifest: Manifest, decisions: pl.DataFrame) -> str:
    header = [
        "---",
        "configs:",
        "- config_name: default",
        "  data_files: data/train.parquet",
        "tags:",
        "- synthetic",
        "---",
    ]
    return "\n".join([*header, "", render(manifest, decisions)])
