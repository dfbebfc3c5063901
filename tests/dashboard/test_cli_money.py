"""What the command line says about money: the plan, the costs, and what nobody knows yet."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.llm.practice.profiles import Faults
from curation.llm.practice.server import PracticeServer
from curation.store.charges import Charge, Charges
from curation.store.store import Store
from curation.task import AnswerTable
from dashboard.cli.main import main
from dashboard.cli.money import dollars

TASK = """
[task]
name = "money"

[sampling]
attempts = 1

[[teachers]]
name = "alder"
use = "openai"
model = "alder-large"
base_url = "URL/v1"
price = { input = 0.2, output = 0.8 }
params = { max_tokens = 64 }

[budget]
usd = 0.5
"""


def echo_server(**options) -> PracticeServer:
    return PracticeServer([], seed=1, answer=AnswerTable(), echo=True, **options)


def write(root: Path, url: str, task: str = TASK) -> None:
    (root / "prompts").mkdir(exist_ok=True)
    (root / "task.toml").write_text(task.replace("URL", url), encoding="utf-8")
    rows = "".join(json.dumps({"id": f"p{i}", "text": f"question {i}"}) + "\n" for i in range(12))
    (root / "prompts" / "all.jsonl").write_text(rows, encoding="utf-8")


def call(root: Path, *arguments: str) -> int:
    try:
        main(["-C", str(root), *arguments])
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


def test_the_plan_names_calls_money_and_bytes_and_says_that_nothing_was_asked(capsys, tmp_path):
    write(tmp_path, "https://models.example.test")
    assert call(tmp_path, "run", "--plan") == 0
    out = capsys.readouterr().out
    assert "12 calls for 12 prompts; 0 answers are in the journal and free." in out
    assert "Budget: $0.500000, of which $0.500000 are left." in out
    assert "models.example.test" in out
    assert "bytes of prompts and answers leave the house" in out
    assert "Nothing was asked or spent." in out


def test_the_plan_ends_with_one_json_object_of_a_stated_shape(capsys, tmp_path):
    write(tmp_path, "https://models.example.test")
    assert call(tmp_path, "run", "--plan", "--json") == 0
    told = last_line(capsys)
    assert list(told) == [
        "prompts", "calls", "journalled", "input_tokens", "output_tokens", "usd_expected", "usd_most", "budget_usd",
        "left_usd", "minutes", "no_minutes", "models", "hosts", "refused",
    ]  # fmt: skip
    assert (told["calls"], told["minutes"], told["hosts"][0]["leaves_house"]) == (12, None, True)
    assert 0 < told["usd_expected"] < told["usd_most"] < 0.5


def test_the_plan_names_a_model_without_a_price_and_what_to_write(capsys, tmp_path):
    write(tmp_path, "https://models.example.test", TASK.replace("price =", "# "))
    assert call(tmp_path, "run", "--plan") == 0
    out = capsys.readouterr().out
    assert "Expected: unknown." in out
    assert "Refused as it stands: 'alder': no price is known for alder-large" in out


def test_cost_shows_what_every_model_took_and_what_the_budget_still_allows(capsys, tmp_path):
    with echo_server() as server:
        write(tmp_path, server.url)
        assert call(tmp_path, "run", "--json") == 0
        run = last_line(capsys)
        assert call(tmp_path, "cost", "--json") == 0
        told = last_line(capsys)
    (line,) = told["models"]
    assert (line["name"], line["purpose"], line["tier"], line["calls"]) == ("alder", "sample", "online", 12)
    assert told["known_usd"] == pytest.approx(run["cost_usd"], abs=1e-6)
    assert told["left_usd"] == pytest.approx(0.5 - told["known_usd"])
    assert told["runs"][0]["calls"] == 12
    assert call(tmp_path, "cost") == 0
    out = capsys.readouterr().out
    assert f"{dollars(told['known_usd'])} known" in out
    assert f"$0.500000 for this workspace; {dollars(told['left_usd'])} are left" in out


def test_cost_says_what_is_not_known_and_reconcile_settles_it_with_the_server(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("STILLHOUSE_PRACTICE_URL", raising=False)
    with echo_server(faults=Faults(garbage=0.4)) as server:
        write(tmp_path, server.url)
        assert call(tmp_path, "run", "--json") == 0
        capsys.readouterr()
        assert call(tmp_path, "cost") == 0
        out = capsys.readouterr().out
        assert "attempts whose cost is not known" in out
        assert "cost --reconcile" in out
        assert call(tmp_path, "cost", "--reconcile") == 0
        assert "it may still be worked on; ask again later" in capsys.readouterr().out
        assert call(tmp_path, "cost", "--reconcile", "--older-than", "0", "--json") == 0
        told = last_line(capsys)
    assert told["held_usd"] == 0
    assert told["reconciled"]["never_charged"] > 0


def test_hours_stand_in_the_same_ledger_and_are_said_to_be_outside_the_budget(capsys, tmp_path):
    write(tmp_path, "http://127.0.0.1:9")
    with Store.open(tmp_path) as store:
        Charges(store.replies_db).add(Charge("training", "curated-s1", 0.25, 3.0, detail="[hours] training"))
    assert call(tmp_path, "cost") == 0
    out = capsys.readouterr().out
    assert "curated-s1" in out
    assert "$0.750000 of machines, booked after the fact and not under the budget" in out
    assert call(tmp_path, "cost", "--json") == 0
    told = last_line(capsys)
    assert (told["hours_usd"], told["known_usd"], told["left_usd"]) == (0.75, 0, 0.5)


def test_a_run_books_the_hours_of_a_server_that_is_rented_by_the_hour_and_the_next_one_asks_it_nothing(
    capsys, tmp_path
):
    with echo_server(latency_ms=50) as server:
        write(tmp_path, server.url, TASK.replace("input = 0.2, output = 0.8", "hour = 3600"))
        for _ in range(2):
            assert call(tmp_path, "run", "--json") == 0
    capsys.readouterr()
    assert call(tmp_path, "cost", "--json") == 0
    told = last_line(capsys)
    (charge,) = told["charges"]
    assert (charge["kind"], charge["what"], charge["run"], charge["detail"]) == ("serving", "alder", 1, "price.hour")
    assert charge["usd"] == pytest.approx(charge["hours"] * 3600)
    assert 0.05 <= charge["usd"] < 60
    assert told["known_usd"] == 0


def test_money_is_shown_with_the_fractions_of_a_cent_that_single_replies_cost():
    assert [dollars(x) for x in (0.0, 0.000123, 0.5, 12.5, 1234.5, None)] == [
        "$0", "$0.000123", "$0.500000", "$12.5000", "$1,234.5000", "unknown",
    ]  # fmt: skip
