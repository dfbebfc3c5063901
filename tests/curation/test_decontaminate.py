"""What resembles a protected text does not get in, and the evidence does not quote it."""

import json

from curation.decontaminate import ProtectStep
from curation.pipeline import apply
from curation.records import digest
from curation.task import ProtectTable
from tests.curation.rows import row, table

SECRET = "My parcel was left with a neighbour who has since moved away"
STEP = ProtectStep(ProtectTable(ngram=6), {"gold": [SECRET, "Hi"], "holdout.jsonl": ["Cancel order ORD-123456 now"]})


def states(*rows, step=STEP):
    after, decisions = apply(table(*rows), [step])
    return after["state"].to_list(), decisions


def test_an_equal_prompt_is_dropped_whatever_its_case_and_punctuation():
    found, decisions = states(
        row(1, prompt="cancel order ORD-123456, NOW!"), row(2, prompt="hi!"), row(3, prompt="Hi there")
    )
    assert found == ["dropped", "dropped", "kept"]
    evidence = [json.loads(e) for e in decisions["evidence"]]
    assert evidence[0] == {"set": "holdout.jsonl", "row": digest(["Cancel order ORD-123456 now"]), "match": "equal"}
    assert evidence[1]["set"] == "gold"


def test_a_shared_run_of_words_in_prompt_or_answer_is_dropped_and_a_shorter_one_is_not():
    quoting = "Hello, the parcel was left with a neighbour and I want it"
    found, decisions = states(
        row(1, prompt=quoting.replace("the parcel", "parcel")),
        row(2, prompt="It was left with a friend"),
        row(3, answer=f"You wrote: {SECRET}."),
        row(4, prompt="x", answer="y", system=SECRET),
    )
    assert found == ["dropped", "kept", "dropped", "kept"]
    assert decisions["number"].to_list() == [6, 6]
    assert "neighbour" not in "".join([*decisions["words"], *decisions["evidence"]])


def test_a_rewording_of_a_protected_prompt_goes_with_it():
    found, _ = states(
        row(1, prompt=SECRET), row(2, prompt="A neighbour took my package", parent="p1"), row(3, parent="p9")
    )
    assert found == ["dropped", "dropped", "kept"]


def test_with_nothing_protected_nothing_is_dropped_and_the_sets_are_described_without_their_texts():
    assert states(row(1), step=ProtectStep(ProtectTable(), {}))[0] == ["kept"]
    described = STEP.describe()
    assert [s["rows"] for s in described["sets"]] == [2, 1]
    assert "neighbour" not in json.dumps(described)
    other = ProtectStep(STEP.table, {**STEP.protected, "gold": [SECRET]})
    assert other.describe() != described
