"""Each arm is exactly the rows it says it is, and a holdout is read whole or not at all."""

import pytest

from curation.errors import InputError, TaskError
from curation.task import AnswerTable
from tests.training.teaching import LABELS, rows, sealed_store, task_of
from training.data import arm_rows, label_names, read_holdout, training_set
from training.failures import EmptyArm, UnknownLabel

ANSWER = AnswerTable(format="json", field="intent", labels=LABELS)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with sealed_store(tmp_path_factory.mktemp("arms")) as opened:
        yield opened


def test_raw_holds_every_readable_answer_whatever_became_of_it_and_counts_the_unreadable(store):
    raw = arm_rows(store, "head", "raw", task_of(store))
    assert (len(raw), raw.skipped) == (36, 1)


def test_curated_holds_the_kept_rows_and_control_the_rows_drawn_for_it(store):
    assert len(arm_rows(store, "head", "curated", task_of(store))) == 30
    assert len(arm_rows(store, "head", "control", task_of(store))) == 18


def test_arms_share_one_head_and_differ_in_the_digest_of_their_rows(store):
    arms = [arm_rows(store, "head", arm, task_of(store)) for arm in ("raw", "curated", "control")]
    assert {arm.label_names for arm in arms} == {LABELS}
    assert len({arm.digest for arm in arms}) == 3


def test_without_declared_labels_the_head_takes_the_schemas_and_then_those_that_occur(store):
    samples = store.versions.samples()
    schema = {"properties": {"intent": {"enum": ["refund", "delivery", "password", "other"]}}}
    declared = AnswerTable(format="json", field="intent", json_schema=schema)
    assert label_names(declared, samples) == ("refund", "delivery", "password", "other")
    assert label_names(AnswerTable(format="json", field="intent"), samples) == ("delivery", "password", "refund")


def test_a_kept_row_with_a_label_the_head_does_not_know_is_an_error_and_a_raw_one_is_skipped(store):
    narrow = AnswerTable(format="json", field="intent", labels=("refund", "delivery"))
    with pytest.raises(UnknownLabel, match="'password', which is none of the head's 2"):
        training_set(store.versions.samples(), "curated", narrow)
    assert training_set(store.versions.samples(), "raw", narrow).skipped == 13


def test_an_arm_without_a_row_is_refused(store):
    nobody = store.versions.samples().clear()
    with pytest.raises(EmptyArm, match="arm 'curated' has no labelled row"):
        training_set(nobody, "curated", ANSWER)


def test_free_text_answers_teach_no_classifier(store):
    with pytest.raises(TaskError, match="needs labels"):
        training_set(store.versions.samples(), "raw", AnswerTable())


def test_the_digest_covers_signals_too():
    soft = ([1.0, 0.0, 0.0],) * len(rows())
    assert rows(soft=soft).digest != rows().digest


def test_a_holdout_row_may_answer_with_the_whole_object_or_the_label_alone(tmp_path):
    path = tmp_path / "holdout.jsonl"
    path.write_text(
        '{"id":"a","text":"hi","cluster":"c1","answer":{"intent":"refund","urgency":"low"},"slices":["typos"]}\n'
        '{"id":"b","text":"ho","answer":"delivery"}\n',
        encoding="utf-8",
    )
    first, second = read_holdout(path, ANSWER)
    assert (first.expected, first.cluster, first.slices) == ("refund", "c1", ("typos",))
    assert (second.expected, second.cluster) == ("delivery", "b")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"id":"a","text":"hi","answer":"refund"}\nnot json\n', "holdout.jsonl:2"),
        (b'{"id":"a","text":"hi"}\n', "holdout.jsonl:1: a holdout row needs id, text, cluster and answer"),
        (b'{"id":"a","text":"hi","answer":{"urgency":"low"}}\n', "intent"),
        (b'{"id":"a","text":"x","answer":"refund"}\n' * 2, "two holdout rows are named 'a'"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_bad_holdout_is_refused_with_its_line(tmp_path, content, said):
    path = tmp_path / "holdout.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_holdout(path, ANSWER)
