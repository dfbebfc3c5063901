"""What `doctor` looks at: keys, optional parts, SQLite, disk, ports and the workspace; each finding with its fix."""

import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curation.errors import StillhouseError
from dashboard.cli.opening import PARTS, missing_of

if TYPE_CHECKING:
    from curation.task import ModelTable

GIB = 2**30
DASHBOARD_PORT = 8501
PRACTICE_PORT = 8765


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, what was found and what mends it."""

    what: str
    level: Literal["ok", "note", "bad"]
    found: str
    fix: str = ""


def examine(directory: Path, *, device: bool) -> list[Finding]:
    """Every finding, the workspace's last."""
    return [
        Finding("python", "ok", sys.version.split()[0]),
        _sqlite(),
        *_parts(),
        *([_device()] if device else []),
        _disk(directory),
        _port("dashboard", DASHBOARD_PORT),
        _port("practice", PRACTICE_PORT),
        *_environment(directory),
    ]


def _sqlite() -> Finding:
    from curation.store.database import wal_reset_race

    if wal_reset_race():
        found = f"{sqlite3.sqlite_version}, inside the range of the WAL-reset race; a file lock guards every write"
        return Finding("sqlite", "note", found, "nothing to do; a Python with SQLite 3.51.3 or later writes without it")
    return Finding("sqlite", "ok", sqlite3.sqlite_version)


def _parts() -> Iterator[Finding]:
    for extra in PARTS:
        missing = missing_of(extra)
        what = f"part {extra}"
        if missing:
            yield Finding(what, "note", f"not installed: {', '.join(missing)}", f'pip install "stillhouse[{extra}]"')
        else:
            yield Finding(what, "ok", "installed")


def _device() -> Finding:
    code = (
        "import torch; "
        "print('cuda: ' + torch.cuda.get_device_name() if torch.cuda.is_available() "
        "else 'mps' if torch.backends.mps.is_available() else f'cpu, {torch.get_num_threads()} threads')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return Finding("torch device", "note", "torch does not load", 'pip install "stillhouse[train]"')
    return Finding("torch device", "ok", done.stdout.strip())


def _disk(directory: Path) -> Finding:
    there = next(p for p in (directory.resolve(), *directory.resolve().parents) if p.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / GIB:.1f} GiB free at {there}"
    return Finding("disk", "ok", found) if free >= GIB else Finding("disk", "bad", found, "free at least 1 GiB")


def _port(what: str, port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding(f"port {port}", "note", "in use", f"stillhouse {what} --port 0")
    return Finding(f"port {port}", "ok", f"free for `stillhouse {what}`")


USUAL = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


def _variable(model: "ModelTable") -> str | None:
    """The variable a model's key is read from; None where it needs none."""
    return model.api_key_env or (USUAL.get(model.use) if model.base_url is None else None)


def _environment(directory: Path) -> Iterator[Finding]:
    from curation.run import models_of
    from curation.task import Environment, Task, read_task

    environment = Environment.read()
    task: Task | None = None
    workspace = Finding("workspace", "note", f"no task.toml in {directory.resolve()}", "stillhouse init DIR")
    if (directory / "task.toml").exists():
        try:
            task = read_task(directory / "task.toml")
            workspace = Finding("workspace", "ok", f"task {task.task.name!r}, {len(task.teachers)} teachers")
        except StillhouseError as error:
            workspace = Finding("workspace", "bad", str(error), "mend task.toml; docs/task.md lists every key")
    wanted = {v: m.name for m in (models_of(task) if task else ()) if (v := _variable(m))}
    for variable in sorted({*USUAL.values(), *wanted}):
        if environment.key(variable):
            yield Finding("key", "ok", f"{variable} is set")
        elif variable in wanted:
            found = f"{variable} is not set, and {wanted[variable]!r} needs it"
            yield Finding("key", "bad", found, f"export {variable}=...")
        else:
            yield Finding("key", "note", f"{variable} is not set", f"export {variable}=... to use that provider")
    if environment.database_url:
        yield Finding("state store", "ok", "DATABASE_URL is set: PostgreSQL")
    yield workspace
