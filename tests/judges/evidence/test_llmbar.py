"""LLMBar's replay: every published digit, panels per group, and sets that are larger or poorer than the one here."""

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from curation.errors import InputError
from curation.progress import Silent
from judges.evidence.llmbar import ballots_of, group_of, replay, strategy_of
from judges.evidence.llmbar_pairs import Pair
from judges.evidence.llmbar_published import recomputed

Entry = dict[str, Any]


def entry(**changes: Any) -> Entry:
    row = {"subset": "LLMBar/Natural", "item": 0, "judge": "a", "strategy": "Vanilla", "label": "1"}
    return {**row, "winner_as_is": "1", "winner_swapped": "1", **changes}


def as_published(rows: list[Entry]) -> dict[str, Any]:
    """One evaluator's figures, counted by other means: plain loops and scikit-learn."""
    n = len(rows)
    one = [r["winner_as_is"] for r in rows]
    two = [r["winner_swapped"] for r in rows]
    label = [str(r["label"]) for r in rows]
    coded = [[int(w == "1") for w in said] for said in (one, two)]
    truth = [int(x) for x in label]
    right = [sum(w == x for w, x in zip(said, label, strict=True)) for said in (one, two)]
    both = sum(a == b == x for a, b, x in zip(one, two, label, strict=True))
    equal = sum(a == b for a, b in zip(one, two, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where a kappa is undefined
        kappas = [float(cohen_kappa_score(c, truth)) for c in coded]
        agreement = float(cohen_kappa_score(*coded))
    return {
        "correct_False": f"{right[0]} / {n} = {right[0] / n * 100}%",
        "correct_True": f"{right[1]} / {n} = {right[1] / n * 100}%",
        "correct_average": f"{(right[0] + right[1]) / 2 / n * 100}%",
        "correct_both": f"{both} / {n} = {both / n * 100}%",
        "equal": f"{equal} / {n} = {equal / n * 100}%",
        "kappa_False": kappas[0],
        "kappa_True": kappas[1],
        "kappa_average": sum(kappas) / 2,
        "kappa_agreement": agreement,
    }


def write_set(folder: Path, rows: list[Entry], published: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "judgments_compact.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    if published:
        cells: dict[str, list[Entry]] = {}
        for r in rows:
            cells.setdefault(f"{r['subset']}/evaluators/{r['judge']}/{r['strategy']}", []).append(r)
        figures = {name: as_published(of) for name, of in cells.items()}
        (folder / "published_statistics.json").write_text(json.dumps(figures))
    return folder


def adversarial(seed: int = 0) -> list[Entry]:
    """Four subsets on which three related judges are fooled together, one is good, one is so-so and lacks a subset."""
    rng = random.Random(seed)
    right = {"good": 0.78, "fooled": 0.33, "fooled too": 0.33, "fooled as well": 0.4, "so-so": 0.58}
    rows: list[Entry] = []
    for subset, n in {"Neighbor": 90, "GPTInst": 60, "GPTOut": 40, "Manual": 40}.items():
        for item in range(n):
            label, trap = rng.choice("12"), rng.random()
            for judge, share in right.items():
                if judge == "so-so" and subset == "GPTOut":
                    continue
                luck = trap if judge.startswith("fooled") and rng.random() < 0.6 else rng.random()
                said = label if luck < share else "21"[int(label) - 1]
                other = said if rng.random() < 0.75 else "21"[int(said) - 1]
                if rng.random() < 0.03:
                    said = other = None
                # the labels of one subset are numbers, as in the published sets
                rows.append(
                    entry(
                        subset=f"LLMBar/Adversarial/{subset}", item=item, judge=judge, strategy="Vanilla_NoRules",
                        label=int(label) if subset == "Manual" else label, winner_as_is=said, winner_swapped=other,
                    )
                )  # fmt: skip
    return rows


def test_every_published_figure_of_the_shared_set_is_reproduced_to_the_last_digit(shared_data: Path):
    found = replay(shared_data / "llmbar", Silent())
    published = json.loads((shared_data / "llmbar" / "published_statistics.json").read_text())
    assert len(found.cells) == sum(len(figures) for figures in published.values())
    assert not found.deviations
    assert not found.absent


def test_panels_on_the_shared_set_have_the_known_figures(shared_data: Path):
    processed = replay(shared_data / "llmbar", Silent()).figures["Processed"]
    assert isinstance(processed, dict)
    assert processed["best_single_judge"] == "GPT-4"
    assert processed["strategy"] == "Vanilla_NoRules"
    assert processed["best_single"] == pytest.approx(0.781, abs=0.0005)
    assert processed["effective_votes"] == pytest.approx(1.44, abs=0.005)
    assert processed["gold_weighted_40"] >= processed["best_single"] - 0.01
    judges = processed["judges"]
    assert isinstance(judges, dict)
    kept = {name: (round(j["swap_consistent"], 3), round(j["coverage"], 3)) for name, j in judges.items()}
    assert kept == {
        "GPT-4": (0.836, 0.837), "ChatGPT": (0.842, 0.571), "PaLM2": (0.797, 0.657), "LLaMA2": (0.794, 0.646)
    }  # fmt: skip


def test_a_null_is_counted_as_published_and_yet_no_vote_in_our_figures(tmp_path: Path):
    rows = [entry(item=n, label="12"[n % 2], winner_as_is=None, winner_swapped=None) for n in range(4)]
    rows += [entry(item=n, label="1") for n in range(4, 10)] + [entry(item=10, label="2", winner_swapped=None)]
    found = replay(write_set(tmp_path, rows), Silent())
    assert not found.deviations
    equal = next(c for c in found.cells if c.name.endswith(" equal"))
    assert equal.ours == f"10 / 11 = {10 / 11 * 100}%"
    natural = found.figures["Natural"]
    assert isinstance(natural, dict)
    judge = natural["judges"]["a"]
    assert judge["unscored"] == 5
    assert judge["swap_consistent"] == 1.0
    assert judge["coverage"] == pytest.approx(6 / 11, abs=1e-6)
    assert judge["all_pairs"] == pytest.approx((6 + 5 / 2) / 11, abs=1e-6)


def test_a_published_digit_that_is_not_ours_is_named(tmp_path: Path):
    folder = write_set(tmp_path, [entry(item=n) for n in range(3)] + [entry(item=3, label="2")])
    published = json.loads((folder / "published_statistics.json").read_text())
    published["LLMBar/Natural/evaluators/a/Vanilla"]["equal"] = "3 / 4 = 75.0%"
    (folder / "published_statistics.json").write_text(json.dumps(published))
    told = replay(folder, Silent()).as_dict()
    assert told["deviations"] == 1
    assert told["figures"]["deviating"] == [
        {"name": "LLMBar/Natural/evaluators/a/Vanilla equal", "published": "3 / 4 = 75.0%", "ours": "4 / 4 = 100.0%"}
    ]


def test_adversarial_subsets_are_one_group_on_which_gold_weights_save_the_panel(tmp_path: Path):
    found = replay(write_set(tmp_path, adversarial()), Silent())
    assert not found.deviations
    assert list(found.figures) == ["Adversarial"]
    group = found.figures["Adversarial"]
    assert isinstance(group, dict)
    assert group["best_single_judge"] == "good"
    assert group["majority"] < 0.5
    assert group["gold_weighted_40"] > group["majority"] + 0.15
    assert group["gold_weighted_40"] > group["best_single"] - 0.03
    assert 1 < group["effective_votes"] < 5
    assert group["items"] == 230
    assert group["judges"]["so-so"]["asked"] == 190


def test_the_same_set_gives_the_same_figures_again(tmp_path: Path):
    folder = write_set(tmp_path, adversarial())
    assert replay(folder, Silent()).as_dict() == replay(folder, Silent()).as_dict()


def test_a_rating_that_ties_is_a_vote_for_nobody():
    rows = [entry(item=0, winner_as_is="2"), entry(item=1, winner_as_is="tie", winner_swapped="tie")]
    ballots = ballots_of([Pair.model_validate(r) for r in [*rows, entry(item=2, winner_as_is="A")]])
    assert np.isnan(ballots.votes_IJ).all()
    assert ballots.both_IJ.tolist() == [[True], [True], [False]]


def test_the_panel_s_strategy_is_one_that_all_judges_have():
    rows = [entry(judge=j, strategy=s, item=i) for j in "abc" for s in ("CoT", "Reference") for i in range(4)]
    rows += [entry(judge="a", strategy="Vanilla_NoRules", item=i) for i in range(4)]
    assert strategy_of([Pair.model_validate(r) for r in rows]) == "CoT"
    rows += [entry(judge=j, strategy="Vanilla", item=i) for j in "abc" for i in range(4)]
    assert strategy_of([Pair.model_validate(r) for r in rows]) == "Vanilla"


def test_judges_without_the_strategy_are_named(tmp_path: Path):
    rows = [entry(judge=j, item=i, label="12"[i % 2]) for j in "ab" for i in range(50)]
    rows += [entry(judge="c", strategy="CoT", item=i, label="12"[i % 2]) for i in range(50)]
    natural = replay(write_set(tmp_path, rows), Silent()).figures["Natural"]
    assert isinstance(natural, dict)
    assert natural["judges_without_this_strategy"] == ["c"]


@pytest.mark.parametrize(
    ("subset", "group"),
    [
        ("LLMBar/Natural", "Natural"),
        ("LLMBar/Adversarial/GPTOut", "Adversarial"),
        ("Dataset/LLMBar/Adversarial/Manual", "Adversarial"),
        ("Processed/LLMEval^2", "Processed"),
        ("CaseStudy/Base_9", "CaseStudy"),
        ("LLMBar", "LLMBar"),
    ],
)
def test_a_group_is_told_from_the_subset_s_name(subset: str, group: str):
    assert group_of(subset) == group


def test_a_group_too_small_to_draw_gold_from_says_so_with_null(tmp_path: Path):
    rows = [entry(judge=j, item=i, label="12"[i % 2]) for j in "ab" for i in range(30)]
    natural = replay(write_set(tmp_path, rows), Silent()).figures["Natural"]
    assert isinstance(natural, dict)
    assert natural["gold_weighted_40"] is None
    assert natural["majority"] == 0.5


def test_kappas_of_a_judge_that_always_says_the_same_are_compared_too():
    rows = [Pair.model_validate(entry(item=n, winner_as_is="1", winner_swapped="1")) for n in range(4)]
    ours = recomputed(rows)
    assert np.isnan(float(ours["kappa_agreement"]))


def test_what_is_absent_is_said_and_the_rest_is_measured(tmp_path: Path):
    folder = write_set(tmp_path, [entry(item=n, label="12"[n % 2]) for n in range(60)], published=False)
    found = replay(folder, Silent())
    assert found.absent == (str(folder / "published_statistics.json"),)
    assert found.as_dict()["cells"] == 0
    (folder / "published_statistics.json").write_text(
        json.dumps({"LLMBar/Adversarial/Manual/evaluators/GPT-4/CoT": {"equal": "1 / 1 = 100.0%"}})
    )
    assert replay(folder, Silent()).absent == (
        "verdicts of LLMBar/Adversarial/Manual/evaluators/GPT-4/CoT",
        "published figures of LLMBar/Natural/evaluators/a/Vanilla",
    )


def test_the_published_folders_can_be_read_without_the_compact_file(tmp_path: Path):
    place = tmp_path / "LLMBar" / "Natural" / "evaluators" / "a" / "Vanilla"
    place.mkdir(parents=True)
    said = [("1", "1"), ("1", "2"), (None, "1"), ("2", "2")]
    results = [
        {"label": 1, "results": ["lead-up", {"swap = False": {"winner": one}, "swap = True": {"winner": two}}]}
        for one, two in said
    ]
    (place / "result.json").write_text(json.dumps(results))
    rows = [entry(item=n, winner_as_is=one, winner_swapped=two) for n, (one, two) in enumerate(said)]
    (place / "statistics.json").write_text(json.dumps({"equal": as_published_equal(rows)}))
    found = replay(tmp_path, Silent())
    assert [(c.name, c.equal) for c in found.cells] == [("LLMBar/Natural/evaluators/a/Vanilla equal", True)]


def as_published_equal(rows: list[Entry]) -> str:
    same = sum(r["winner_as_is"] == r["winner_swapped"] for r in rows)
    return f"{same} / {len(rows)} = {same / len(rows) * 100}%"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([entry(), {"subset": "x"}], r"compact.jsonl:2: item: Field required"),
        ([entry(), entry()], r"compact.jsonl:2: .* speaks of item 0 again \(first: line 1\)"),
        ([entry(), entry(judge="b", label="2")], "two labels"),
    ],
)
def test_rows_that_cannot_be_right_are_named(tmp_path: Path, rows: list[Entry], words: str):
    with pytest.raises(InputError, match=words):
        replay(write_set(tmp_path, rows, published=False), Silent())


def test_an_empty_folder_is_a_stated_failure(tmp_path: Path):
    with pytest.raises(InputError, match="is absent"):
        replay(tmp_path, Silent())


@pytest.mark.parametrize(
    "changes",
    [{"label": "tie"}, {"winner_as_is": None, "winner_swapped": None}, {"winner_as_is": "3"}, {"winner_as_is": 2}],
)
def test_verdicts_that_say_nothing_leave_figures_null_and_stop_nothing(tmp_path: Path, changes: Entry):
    rows = [entry(judge=j, item=i, **changes) for j in "ab" for i in range(60)]
    told = replay(write_set(tmp_path, rows, published=False), Silent()).as_dict()
    json.dumps(told, allow_nan=False)
    assert told["figures"]["Natural"]["effective_votes"] is None
