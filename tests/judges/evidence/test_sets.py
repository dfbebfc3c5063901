"""Published figures of the other sets, and folders in which something is missing or wrong."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from curation.errors import InputError
from curation.progress import Silent
from judges.evidence.findings import Findings
from judges.evidence.sets import SETS, replay

CELLS = {"pandalm": 8, "xsum": 4, "xstest": 2, "prometheus": 2, "label_errors": 2}


def on_shared(name: str, shared: Path) -> Findings:
    return replay(name, None, shared, Silent())


@pytest.mark.parametrize("name", CELLS)
def test_every_published_figure_is_reproduced(name: str, shared_data: Path):
    found = on_shared(name, shared_data)
    assert [c.name for c in found.deviations] == []
    assert len(found.cells) == CELLS[name]
    assert not found.absent


def test_unreadable_verdicts_of_a_judge_are_kept_apart(shared_data: Path):
    judges: Any = on_shared("pandalm", shared_data).figures["judges"]
    gpt = judges["gpt-3.5-turbo"]
    assert gpt["unreadable"] == 25
    assert gpt["agreement_of_all"] == pytest.approx(697 / 999, abs=1e-6)
    assert gpt["agreement_of_readable"] == pytest.approx(697 / 974, abs=1e-6)
    assert judges["pandalm-7b"]["unreadable"] == 0


def test_null_votes_of_raters_are_not_made_up(shared_data: Path):
    figures = on_shared("xsum", shared_data).figures
    assert (figures["complete_items"], figures["null_votes"], figures["items_with_fewer_raters"]) == (1848, 33, 10)
    assert figures["items_with_two_or_more_votes"] == 1858


def test_both_judges_of_refusals_are_measured(shared_data: Path):
    llama: Any = on_shared("xstest", shared_data).figures["llama2orig"]
    assert llama["judges"]["string match"]["agreement"] == pytest.approx(361 / 450, abs=1e-6)
    assert llama["judges"]["GPT-4"]["agreement"] == pytest.approx(347 / 450, abs=1e-6)


# --- places --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_a_place_where_nothing_lies_is_named_with_the_usual_one(name: str, tmp_path: Path):
    usual = str(tmp_path / SETS[name].folder)
    with pytest.raises(InputError, match=r"no --data DIR was given.*STILLHOUSE_SHARED_DATA") as error:
        replay(name, None, tmp_path, Silent())
    assert usual in str(error.value)
    with pytest.raises(InputError, match=r"--data .*nowhere is no folder.*STILLHOUSE_SHARED_DATA") as error:
        replay(name, tmp_path / "nowhere", tmp_path, Silent())
    assert usual in str(error.value)
    with pytest.raises(InputError, match="a variable that is not set"):
        replay(name, None, None, Silent())


@pytest.mark.parametrize("name", SETS)
def test_an_empty_folder_says_which_file_it_lacks(name: str, tmp_path: Path):
    with pytest.raises(InputError, match=r"nothing to replay"):
        replay(name, tmp_path, None, Silent())


def test_an_unknown_name_is_told_the_nearest_one():
    with pytest.raises(InputError, match="did you mean 'pandalm'"):
        replay("pandlm", None, None, Silent())


# --- small folders -------------------------------------------------------------------------------------------------


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def test_a_judge_s_file_that_is_absent_is_said_and_its_figures_are_not_compared(shared_data: Path, tmp_path: Path):
    shutil.copy(shared_data / "pandalm" / "testset-v1.json", tmp_path)
    found = replay("pandalm", tmp_path, None, Silent())
    assert len(found.absent) == 2
    assert len(found.cells) == 6
    assert not found.deviations


def test_people_who_all_differ_have_no_majority(tmp_path: Path):
    people = [{"idx": n, "annotator1": 0, "annotator2": 1, "annotator3": 2 if n else 1} for n in range(3)]
    write_json(tmp_path / "testset-v1.json", people)
    write_json(tmp_path / "pandalm-7b-testset-v1.json", [{"idx": n, "pandalm_result": 1} for n in range(3)])
    found = replay("pandalm", tmp_path, None, Silent())
    judges: Any = found.figures["judges"]
    assert found.figures["no_majority"] == 2
    assert judges["pandalm-7b"]["pairs"] == 1
    assert found.deviations


@pytest.mark.parametrize(
    ("name", "file", "value", "words"),
    [
        (
            "pandalm",
            "testset-v1.json",
            [{"idx": 0, "annotator1": 1, "annotator2": 1}],
            "entry 1: annotator3: Field req",
        ),
        ("pandalm", "testset-v1.json", {}, "a JSON array of objects is expected"),
        ("prometheus", "flask_eval.json", [{"gpt4_score": 3}], "entry 1: gpt4_score"),
        ("label_errors", "mturk/news_mturk.json", [{"mturk": {"given": "many"}}], r"entry 1: mturk\.given"),
    ],
)
def test_an_entry_of_the_wrong_shape_is_named(tmp_path: Path, name: str, file: str, value: object, words: str):
    write_json(tmp_path / file, value)
    with pytest.raises(InputError, match=words):
        replay(name, tmp_path, None, Silent())


def test_a_file_that_is_no_json_is_named(tmp_path: Path):
    (tmp_path / "vicuna_eval.json").write_text("[{")
    with pytest.raises(InputError, match=r"vicuna_eval\.json: not JSON"):
        replay("prometheus", tmp_path, None, Silent())


def test_a_score_off_the_scale_makes_its_answer_incomplete(tmp_path: Path):
    scores = [[5, 5, 5], [5, 4, 4], [5, 1, 5], [5, 7, 5], [4, None, 4]]
    write_json(tmp_path / "new_eval.json", [{"gpt4_score": s} for s in scores])
    found = replay("prometheus", tmp_path, None, Silent())
    new: Any = found.figures["new_eval"]
    assert (new["incomplete"], new["all_equal"], new["within_one"]) == (2, 0.333333, 0.666667)
    assert found.absent == (str(tmp_path / "vicuna_eval.json"),)
    assert not found.cells


def test_labels_of_another_set_are_counted_without_published_figures(tmp_path: Path):
    votes = [{"given": 3, "guessed": 2}, {"given": 2, "guessed": 3}, {"given": 1, "neutral": 4}, {"given": 1}]
    write_json(tmp_path / "mturk" / "news_mturk.json", [{"mturk": v} for v in votes])
    found = replay("label_errors", tmp_path, None, Silent())
    news: Any = found.figures["news"]
    assert (news["examined"], news["not_confirmed"], news["corrected"], news["too_few_votes"]) == (3, 2, 1, 1)
    assert len(found.absent) == 1


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_votes_that_are_missing_leave_their_item_out_of_fleiss_kappa(tmp_path: Path):
    said = {"a": ["yes", "yes", "yes"], "b": ["no", "no", "NULL"], "c": ["no", "no"], "d": ["no", "no", "no"]}
    rows = [
        {"bbcid": item, "system": "s", "summary": "", "is_factual": v, "worker_id": f"wid_{n}"}
        for item, votes in said.items()
        for n, v in enumerate(votes)
    ]
    write_csv(tmp_path / "factuality_annotations_xsum_summaries.csv", rows)
    figures = replay("xsum", tmp_path, None, Silent()).figures
    assert (figures["complete_items"], figures["null_votes"], figures["items_with_fewer_raters"]) == (2, 1, 1)
    assert figures["fleiss_kappa"] == 1.0


def test_a_csv_without_a_needed_column_is_named_by_its_line(tmp_path: Path):
    write_csv(tmp_path / "factuality_annotations_xsum_summaries.csv", [{"bbcid": "1", "system": "s"}])
    with pytest.raises(InputError, match=r"\.csv:2: is_factual: Field required"):
        replay("xsum", tmp_path, None, Silent())


def test_a_model_with_one_judge_s_file_says_that_the_other_is_absent(tmp_path: Path):
    row = {"id": "1", "annotation_1": "1_full_compliance", "annotation_2": "1_full_compliance"}
    rows = [{**row, "final_label": "1_full_compliance", "gpt4_label": word} for word in ("1_full_compliance", "")]
    write_csv(tmp_path / "xstest_v2_completions_new_gpteval.csv", rows)
    found = replay("xstest", tmp_path, None, Silent())
    new: Any = found.figures["new"]
    assert new["judges"]["GPT-4"]["unreadable"] == 1
    assert new["judges"]["GPT-4"]["agreement"] == 1.0
    assert new["annotator_kappa"] is None
    assert any(place.endswith("new_streval.csv") for place in found.absent)
