"""The `stillhouse` command: gathers the commands and is the one place where a stated failure becomes one line."""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from curation.errors import StillhouseError
from dashboard.cli import (
    batches,
    decide,
    demo,
    egress,
    evidence,
    explain,
    gold,
    judging,
    make,
    mapping,
    money,
    people,
    pilot,
    policy,
    scrubbing,
    start,
    teach,
)
from dashboard.cli.opening import At, stoppable

GARBAGE = 50_000
"""How many objects more there are before Python looks for garbage. Its own 700 has a run of some thousand samples walk
through everything that is loaded again and again, for a fifth of its CPU and the same memory in the end."""

app = typer.Typer(
    name="stillhouse",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    start,
    demo,
    make,
    scrubbing,
    pilot,
    money,
    batches,
    egress,
    explain,
    mapping,
    evidence,
    decide,
    policy,
    judging,
    gold,
    people,
    teach,
):
    group.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("stillhouse"))
        raise typer.Exit


@app.callback(epilog="Example:  stillhouse init support && stillhouse -C support run")
def stillhouse(
    context: typer.Context,
    directory: Annotated[
        Path,
        typer.Option(
            "--directory", "-C", metavar="DIR", help="The workspace to work in.", show_default="the current folder"
        ),
    ] = Path(),
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Make a sealed, explainable dataset from large teacher models; train and release a small student on it.

    Every reading command takes --json and then ends standard output with one JSON object.

    Exit codes: 0 done, or the gate passed; 1 a stated failure, in one line; 2 wrong usage; 130 stopped with Ctrl-C.
    A gate: 10 FAIL, 11 INCONCLUSIVE, 12 INVALID.
    """
    stoppable()
    context.obj = At(directory.expanduser())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (default: this process's arguments); the only place that catches StillhouseError."""
    gc.set_threshold(GARBAGE)
    try:
        app(arguments, prog_name="stillhouse")
    except StillhouseError as error:
        sys.exit(_stated(str(error)))
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        sys.exit(_stated(f"the system refused:{where} {error.strerror or error}"))


def _stated(words: str) -> int:
    """Print a failure as one line on standard error; the exit code."""
    print("stillhouse:", " ".join(words.split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
