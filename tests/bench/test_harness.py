"""The benchmarks' own rules: what a right row is, whose turn it is, what the line holds, when there is no ratio."""

import json
import sys
from pathlib import Path

import pytest

from curation.llm.practice.echo import echo_of
from tests.bench.harness import Missed, Peer, Result, Run, correct, in_turn, report, spend, texts, write_texts
from tests.bench.peers.rows import PARTS
from tests.bench.sampling_peers import OURS, result_of


def rows(asked: list[str], shift: int = 0) -> list[dict[str, str | None]]:
    """A row per prompt, with the answer to the prompt `shift` places further on."""
    turned = asked[shift:] + asked[:shift]
    return [{"text": text, "answer": echo_of(other)} for text, other in zip(asked, turned, strict=True)]


def run_at(rate: float, wrong: int = 0) -> Run:
    return Run(asked=100, correct=100 - wrong, rows=100 - wrong, row_cpu=(100 - wrong) / rate, row_wall=1.0, cpu=9.0)


def test_a_row_is_right_only_with_the_answer_to_its_own_prompt():
    asked = texts(5, "a")
    assert correct(asked, rows(asked)) == 5
    assert correct(asked, rows(asked, shift=1)) == 0


def test_a_missing_an_empty_and_a_doubled_row_are_not_right():
    asked = texts(4, "a")
    came = rows(asked)
    assert correct(asked, [came[0], {**came[1], "answer": None}, came[2], came[2]]) == 1


def test_no_two_prompts_are_alike_whatever_run_they_belong_to():
    assert len({*texts(50, "a"), *texts(50, "b")}) == 100


def test_prompts_are_written_with_the_part_of_the_run_they_belong_to(tmp_path: Path):
    write_texts(tmp_path / "prompts", {part: [part.upper()] for part in PARTS})
    told = [json.loads(line) for line in (tmp_path / "prompts").read_text().splitlines()]
    assert told == [{"text": part.upper(), "part": part} for part in PARTS]


def test_sides_take_turns():
    assert in_turn("AB", 3) == list("ABABAB")


def test_a_result_is_one_line_of_json_with_the_stated_keys(capsys: pytest.CaptureFixture[str]):
    code = report(lambda: Result("x", "rows", 3.0, 2.0, 1.5, {"deep": {"list": [1 / 3]}}), "x", "rows")
    told = capsys.readouterr().out
    assert code == 0
    assert told.count("\n") == 1
    assert json.loads(told) == {
        "name": "x", "ours": 3.0, "peer": 2.0, "ratio": 1.5, "unit": "rows", "detail": {"deep": {"list": [0.3333]}},
    }  # fmt: skip


def test_a_missed_side_condition_ends_with_1_and_without_a_ratio(capsys: pytest.CaptureFixture[str]):
    def measure() -> Result:
        raise Missed("2 rows are wrong", {"wrong": 2})

    assert report(measure, "x", "rows") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ratio"] is None
    assert told["detail"] == {"missed": "2 rows are wrong", "wrong": 2}


def test_ours_is_compared_with_the_fastest_peer_that_ran():
    runs = {OURS.name: [run_at(300), run_at(500), run_at(400)], "slow": [run_at(50)], "fast": [run_at(200)]}
    result = result_of(runs, {"gone": "does not install"}, {})
    assert (result.ours, result.peer, result.ratio) == pytest.approx((400, 200, 2))
    assert result.detail["fastest"] == "fast"
    assert result.detail["absent"] == {"gone": "does not install"}


@pytest.mark.parametrize("runs", [{OURS.name: [run_at(300)]}, {OURS.name: [run_at(300, wrong=1)], "fast": [run_at(9)]}])
def test_there_is_no_ratio_without_a_peer_or_with_a_wrong_row_of_ours(runs: dict[str, list[Run]]):
    with pytest.raises(Missed):
        result_of(runs, {}, {})


def test_the_cpu_of_a_process_left_behind_is_counted(tmp_path: Path):
    busy = "import time; end = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    leaver = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}]); print('bye')"
    spent = spend([sys.executable, "-c", leaver], tmp_path)
    assert (spent.code, spent.said) == (0, "bye\n")
    assert spent.cpu > 0.4


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    reason = Peer(str(tmp_path / "file" / "peer"), "ours", ("anything==1",)).install()
    assert reason is not None
    assert reason.startswith("does not install: ")
    assert "Not a directory" in reason
