"""A workspace whose judges were asked in a real run, and a report of five judges of every role, for the Judges page."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from curation import Workspace
from curation.progress import Silent
from curation.store.panels import Panels
from curation.store.store import Store
from curation.task import Environment
from judges.aggregate import Fit, VoteTable, fit
from judges.agreement import agreement_matrix
from judges.family import Refusal
from judges.panel import newest_report
from judges.qualify import Rules
from judges.trial import PanelReport

JUDGES = ("sound", "inverted", "also-inverted", "a-coin", "gullible")
PROMPTS, ROWS = 40, 200


def build(root: Path) -> Path:
    """The shipped task with a few of its prompts and a server that never fails, run once; its path."""
    subprocess.run(
        [sys.executable, "-m", "dashboard.cli.main", "init", str(root)], check=True, capture_output=True
    )  # fmt: skip
    prompts = root / "prompts" / "support.jsonl"
    lines = prompts.read_text(encoding="utf-8").splitlines(keepends=True)
    prompts.write_text("".join(lines[:: len(lines) // PROMPTS][:PROMPTS]), encoding="utf-8")
    task = root / "task.toml"
    text = task.read_text(encoding="utf-8")
    task.write_text(re.sub(r"\[practice\.faults\].*?\n\n", "", text, flags=re.DOTALL), encoding="utf-8")
    with Workspace.open(root, Environment({})) as workspace:
        workspace.run(progress=Silent())
    return root


def without_gold(root: Path) -> None:
    """As if no row of a gold set said what people think of an answer."""
    _report(root, lambda report: report.model_copy(update={"fit": None, "gold": {}, "rows": 0}))


def with_five_judges(root: Path) -> Fit:
    """One that is right, two that are wrong more often than right, a coin, and one that obeys what it reads."""
    rng = np.random.default_rng(0)
    gold_I = np.where(rng.random(ROWS) < 0.55, 1.0, -1.0)
    shared_I = rng.random(ROWS)
    luck_IJ = np.where(rng.random((ROWS, 5)) < 0.7, shared_I[:, None], rng.random((ROWS, 5)))
    votes_IJ = np.where(luck_IJ < np.array([0.85, 0.36, 0.38, 0.5, 0.34]), gold_I[:, None], -gold_I[:, None])
    table = VoteTable(
        judges=JUDGES,
        votes_IJ=votes_IJ,
        gold_I=gold_I,
        clusters=tuple(map(str, range(ROWS))),
        slices=("plain", *["typo", "plain"] * 97, *["rare"] * 5)[:ROWS],
        lengths_I=rng.normal(0, 100, ROWS),
        flipped_IJ=(rng.random((ROWS, 5)) < np.array([0.05, 0.2, 0.6, 0.1, 0.2])).astype(float),
        unreadable_J=np.array([0, 1, 0, 2, 0]),
        asked_J=np.full(5, ROWS),
        canaries_J=((0, 20), (0, 20), (1, 20), (0, 20), (12, 20)),
    )
    found = fit(table, Rules(risk=0.05))
    said = {name: ["accept" if v > 0 else "reject" for v in votes_IJ[:, j]] for j, name in enumerate(JUDGES)}
    words = "qwen-max is of the family qwen, as is qwen3-1b (the base of the student)"
    refused = Refusal(judge="gullible", role="student", other="qwen3-1b", relation="family", words=words)

    def five(report: PanelReport) -> PanelReport:
        may = report.eligibility.model_copy(
            update={"refused": (refused,), "by_teacher": {"alder": (), "birch": ("sound",)}}
        )
        rubrics = dict.fromkeys(JUDGES, "0" * 64)
        return report.model_copy(
            update={"fit": found, "agreement": agreement_matrix(said), "eligibility": may, "rubrics": rubrics}
        )

    _report(root, five)
    return found


def _report(root: Path, change: Callable[[PanelReport], PanelReport]) -> None:
    with Store.open(root) as store:
        report, _ = newest_report(store)
        Panels(store.state).save(change(report).model_dump(mode="json"), {}, store.ledger)
