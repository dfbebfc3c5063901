"""The Python API: open a workspace, run it, read its samples, ask why.

from curation import Workspace

with Workspace.open("support-demo") as workspace:
    report = workspace.run()
    kept = workspace.samples().filter(pl.col("state") == "kept")
    workspace.why(kept["id"][0])
"""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from pydantic import JsonValue

from curation.progress import Progress, Silent
from curation.store.layout import Layout
from curation.store.store import Store
from curation.task import Environment, Task, read_task

if TYPE_CHECKING:
    from curation.money.costs import Costs
    from curation.money.plan import PlanReport
    from curation.pilot.advice import Advice, Wishes
    from curation.pilot.report import PilotReport
    from curation.run import RunReport


class Workspace:
    """One workspace: its task, its store, and the verbs of the command line; usable in a notebook."""

    def __init__(self, root: Path, task: Task, store: Store, environment: Environment) -> None:
        self.root = root
        self.task = task
        self.store = store
        self.environment = environment

    @classmethod
    def open(cls, path: str | Path, environment: Environment | None = None) -> "Workspace":
        """Open the workspace in a folder; WorkspaceError or TaskError says what is wrong with it."""
        root = Path(path).expanduser().resolve()
        Layout(root).require()
        environment = environment or Environment.read()
        task = read_task(root / "task.toml")
        return cls(root, task, Store.open(root, environment), environment)

    def run(self, *, progress: Progress | None = None, until: str | None = None, wait: bool = True) -> "RunReport":
        """Run the task; a second run asks nobody and reports the same version.

        Without `wait`, what a provider works on in batches is left with it; the next run collects it.
        """
        from curation.run import run

        return run(self.store, self.task, self.environment, progress=progress or Silent(), until=until, wait=wait)

    def pilot(self, n: int = 50, *, progress: Progress | None = None) -> "PilotReport":
        """Ask every teacher `n` drawn prompts and compare the teachers; nothing is sealed."""
        from curation.pilot.asking import pilot

        return pilot(self.store, self.task, self.environment, n, progress=progress or Silent())

    def plan(self, *, progress: Progress | None = None) -> "PlanReport":
        """What a run would still ask and cost; asks nobody, spends nothing, needs no key."""
        from curation.money.plan import plan

        return plan(self.store, self.task, progress=progress or Silent())

    def cancel_batches(self, *, progress: Progress | None = None) -> None:
        """Have the providers end every open batch now; what they had answered by then is journalled."""
        from curation.run import cancel_batches

        cancel_batches(self.store, self.task, self.environment, progress=progress or Silent())

    def costs(self) -> "Costs":
        """What this workspace has cost, from the ledger of every attempt."""
        from curation.money.costs import costs

        return costs(self.store, self.task)

    def advise(self, wishes: "Wishes | None" = None) -> "Advice":
        """Whether this should be distilled, from the newest pilot and what you wish; asks nobody."""
        from curation.pilot.advice import Wishes
        from curation.pilot.advise import advise

        return advise(self.store, self.task, self.environment, wishes or Wishes())

    def samples(self, version: str = "head") -> pl.DataFrame:
        """Every sample of a version, kept and dropped, with the SAMPLES schema."""
        return self.store.versions.samples(version)

    def decisions(self, version: str = "head") -> pl.DataFrame:
        """What each step decided about each sample of a version, with the DECISIONS schema."""
        return self.store.versions.decisions(version)

    def why(self, sample: str) -> dict[str, JsonValue]:
        """Why a sample is in or out, step by step; UnknownRecord when there is none of that id."""
        from curation.provenance import why

        return why(self.store, sample)

    def close(self) -> None:
        """Give back files and connections."""
        self.store.close()

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
