"""The plan says what a run would ask and cost, and does none of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from curation import Workspace
from curation.errors import TaskError
from curation.llm.practice.server import PracticeServer
from curation.task import AnswerTable, Environment

KEYS = Environment({"OPENAI_API_KEY": "sk-nobody"})
ROOT = Path(__file__).parents[2]
TASK = """
[task]
name = "planned"

[[teachers]]
name = "alder"
use = "openai"
model = "alder-large"
base_url = "URL/v1"
price = { input = 0.2, output = 0.8 }
params = { max_tokens = 64 }
n = 2
region = "eu"
"""
BIRCH = """
[[teachers]]
name = "birch"
use = "anthropic"
model = "birch-large"
base_url = "URL"
price = { input = 0.3, output = 1.2 }
params = { max_tokens = 64 }
"""
JUDGE = """
[[judges]]
name = "dogwood"
use = "openai"
model = "dogwood-large"
base_url = "URL/v1"
price = { input = 0.1, output = 0.4 }
params = { max_tokens = 200 }
"""
BUDGET = "\n[budget]\nusd = 5.0\n"


def echo_server(**options) -> PracticeServer:
    return PracticeServer([], seed=1, answer=AnswerTable(), echo=True, **options)


def write(root: Path, task: str, prompts: int, url: str = "http://127.0.0.1:9") -> None:
    (root / "prompts").mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(task.replace("URL", url), encoding="utf-8")
    rows = [
        {"id": f"p{i}", "text": f"Where is my order number {i}? I have waited for {i} days."} for i in range(prompts)
    ]
    (root / "prompts" / "all.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in rows), encoding="utf-8")


def plan(root: Path):
    with Workspace.open(root, Environment({})) as opened:
        return opened.plan()


def run(root: Path):
    with Workspace.open(root, KEYS) as opened:
        return opened.run()


def by_purpose(report) -> dict[str, int]:
    counted: dict[str, int] = {}
    for line in report.lines:
        counted[line.purpose] = counted.get(line.purpose, 0) + line.calls
    return counted


def test_a_plan_asks_nobody_seals_nothing_and_is_no_run(tmp_path):
    with echo_server() as server:
        write(tmp_path, TASK + JUDGE + BUDGET, 10, server.url)
        report = plan(tmp_path)
        assert server.stats().by_status == {}
    assert by_purpose(report) == {"sample": 20, "judge": 20}
    with Workspace.open(tmp_path, Environment({})) as opened:
        assert opened.store.runs.list() == []
        assert opened.store.versions.list() == []
        assert opened.costs().spending.total == 0


def test_a_run_makes_the_calls_that_were_planned_and_pays_no_more_than_was_reserved(tmp_path):
    with echo_server() as server:
        write(tmp_path, TASK + BIRCH + BUDGET, 20, server.url)
        planned = plan(tmp_path)
        report = run(tmp_path)
    assert planned.calls == report.calls == 60
    assert 0 < report.cost_usd <= planned.usd_most
    assert planned.budget_usd == planned.left_usd == 5.0


def test_what_is_journalled_is_free_and_counted_apart_and_a_new_prompt_adds_exactly_its_own(tmp_path):
    with echo_server() as server:
        write(tmp_path, TASK + JUDGE + BUDGET, 10, server.url)
        run(tmp_path)
        after = plan(tmp_path)
        write(tmp_path, TASK + JUDGE + BUDGET, 11, server.url)
        grown = plan(tmp_path)
    assert (after.calls, after.usd_expected, after.usd_most, after.minutes) == (0, 0, 0, 0)
    assert after.hosts == ()
    assert by_purpose(grown) == {"sample": 2, "judge": 2}
    assert grown.journalled == after.journalled > 0


def test_without_a_reply_the_estimate_says_that_it_is_assumed_and_with_some_it_comes_from_them(tmp_path):
    with echo_server(latency_ms=20) as server:
        write(tmp_path, TASK + BUDGET, 20, server.url)
        blind = plan(tmp_path)
        run(tmp_path)
        before = sum(usd(tmp_path))
        write(tmp_path, TASK + BUDGET, 40, server.url)
        taught = plan(tmp_path)
        run(tmp_path)
        paid = sum(usd(tmp_path)) - before
    assert "assumed" in blind.lines[0].basis
    assert (blind.minutes, blind.no_minutes) == (
        None, "alder: no reply was timed yet; after `run --pilot` or a first run this is known",
    )  # fmt: skip
    assert taught.lines[0].basis == "from its last 40 replies"
    assert taught.usd_expected == pytest.approx(paid, rel=0.05)
    assert abs(blind.usd_expected - paid) > abs(taught.usd_expected - paid)
    assert 0 < taught.minutes < 1


def usd(root: Path) -> list[float]:
    with Workspace.open(root, Environment({})) as opened:
        return [line.usd for line in opened.costs().lines]


def test_a_model_without_a_price_is_named_with_what_to_write_and_makes_the_sum_unknown(tmp_path):
    unpriced = TASK.replace("URL/v1", "https://models.example.test/v1").replace("price = ", "# ")
    write(tmp_path, unpriced + BUDGET, 3)
    report = plan(tmp_path)
    assert (report.usd_expected, report.usd_most) == (None, None)
    (line,) = report.refused
    assert line.startswith("'alder': no price is known for alder-large at models.example.test")
    assert "price = { input" in line


def test_what_a_run_would_refuse_is_told_beforehand(tmp_path):
    write(tmp_path, TASK, 3)
    assert "has no budget" in plan(tmp_path).refused[0]
    write(tmp_path, TASK.replace("params = ", "# ") + BUDGET, 3)
    assert "has no max_tokens" in plan(tmp_path).refused[0]
    write(tmp_path, TASK + BUDGET + '[rules]\nregions = ["us"]\n', 3)
    assert "is in region 'eu'" in plan(tmp_path).refused[0]
    write(tmp_path, TASK, 0)
    with pytest.raises(TaskError, match="no prompts"):
        plan(tmp_path)


def test_bytes_are_told_per_host_with_region_retention_and_terms_and_what_stays_on_this_machine_says_so(tmp_path):
    away = BIRCH.replace("URL", "https://eu.example.test") + "zero_retention = true\n"
    write(tmp_path, TASK + away + BUDGET, 5)
    here, there = plan(tmp_path).hosts
    assert (here.host, here.leaves_house, here.region) == ("127.0.0.1:9", False, "eu")
    assert (there.host, there.leaves_house, there.region, there.zero_retention) == ("eu.example.test", True, None, True)
    lines = (tmp_path / "prompts" / "all.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = sum(len(json.loads(line)["text"]) for line in lines)
    assert there.bytes == prompts
    assert here.bytes == 2 * there.bytes
    assert there.terms


def test_rewordings_and_the_samples_of_variants_nobody_has_written_yet_are_counted(tmp_path):
    with echo_server() as server:
        write(tmp_path, TASK + BUDGET + "[vary]\nper_prompt = 1\n", 10, server.url)
        assert by_purpose(plan(tmp_path)) == {"vary": 10, "sample": 40}
        assert server.stats().by_status == {}


def test_requests_that_are_equal_are_planned_once(tmp_path):
    write(tmp_path, TASK + BUDGET, 1)
    row = json.loads((tmp_path / "prompts" / "all.jsonl").read_text())
    twice = "".join(f"{json.dumps({**row, 'id': name})}\n" for name in "ab")
    (tmp_path / "prompts" / "all.jsonl").write_text(twice)
    assert by_purpose(plan(tmp_path)) == {"sample": 2}


PLANNING = """
import sys
from pathlib import Path
from tests.bench.plan_memory import peak_mb
from curation import Workspace
from curation.task import Environment
import curation.money.plan
with Workspace.open(sys.argv[1], Environment({})) as opened:
    before = peak_mb(reset=True)
    print(opened.plan().calls, peak_mb() - before)
"""


@pytest.mark.parametrize(
    ("prompts", "most"),
    [(5_000, 100.0), pytest.param(500_000, 200.0, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_a_large_plan_is_streamed(tmp_path, prompts: int, most: float):
    write(tmp_path, TASK + BUDGET, prompts)
    done = subprocess.run(
        [sys.executable, "-c", PLANNING, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    calls, grown = done.stdout.split()
    assert int(calls) == 2 * prompts
    assert float(grown) <= most
