"""`stillhouse demo`: the whole path on simulated teachers, students on three arms, and the gate, in one command."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.shares import percent
from dashboard.cli.opening import at, require
from dashboard.cli.output import Json, facts, json_line, say, table

if TYPE_CHECKING:
    from curation.progress import Progress
    from curation.run import RunReport
    from curation.workspace import Workspace
    from judges.gate import GateDecision
    from judges.scoring import FaultTable
    from training.arms import Comparison

PANEL = "Start"
TRAINING_SECONDS = 150.0


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse demo")(demo)


@dataclass(frozen=True)
class Shown:
    """Everything the demo found out."""

    run: "RunReport"
    faults: "FaultTable"
    students: "Comparison"
    gates: dict[str, "GateDecision"]
    seconds: float


def demo(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the workspace goes; it stays there.")] = Path(
        "support-demo"
    ),
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, help="Time for training; as many seeds as fit, at least two.")
    ] = TRAINING_SECONDS,
    as_json: Json = False,
) -> None:
    """See it work: simulated teachers, the whole path, students on raw, curated and random data, and the gate.

    Offline and free, in five to six minutes on two cores. The teachers are simulated and err as their profiles state;
    what comes out is printed as it is. Run again on the same folder, it asks nobody and trains anew.
    """
    from dashboard.cli.progress import shown

    require("train", "the demo trains students and")
    folder = at(context).path(directory)
    with shown() as progress:
        found = show(folder, seconds, progress)
    if as_json:
        json_line(_plain(found))
    else:
        _tell(found, directory)


def show(folder: Path, seconds: float, progress: "Progress") -> Shown:
    """Make the workspace where there is none, run it, teach and measure the students, and put them to the gate."""
    from curation.workspace import Workspace
    from dashboard.cli import beginning

    began = monotonic()
    if not (folder / "task.toml").exists():
        beginning.shipped(folder)
    with Workspace.open(folder) as opened:
        run = opened.run(progress=progress)
        faults = _faults(opened)
        students = _students(opened, seconds, progress)
        gates = _gates(opened)
    return Shown(run, faults, students, gates, monotonic() - began)


def _faults(opened: "Workspace") -> "FaultTable":
    from curation.llm.practice.server import server_for
    from curation.run import scrub_text
    from judges.scoring import fault_table

    practice = server_for(opened.task, scrub_text(opened.task, opened.store))
    models = {t.name: t.model for t in opened.task.teachers}
    return fault_table(opened.samples(), models, practice.injected)


def _students(opened: "Workspace", seconds: float, progress: "Progress") -> "Comparison":
    from curation.run import scrub_text
    from training.arms import Plan, compare
    from training.data import read_holdout
    from training.settings import TrainTable

    task = opened.task
    holdout = read_holdout(task.path(task.table("train", TrainTable).holdout), task.answer)
    return compare(opened.store, task, holdout, Plan(budget_seconds=seconds), scrub_text(task, opened.store), progress)


def _gates(opened: "Workspace") -> dict[str, "GateDecision"]:
    from judges.gate import GateTable, decide_and_record, evaluation_named

    gate = opened.task.table("gate", GateTable)
    store = opened.store
    arms = {arm: evaluation_named(store, arm) for arm in ("raw", "curated", "control")}
    return {
        f"{candidate} against {baseline}": decide_and_record(store, arms[candidate], arms[baseline], gate)
        for candidate, baseline in (("raw", "curated"), ("curated", "control"), ("curated", "raw"))
    }


def _plain(found: Shown) -> dict[str, Any]:
    return {
        "run": found.run.as_dict(),
        "faults": found.faults.as_dict(),
        "students": found.students.as_dict(),
        "gates": {name: {**d.as_dict(), "sentence": d.sentence} for name, d in found.gates.items()},
        "seconds": round(found.seconds, 1),
    }


def _tell(found: Shown, directory: Path) -> None:
    run = found.run
    say(f"{run.samples} samples from {run.prompts} prompts, {run.kept} kept: version {run.version}")
    table(
        [{"dropped because": reason, "samples": n} for reason, n in sorted(run.dropped.items(), key=lambda x: -x[1])],
        ["dropped because", "samples"],
    )
    say("What the simulated teachers got wrong on purpose, and what became of it (simulated teachers):")
    table([vars(row) for row in found.faults.rows], ["fault", "injected", "caught", "mended", "missed"])
    faults = found.faults
    say(
        f"Of {faults.clean} faultless samples {faults.wrongly_dropped} were wrongly dropped. "
        f"Wrong answers: {percent(faults.raw_wrong_share, '.1f')} of the raw samples, "
        f"{percent(faults.kept_wrong_share, '.1f')} of the kept ones."
    )
    say(f"\nStudents on the messy holdout ({found.students.note}):")
    table([_arm(e) for e in found.students.arms], ["trained on", "rows", "accuracy", "over seeds", "over customers"])
    table([_arm(e) for e in found.students.differences], ["trained on", "accuracy", "over seeds", "over customers"])
    for name, decision in found.gates.items():
        say(f"Gate, {name}: {decision.sentence}")
    say(f"\nDone in {found.seconds:.0f} s. Look at it in the browser:")
    facts({"": f"stillhouse -C {directory} dashboard"})


def _arm(estimate: Any) -> dict[str, str]:
    def interval(ci: tuple[float, float] | None) -> str:
        if ci is None:
            return ""
        low, high = max(ci[0], -1.0 if "-" in estimate.name else 0.0), min(ci[1], 1.0)
        return f"[{percent(low, '.1f')}, {percent(high, '.1f')}]"

    return {
        "trained on": estimate.name,
        "rows": "" if estimate.rows is None else str(estimate.rows),
        "accuracy": percent(estimate.estimate, ".1f"),
        "over seeds": interval(estimate.seeds_ci),
        "over customers": interval(estimate.items_ci),
    }
