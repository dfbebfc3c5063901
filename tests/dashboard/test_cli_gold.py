"""The commands of the gold sets: made from files and studies, sealed, searched for wrong labels, begun by a person."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.store.gold import GoldItem
from curation.store.review_records import Design
from dashboard.cli.main import main
from judges.gold import GoldService
from judges.review import ReviewService
from tests.judges.starting import right, started


def call(*arguments) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def house(tmp_path):
    with started(tmp_path / "house") as opened:
        yield opened


@pytest.fixture
def said(house, capsys):
    """Runs a command in the workspace; what it printed, or with --json the object that ends it."""

    def run(*arguments):
        assert call("-C", house.root, *arguments) == 0
        out = capsys.readouterr().out
        return json.loads(out.splitlines()[-1]) if "--json" in arguments else out

    return run


@pytest.fixture
def refused(house, capsys):
    """Runs a command that is refused; its one line."""

    def run(*arguments):
        assert call("-C", house.root, *arguments) == 1
        seen = capsys.readouterr()
        assert (seen.out, seen.err.count("\n")) == ("", 1)
        return seen.err

    return run


def judge(house, study, n=99):
    """Vote as somebody who knows the key would; how many votes."""
    service = ReviewService(house.store)
    shown = service.next(study, "ana", n)
    return sum(service.vote(item.token, "ana", right(item.prompt, item.a)) for item in shown)


def file_of(tmp_path: Path, *rows) -> Path:
    path = tmp_path / "judged.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROW = {"id": "a", "text": "where is it", "answer": "track", "shown": "refund", "verdict": "reject", "slice": "plain"}


def test_a_closed_study_becomes_a_gold_set_with_slices_raters_and_its_guideline(house, said, refused, tmp_path):
    ReviewService(house.store).create("tone", kind="single", n=10, overlap=1)
    judge(house, "tone", 8)
    assert "review close tone" in refused("gold", "create", "--from", "tone")
    ReviewService(house.store).close("tone")
    rules = tmp_path / "rules.md"
    rules.write_text("Accept the right label.\n")
    told = said("gold", "create", "--from", "tone", "--slice-by", "label", "--guideline", rules, "--by", "ben")
    assert "version 1: 8 of 10 items kept, 8 new or changed" in told
    assert "0 tied, 0 called equal or both bad, 2 without a vote" in told
    listed = said("gold", "list", "--json")
    (found,) = listed["sets"]
    assert found["guideline"] == "Accept the right label.\n"
    assert listed["versions"][0]["guideline"]
    assert {s["slice"] for s in found["slices"]} <= {"refund", "track", "cancel"}
    assert sum(s["accepts"] + s["rejects"] for s in found["slices"]) == 8
    assert found["raters"] == [{"rater": "ana", "votes": 8, "as_decided": 8}]
    shown = said("gold", "list", "--items")
    assert "rejects" in shown
    assert f"guideline {listed['versions'][0]['guideline'][:12]}, 'Accept the right label.'" in shown


def test_verdicts_are_imported_and_wrong_ones_named(said, tmp_path):
    file = file_of(tmp_path, ROW, {**ROW, "id": "b", "verdict": "perhaps"})
    told = said("gold", "import", file)
    assert "1 rows kept" in told
    assert "set aside judged.jsonl:2: verdict: 'perhaps' is none of accept, reject, first, second" in told
    (item,) = said("gold", "list", "--items", "--json")["items"]
    assert (item["answer"], item["verdict"], item["judged"]["answers"]) == ("track", "reject", ["refund"])


def test_a_guideline_that_cannot_be_read_is_one_line(refused, tmp_path):
    line = refused("gold", "import", file_of(tmp_path, ROW), "--guideline", tmp_path / "nothing.md")
    assert "nothing.md cannot be read" in line


def test_a_sealed_set_is_marked_and_refuses_more(said, refused, tmp_path):
    file = file_of(tmp_path, ROW)
    said("gold", "import", file)
    assert "sealed at version 1, by maria" in said("gold", "seal", "--set", "gold", "--by", "maria")
    assert said("gold", "list", "--json")["sets"][0]["sealed"]["actor"] == "maria"
    assert "gold: sealed at version 1 by maria" in said("gold", "list")
    assert "start a new set: --set gold-2" in refused("gold", "add", "--id", "z", "--text", "x", "--answer", "refund")
    said("gold", "import", file, "--set", "gold-2")


def test_doubtful_labels_are_told_with_their_reasons_and_opened_for_a_second_look(house, said, refused, tmp_path):
    split = {**ROW, "verdict": "reject", "votes": {"ana": "reject", "ben": "accept"}}
    said("gold", "import", file_of(tmp_path, split, {**ROW, "id": "b", "text": "and now?"}))
    told = said("gold", "errors")
    assert re.sub(r"\s+", " ", told).count("1 of 2 raters said") == 1
    assert "gold errors --set gold --review STUDY" in told
    found = said("gold", "errors", "--review", "again", "--overlap", "1", "--json")
    assert [s["id"] for s in found["suspects"]] == ["a"]
    assert found["study"]["items"] == 1
    service = ReviewService(house.store)
    (item,) = service.next("again", "cy")
    service.vote(item.token, "cy", "accept")
    said("review", "close", "again")
    said("gold", "create", "--from", "again")
    assert said("gold", "errors") == "Nothing speaks against a label of gold set 'gold'\n"
    assert "nothing speaks against" in refused("gold", "errors", "--review", "more")


def test_what_raters_of_planted_copies_flagged_is_told_with_its_reason_once_the_study_is_closed(house, said, tmp_path):
    said("gold", "import", file_of(tmp_path, {**ROW, "verdict": "accept"}))
    service = ReviewService(house.store)
    service.create("seeded", kind="single", n=6, overlap=1, design=Design(gold="gold", gold_share=0.5))
    while offered := service.next("seeded", "cy"):
        for shown in offered:
            is_gold = shown.prompt == ROW["text"]
            service.vote(shown.token, "cy", "flag" if is_gold else "accept", "un\x1b[2Jsafe" if is_gold else None)
    assert said("gold", "errors") == "Nothing speaks against a label of gold set 'gold'\n"
    service.close("seeded")
    (found,) = said("gold", "errors", "--json")["suspects"]
    assert (found["id"], found["why"]) == (
        "a",
        "0 of 1 raters of planted copies said reject, 1 flagged it: un[2Jsafe",
    )
    assert "1 of 1 rows that something speaks against" in said("gold", "errors")


def test_rows_are_taken_out_after_a_dry_run_and_brought_back_by_undo(house, said, refused):
    gold = GoldService(house.store)
    name, ident = "gold", "g1"
    rows = [GoldItem(id=f"g{i}", text=f"question {i}", answer="refund") for i in range(3)]
    before = gold.add(name, rows, actor="ana")
    dry = said("gold", "remove", ident, "nobody", "--set", name, "--dry-run", "--json")
    assert (dry["rows"], dry["version"], dry["blocked"]) == (1, None, False)
    assert "1 of 2 ids are no rows of it: nobody" in dry["words"][-1]
    assert gold.versions(name)[-1] == before
    out = said("gold", "remove", ident, "--set", name, "--by", "maria")
    assert f"is at version {before.number + 1} with {before.items - 1} rows" in out
    assert said("gold", "undo", "--set", name, "--json")["version"] == before.number + 2
    assert gold.versions(name)[-1].digest == before.digest
    assert "no rows of it: nobody" in refused("gold", "remove", "nobody", "--set", name)


def test_gold_that_came_after_a_version_keeps_it_from_being_exported(house, refused, tmp_path):
    GoldService(house.store).import_file(file_of(tmp_path, {**ROW, "text": "Question 3!"}))
    line = refused("export", "head", "--format", "jsonl", "--out", tmp_path / "out.jsonl")
    assert "2 of the gold set 'gold'" in line
    assert "stillhouse run" in line


# --- gold start ----------------------------------------------------------------------------------------------------


def test_where_nobody_is_at_a_terminal_a_start_opens_the_study_and_says_what_to_do(house, said):
    told = said("gold", "start", "-n", "9")
    assert "Study 'gold-start' was opened: 0 votes, 9 of 9 samples left" in told
    assert "gold start --here" in told
    again = said("gold", "start", "--json")
    assert (again["study"], again["opened"], again["left"], again["gold"]) == ("gold-start", False, 9, None)
    judge(house, "gold-start")
    made = said("gold", "start", "--set", "first", "--slice-by", "label", "--json")
    assert (made["gold"]["name"], made["gold"]["rows"], made["next"].split()[-1]) == ("first", 9, "run")
    assert len(GoldService(house.store).judged("first")) == 9


class Terminal:
    """A command at a real (pseudo) terminal: what it printed so far, and keys to press."""

    def __init__(self, house, *arguments):
        ours, theirs = pty.openpty()
        line = [sys.executable, "-m", "dashboard.cli.main", "-C", str(house.root), *arguments]
        environment = {**os.environ, **house.environment.variables, "TERM": "dumb"}
        self.process = subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        os.set_blocking(ours, False)
        self.ours, self.text = ours, ""

    def until(self, words: str, seconds: float = 120) -> str:
        """Everything printed up to these words, after what was waited for before."""
        end = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < end, f"waited for {words!r}, saw {self.text!r}"
            try:
                self.text += os.read(self.ours, 65536).decode()
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # the other end is closed
                assert words in self.text, f"ended before {words!r}, saw {self.text!r}"
        seen, _, self.text = self.text.partition(words)
        return seen + words

    def press(self, key: str) -> None:
        os.write(self.ours, key.encode())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)


def answer(terminal: Terminal) -> str:
    """Read one sample off the terminal and press the right key; what was seen."""
    seen = terminal.until("q stop ").replace("\r", "")
    prompt, shown = re.search(r"left\)\n\n(.*)\n\n>>> (.*)\n", seen).groups()
    terminal.press(right(prompt, shown)[0])
    terminal.until("->")
    return seen


def test_a_person_at_the_terminal_judges_blind_sees_the_judges_and_can_stop_and_go_on(house):
    with Terminal(house, "gold", "start", "-n", "12", "--here", "--by", "ana") as terminal:
        first = answer(terminal)
        assert "Is this answer good enough to teach from?  (12 left)" in first
        assert not [w for w in ("zeta", "omega", "alder", "birch") if w in first]
        terminal.until("q stop ")
        terminal.press("u")
        terminal.until("(12 left)")
        terminal.until("q stop ")
        terminal.press("x")  # no key of ours: nothing happens
        terminal.press("q")
        assert "0 votes, 12 of 12 samples left" in terminal.until("samples left")
        assert terminal.process.wait(60) == 0
    with Terminal(house, "gold", "start", "--here", "--by", "ana") as terminal:
        for _ in range(10):
            answer(terminal)
        told = terminal.until("dogwood-judge: right on").replace("\r", "")
        assert "10 votes\n  cedar-judge: right on" in told
        for _ in range(2):
            answer(terminal)
        terminal.until("Gold set 'gold', version 1: 12 rows from 12 votes")
        assert terminal.process.wait(60) == 0
    assert len(GoldService(house.store).judged("gold")) == 12


def test_the_review_page_is_served_while_votes_are_watched_and_ends_with_the_last_one(house):
    pytest.importorskip("streamlit", reason="dashboard: streamlit is not installed")
    with Terminal(house, "gold", "start", "-n", "11") as terminal:
        terminal.until("?study=gold-start")
        terminal.until("what was answered stays.")
        assert judge(house, "gold-start", 10) == 10
        assert "  cedar-judge: right on" in terminal.until("dogwood-judge: right on")
        assert judge(house, "gold-start") == 1
        terminal.until("Gold set 'gold', version 1: 11 rows from 11 votes")
        assert terminal.process.wait(60) == 0


def test_ctrl_c_ends_the_page_and_says_how_to_go_on(house):
    pytest.importorskip("streamlit", reason="dashboard: streamlit is not installed")
    with Terminal(house, "gold", "start", "-n", "5") as terminal:
        terminal.until("what was answered stays.")
        judge(house, "gold-start", 2)
        time.sleep(1)
        terminal.process.send_signal(2)
        terminal.until("2 votes, 3 of 5 samples left")
        assert "review close gold-start" in terminal.until("gold create --from gold-start --set gold")
        assert terminal.process.wait(60) == 0
