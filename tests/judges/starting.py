"""A workspace of a label task with a sealed version, judges on the practice server, and a person who knows the key."""

import json
from contextlib import contextmanager

import polars as pl

from curation.llm.practice.key import KeyEntry
from curation.llm.practice.profiles import PROFILES
from curation.llm.practice.server import PracticeServer
from curation.records import DECISIONS
from curation.task import AnswerTable, Environment
from curation.workspace import Workspace
from tests.judges.houses import samples

LABELS = ("refund", "track", "cancel")
MESSAGES = 16
KEY = [KeyEntry(id=f"p{i}", text=f"question {i}", answer=LABELS[i % 3], difficulty=0.5) for i in range(MESSAGES)]
SOUND = {n: p.model_copy(update={"judge": 0.05, "malformed": 0.0, "gullible": 0.0}) for n, p in PROFILES.items()}
TASK = """
[task]
name = "triage"
kind = "classify"

[answer]
format = "label"
labels = ["refund", "track", "cancel"]

[budget]
usd = 1.0

[[teachers]]
name = "teacher-zeta"
use = "practice"
model = "alder-large"

[[teachers]]
name = "teacher-omega"
use = "practice"
model = "birch-large"
"""
JUDGES = """
[[judges]]
name = "cedar-judge"
use = "practice"
model = "cedar-large"

[[judges]]
name = "dogwood-judge"
use = "practice"
model = "dogwood-large"
"""


def written(teacher, i):
    """The first teacher is always right, the second always wrong."""
    return LABELS[(i + teacher) % 3]


def right(prompt, answer):
    """What somebody who knows the key says about an answer."""
    return "accept" if answer == LABELS[int(prompt.split()[-1]) % 3] else "reject"


@contextmanager
def started(root, judges=JUDGES):
    """The opened workspace, beside the practice server that its judges are asked on."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(TASK + judges, encoding="utf-8")
    answer = AnswerTable(format="label", labels=LABELS)
    with PracticeServer(KEY, seed=1, profiles=SOUND, answer=answer) as server:
        environment = Environment({"STILLHOUSE_PRACTICE_URL": server.url})
        with Workspace.open(root, environment) as opened:
            frame = samples(MESSAGES, opened.store.sample_id, written)
            frame = frame.with_columns(
                labels=pl.Series([json.dumps({"label": a}) for a in frame["answer"]], dtype=pl.String)
            )
            opened.store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})
            yield opened
