"""Commands that teach and measure a student, and decide about its release: train, evaluate, gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from curation.errors import UnknownRecord
from curation.plugins import nearest
from curation.shares import percent
from dashboard.cli.opening import at, require, workspace
from dashboard.cli.output import Json, facts, json_line, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curation.evaluation import Evaluation
    from curation.workspace import Workspace

PANEL = "Teach and release"
Arm = Literal["curated", "raw", "control"]
EXIT_CODES = {"PASS": 0, "FAIL": 10, "INCONCLUSIVE": 11, "INVALID": 12}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse train --arm curated --seed 1")(train)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse evaluate curated-3fa29c01-s1")(evaluate)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse gate curated raw && ./release.sh")(gate)


def train(
    context: typer.Context,
    arm: Annotated[
        Arm, typer.Option("--arm", help="What it learns from: kept, all answers, or random of that size.")
    ] = "curated",
    seed: Annotated[int, typer.Option("--seed", help="The student's seed.")] = 1,
    version: Annotated[str, typer.Option("--version", help="The version it learns from.")] = "head",
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The student's name.", show_default="ARM-VERSION-sSEED")
    ] = None,
    as_json: Json = False,
) -> None:
    """Teach a student from a version, with the task's train settings; kept under .stillhouse/students."""
    require("train", "training")
    from curation.money.hours import booked
    from dashboard.cli.progress import shown
    from training.data import arm_rows
    from training.settings import TrainTable
    from training.trainer import train as teach

    with workspace(context) as opened, shown() as progress:
        table = opened.task.table("train", TrainTable)
        rows = arm_rows(opened.store, version, arm, opened.task)
        name = name or f"{arm}-{(rows.version or '')[:8]}-s{seed}"
        with booked(opened.store, "training", name, opened.task.hours.training):
            card = teach(rows, table, seed, opened.store.layout.students / name, progress)
    if as_json:
        json_line({"student": name, **card.model_dump(mode="json", exclude={"name", "settings", "libraries"})})
        return
    say(f"Student {name!r}: {card.rows} rows, {len(card.label_names)} labels, {card.trainable} parameters trained")
    say(f"Next: stillhouse evaluate {name}")


def evaluate(
    context: typer.Context,
    student: Annotated[str, typer.Argument(metavar="STUDENT", help="A student's name, as `train` gave it.")],
    holdout: Annotated[
        Path | None,
        typer.Option(
            "--holdout", metavar="FILE", help="JSONL {id, text, cluster, answer}.", show_default="[train] holdout"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a student on the holdout, and record accuracy, calibration error and milliseconds for the gate."""
    require("train", "evaluating a student")
    from curation.money.hours import booked
    from curation.store.evaluations import Evaluations

    with workspace(context) as opened:
        with booked(opened.store, "serving", student, opened.task.hours.serving):
            measured = _measure(opened, student, at(context).path(holdout) if holdout else None)
        Evaluations(opened.store.state).save(measured)
    summary = {"evaluation": measured.id, "student": student, "arm": measured.arm, "version": measured.version}
    if as_json:
        json_line({**summary, "metric": measured.metric, **measured.summary})
        return
    facts({**summary, "metric": measured.metric, **measured.summary})
    say(f"Next: stillhouse gate {measured.id} BASELINE")


def gate(
    context: typer.Context,
    candidate: Annotated[str, typer.Argument(metavar="CANDIDATE", help="An evaluation, a student or an arm.")],
    baseline: Annotated[
        str | None,
        typer.Argument(metavar="BASELINE", help="What it is compared with.", show_default="as task.toml says"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide about a release, from recorded evaluations: PASS 0, FAIL 10, INCONCLUSIVE 11, INVALID 12."""
    from judges.gate import GateTable, decide_and_record, evaluation_named

    with workspace(context) as opened:
        table = opened.task.table("gate", GateTable)
        named = [evaluation_named(opened.store, name) for name in (candidate, baseline or table.baseline)]
        decision = decide_and_record(opened.store, named[0], named[1], table)
    if as_json:
        json_line(decision.as_dict())
    else:
        say(decision.sentence)
        _tell_raw(named)
    raise typer.Exit(EXIT_CODES[decision.outcome])


def _tell_raw(compared: "Sequence[Evaluation]") -> None:
    """The same students on messages as people write them: what a service that does not scrub would see."""
    if all("raw_accuracy" in e.summary for e in compared):
        said = ((e.student, cast("float", e.summary["raw_accuracy"])) for e in compared)
        told = ", ".join(f"{student} {percent(accuracy, '.1f')}" for student, accuracy in said)
        changed = compared[0].summary["raw_changed"]
        say(f"On raw input: {told} ({changed} of {len(compared[0].items)} messages hold what scrubbing changes).")


def _measure(opened: "Workspace", student: str, holdout: Path | None) -> "Evaluation":
    """Measure one student of this workspace on a holdout, scrubbed as the training prompts were."""
    from curation.run import scrub_text
    from training.data import read_holdout
    from training.evaluate import evaluate as measure
    from training.settings import TrainTable

    folder = opened.store.layout.students / student
    if not folder.is_dir():
        known = sorted(p.name for p in opened.store.layout.students.glob("*") if p.is_dir())
        raise UnknownRecord(f"no student {student!r}{nearest(student, known)} Known: {', '.join(known) or 'none yet'}")
    path = holdout or opened.task.path(opened.task.table("train", TrainTable).holdout)
    holdout_items = read_holdout(path, opened.task.answer)
    return measure(folder, holdout_items, scrub=scrub_text(opened.task, opened.store))
