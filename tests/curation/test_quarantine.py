"""A person rules on what a step held: the ruling is recorded once and carried by every later run."""

from typing import Literal

import polars as pl
import pytest

from curation.errors import InputError, UnknownRecord
from curation.pipeline import Outcome, apply
from curation.quarantine import Quarantine, RulingsStep
from curation.records import DECISIONS, SAMPLES, Decision, Message, decisions_frame, message_row
from curation.store.store import Store
from curation.task import read_task

TASK = """
[task]
name = "t"
[answer]
format = "label"
labels = ["refund", "delivery"]
[checks.length]
min_characters = 3
"""


class Hold:
    """A step that holds or drops the samples it is told to."""

    scope: Literal["sample", "table"] = "sample"

    def __init__(self, name: str, action: Literal["quarantine", "drop"], *prompts: str) -> None:
        self.name, self._action, self._prompts = name, action, prompts

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        mine = samples.filter(pl.col("prompt_id").is_in(self._prompts))["id"]
        said = f"{self.name} is unsure"
        decided = [Decision(sample=i, step=self.name, action=self._action, reason=self.name, words=said) for i in mine]
        return Outcome(decisions_frame(decided))

    def describe(self):
        return {}


@pytest.fixture
def store(tmp_path):
    (tmp_path / "task.toml").write_text(TASK)
    with Store.open(tmp_path) as opened:
        yield opened


def asked(store: Store) -> pl.DataFrame:
    """Three samples as sampling leaves them."""
    rows = [
        {
            **dict.fromkeys(SAMPLES),
            "id": store.sample_id(f"key-{p}", 0),
            "position": n,
            "teacher": "a",
            "index": 0,
            "prompt_id": p,
            "request_key": f"key-{p}",
            "messages": [message_row(Message(role="user", content=f"message {p}"))],
            "answer": "refund",
            "labels": '{"label":"refund"}',
            "state": "kept",
            "edited": False,
            "control": False,
        }
        for n, p in enumerate(("p1", "p2", "p3"))
    ]
    return pl.DataFrame(rows, schema=SAMPLES)


def sealed(store: Store, *steps) -> pl.DataFrame:
    """What a run of these steps leaves, by prompt, sealed as the newest version."""
    task = read_task(store.layout.task)
    rulings = RulingsStep(store, task.answer)
    samples, decisions = apply(asked(store), steps, rulings.overrule)
    described = [{"name": s.name, **s.describe()} for s in [*steps, rulings]]
    store.versions.seal(samples, decisions, recipe="0" * 64, steps=described, facts={})
    return samples


def state_of(samples: pl.DataFrame, prompt: str) -> tuple[str, str | None]:
    row = samples.row(by_predicate=pl.col("prompt_id") == prompt, named=True)
    return row["state"], row["answer"]


def of(store: Store) -> Quarantine:
    return Quarantine(store, read_task(store.layout.task))


def test_a_held_sample_is_listed_with_what_was_asked_answered_and_doubted(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    (row,) = of(store).waiting().to_dicts()
    assert (row["prompt"], row["answer"], row["words"]) == ("message p2", "refund", "judges is unsure")
    assert row["ruling"] is None


def test_an_approved_sample_is_kept_by_the_next_run_and_says_who_approved_it(store):
    sealed(store, Hold("judges", "quarantine", "p2", "p3"))
    of(store).approve(store.sample_id("key-p2", 0), by="maria", why="clear to me")
    samples = sealed(store, Hold("judges", "quarantine", "p2", "p3"))
    assert [state_of(samples, p)[0] for p in ("p1", "p2", "p3")] == ["kept", "kept", "quarantined"]
    (decision,) = store.versions.decisions().filter(pl.col("step") == "rulings").to_dicts()
    assert decision["words"] == "maria approved what judges held: judges is unsure"
    assert '"why":"clear to me"' in decision["evidence"]


def test_a_corrected_sample_is_kept_with_the_persons_answer(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    of(store).correct(store.sample_id("key-p2", 0), "delivery", by="maria")
    samples = sealed(store, Hold("judges", "quarantine", "p2"))
    assert state_of(samples, "p2") == ("kept", "delivery")
    row = samples.row(by_predicate=pl.col("prompt_id") == "p2", named=True)
    assert (row["labels"], row["edited"], row["signal"]) == ('{"label":"delivery"}', True, None)
    assert state_of(samples, "p1") == ("kept", "refund")


def test_an_approved_sample_must_still_pass_every_later_step(store):
    sealed(store, Hold("scrub", "quarantine", "p2"))
    of(store).approve(store.sample_id("key-p2", 0), by="maria")
    samples = sealed(store, Hold("scrub", "quarantine", "p2"), Hold("protect", "drop", "p2"))
    assert state_of(samples, "p2")[0] == "dropped"


def test_a_ruling_changes_nothing_but_the_sample_it_is_about(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    of(store).correct(store.sample_id("key-p2", 0), "delivery", by="maria")
    samples = sealed(store)
    assert state_of(samples, "p2") == ("kept", "refund"), "nothing held it this time, so nothing is overruled"
    assert store.versions.decisions().is_empty()


def test_the_newest_ruling_holds_and_each_is_in_the_ledger(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    of(store).correct(store.sample_id("key-p2", 0), "delivery", by="maria")
    of(store).approve(store.sample_id("key-p2", 0), by="ben")
    assert of(store).waiting()["ruling"].to_list() == ["approve"]
    assert [(e.actor, e.body["ruling"]) for e in store.ledger.events("quarantine")] == [
        ("maria", "correct"),
        ("ben", "approve"),
    ]
    assert store.ledger.verify() == []


def test_a_correction_that_the_task_would_drop_is_refused(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    with pytest.raises(InputError, match="none of the 2 labels"):
        of(store).correct(store.sample_id("key-p2", 0), "delivry", by="maria")


def test_only_a_held_sample_can_be_ruled_on(store):
    sealed(store, Hold("judges", "quarantine", "p2"))
    with pytest.raises(UnknownRecord, match="quarantine list"):
        of(store).approve(store.sample_id("key-p1", 0), by="maria")


def test_a_step_that_decides_nothing_gives_typed_decisions(store):
    outcome = RulingsStep(store, read_task(store.layout.task).answer)(asked(store))
    assert outcome.decisions.schema == pl.Schema(DECISIONS)
