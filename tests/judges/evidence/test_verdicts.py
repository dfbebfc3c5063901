"""A file of somebody's own verdicts: what is read, what stops the replay, and what the figures mean."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from curation.errors import InputError
from curation.progress import Silent
from judges.evidence.verdicts import replay

Row = dict[str, Any]


def write(folder: Path, rows: list[Row]) -> Path:
    path = folder / "verdicts.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def figures(folder: Path, rows: list[Row]) -> Any:
    return replay(write(folder, rows), Silent()).figures


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"item": 1, "judge": "a"}], "jsonl:1: verdict: Field required"),
        ([{"item": 1, "verdict": "1"}], "jsonl:1: either `judge` or `rater`"),
        ([{"item": 1, "judge": "a", "rater": "b", "verdict": "1"}], "jsonl:1: either `judge` or `rater`"),
        ([{"item": 1, "judge": "a", "verdict": ["1"]}], "jsonl:1: verdict"),
        ([{"item": "", "judge": "a", "verdict": "1"}], "jsonl:1: item"),
        ([{"item": 1, "judge": "a", "verdict": "1", "order": "ab"}], "jsonl:1: order: .*'as_is' or 'swapped'"),
        ([{"item": 1, "judge": "a", "verdict": "1"}] * 2, "jsonl:2: a speaks of item 1 again"),
        (
            [{"item": 1, "judge": "a", "verdict": "1"}, {"item": 1, "judge": "a", "verdict": "1", "order": "swapped"}],
            "jsonl:2: a speaks of item 1 again",
        ),
        (
            [{"item": 1, "judge": j, "verdict": "1", "label": k} for j, k in (("a", 1), ("b", 2))],
            "jsonl:2: the label of item 1 is '2' here and '1' on line 1",
        ),
        (
            [{"item": 1, "judge": j, "verdict": "1", "cluster": k} for j, k in (("a", "x"), ("b", "y"))],
            "jsonl:2: the cluster of item 1",
        ),
        ([{"item": 1, "judge": "a", "verdict": 1}, {"item": 1, "rater": "a", "verdict": 1}], "a judge and a rater"),
    ],
)
def test_a_row_that_breaks_the_form_is_named_by_file_and_line(tmp_path: Path, rows: list[Row], words: str):
    with pytest.raises(InputError, match=words):
        replay(write(tmp_path, rows), Silent())


def test_a_line_that_is_no_json_is_named(tmp_path: Path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"item": 1, "judge": "a", "verdict": "1"}\n\nnot json\n')
    with pytest.raises(InputError, match=r"jsonl:3: not JSON"):
        replay(path, Silent())


def test_an_empty_file_is_a_stated_failure(tmp_path: Path):
    with pytest.raises(InputError, match="holds no rows"):
        replay(write(tmp_path, []), Silent())


def test_an_unreadable_verdict_is_unscored_and_never_a_vote(tmp_path: Path):
    said = [None, "", "unscored", "I cannot judge this", "accept", "Reject", "tie"]
    rows = [{"item": n, "judge": "a", "verdict": v, "label": "accept"} for n, v in enumerate(said)]
    judge = figures(tmp_path, rows)["judges"]["a"]
    assert judge["unscored"] == 4
    assert judge["votes_on_labelled"] == 2
    assert judge["accuracy"] == 0.5


def test_a_verdict_off_the_menu_is_unscored_though_the_labels_come_from_people(tmp_path: Path):
    people = [{"item": n, "rater": r, "verdict": "accept"} for n in range(25) for r in ("anna", "ben")]
    judges = [{"item": n, "judge": j, "verdict": "accept" if n else "perhaps"} for n in range(25) for j in ("a", "b")]
    found = figures(tmp_path, people + judges)
    assert found["menu"] == ["accept", "reject"]
    assert found["judges"]["a"]["unscored"] == 1
    assert found["labelled_items"] == 25
    assert found["panel"]["majority"] == 0.98


def test_what_most_raters_say_is_the_label_and_a_draw_is_none(tmp_path: Path):
    rows = [
        {"item": n, "rater": r, "verdict": v}
        for n, votes in enumerate(["aab", "ab", "bbb"])
        for r, v in zip("xyz", votes, strict=False)
    ]
    found = figures(tmp_path, [*rows, *({"item": n, "judge": "j", "verdict": "a"} for n in range(3))])
    assert found["labelled_items"] == 2
    assert found["judges"]["j"]["accuracy"] == 0.5


def test_a_judge_that_says_two_things_in_two_orders_has_no_vote(tmp_path: Path):
    rows = [
        {"item": n, "judge": "a", "order": o, "verdict": v, "label": "first"}
        for n, both in enumerate([("first", "first"), ("first", "second"), ("second", "second"), (None, "first")])
        for o, v in zip(("as_is", "swapped"), both, strict=True)
    ]
    judge = figures(tmp_path, rows)["judges"]["a"]
    assert judge["both_orders"] == 3
    assert judge["steady"] == pytest.approx(2 / 3, abs=1e-6)
    assert (judge["votes_on_labelled"], judge["accuracy"], judge["unscored"]) == (2, 0.5, 1)


def test_items_of_one_cluster_count_once_in_a_judge_s_interval(tmp_path: Path):
    rows = [{"item": n, "judge": "a", "verdict": 1, "label": 1 + n % 2} for n in range(40)]
    wide = [{**r, "cluster": f"c{r['item'] // 10}"} for r in rows]
    alone, grouped = (figures(tmp_path, r)["judges"]["a"] for r in (rows, wide))
    assert alone["accuracy"] == grouped["accuracy"] == 0.5
    assert grouped["high"] - grouped["low"] > 1.5 * (alone["high"] - alone["low"])


def panel(seed: int = 0) -> list[Row]:
    rng = random.Random(seed)
    rows: list[Row] = []
    for item in range(150):
        label = rng.choice(["accept", "reject"])
        trap = rng.random()
        for judge, share in (("good", 0.85), ("bad", 0.3), ("bad too", 0.3)):
            right = (trap if judge.startswith("bad") else rng.random()) < share
            said = label if right else {"accept": "reject", "reject": "accept"}[label]
            rows.append({"item": item, "judge": judge, "verdict": said, "label": label, "seen": "2026"})
    return rows


def test_the_panel_s_figures_show_that_a_majority_of_bad_judges_is_wrong(tmp_path: Path):
    found = figures(tmp_path, panel())
    shown = found["panel"]
    assert shown["best_single_judge"] == "good"
    assert shown["majority"] < 0.45
    assert shown["gold_weighted_40"] > 0.8
    assert shown["effective_votes"] < 3
    pair = next(p for p in found["agreement"]["pairs"] if {p["one"], p["other"]} == {"bad", "bad too"})
    assert (pair["same"], pair["kappa"], pair["ac1"]) == (1.0, 1.0, 1.0)
    assert found["fields_not_read"] == ["seen"]


def test_gold_labels_and_the_items_they_are_measured_on_share_no_cluster(tmp_path: Path):
    rows = [{**r, "cluster": "all one"} for r in panel()]
    assert figures(tmp_path, rows)["panel"]["gold_weighted_40"] is None


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"item": n, "judge": "a", "verdict": 1, "label": 1} for n in range(30)], "there is one judge"),
        ([{"item": 1, "judge": j, "verdict": 1, "label": 1} for j in "ab"], "1 items have a label"),
        (
            [{"item": n, "judge": j, "verdict": n % 3, "label": n % 3} for n in range(30) for j in "ab"],
            "needs two verdicts",
        ),
    ],
)
def test_why_nothing_is_said_of_a_panel_is_said(tmp_path: Path, rows: list[Row], words: str):
    found = replay(write(tmp_path, rows), Silent())
    assert found.figures["panel"] is None
    assert words in str(found.figures["no_panel_because"])
    assert any(words in line for line in found.remarks)


def test_verdicts_without_labels_still_show_who_agrees(tmp_path: Path):
    rows = [{"item": n, "judge": j, "verdict": n % 4 if j == "a" else n % 2} for n in range(40) for j in "ab"]
    found = figures(tmp_path, rows)
    assert found["judges"]["a"]["accuracy"] is None
    assert found["agreement"]["pairs"][0]["same"] == 0.5
    assert found["agreement"]["alpha"] is not None
