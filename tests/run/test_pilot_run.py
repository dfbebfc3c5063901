"""A pilot against the practice server over real HTTP: who is asked what, what it costs, and what is left behind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from curation.llm.practice.server import PracticeServer
from curation.pilot.asking import newest_pilot
from curation.pilot.report import PilotReport
from curation.store.replies import Replies
from curation.task import Environment
from curation.workspace import Workspace
from judges.gold import GoldService
from tests.run.conftest import practice_for

SOURCE = Path(__file__).parents[2] / "data" / "support"
PROMPTS, GOLD, LATENCY = 40, 36, 0.03
TASK = """
[task]
name = "support"
seed = 7

[prompts]
system = "You triage messages to the support of a shop. Answer with one JSON object."

[answer]
format = "json"
field = "intent"
extract = ["order_id"]
schema = { type = "object", required = ["intent"] }

[[teachers]]
name = "alder"
use = "practice"
model = "alder-large"
params = { max_tokens = 400 }
price = { input = 2.0, output = 8.0 }
n = 2

[[teachers]]
name = "birch"
use = "practice"
model = "birch-large"
params = { max_tokens = 400 }
price = { input = 0.2, output = 0.8 }

[sampling]
teachers_per_prompt = 1

[checks.refusal]

[protect]
files = []

[budget]
usd = 5.0

[practice]
key = "key.jsonl"
"""
JUDGE = """
[[judges]]
name = "dogwood"
use = "practice"
model = "dogwood-large"
rubric = "support"
"""
LOCKED = """
[[teachers]]
name = "locked"
use = "openai"
model = "alder-large"
base_url = "{url}/v1"
api_key_env = "BAD"
params = {{ max_tokens = 400 }}
"""


@dataclass(frozen=True)
class Piloted:
    """A workspace on which a pilot was run, the server it asked, and what it found."""

    root: Path
    server: PracticeServer
    environment: Environment
    report: PilotReport

    def open(self) -> Workspace:
        return Workspace.open(self.root, self.environment)


def make(root: Path, task: str, *, gold: int) -> Path:
    """A workspace with the first prompts of the shipped task; its gold rows are further prompts with their key."""
    key = [json.loads(line) for line in (SOURCE / "answer_key.jsonl").read_text(encoding="utf-8").splitlines()]
    (root / "prompts").mkdir(parents=True)
    (root / "task.toml").write_text(task, encoding="utf-8")
    lines = (SOURCE / "prompts.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (root / "prompts" / "support.jsonl").write_text("".join(lines[:PROMPTS]), encoding="utf-8")
    (root / "key.jsonl").write_text("\n".join(map(json.dumps, key[: PROMPTS + GOLD])), encoding="utf-8")
    rows = [{"id": k["id"], "text": k["text"], "answer": k["answer"]} for k in key[PROMPTS : PROMPTS + gold]]
    if rows:
        (root / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        (root / "judged.jsonl").write_text("\n".join(map(json.dumps, judged(rows))), encoding="utf-8")
        with Workspace.open(root, Environment({})) as opened:
            GoldService(opened.store).import_file(root / "gold.jsonl")
            GoldService(opened.store).import_file(root / "judged.jsonl", name="judged")
    return root


def judged(rows: list[dict]) -> Iterator[dict]:
    """Two answers to each gold row, the right one and one with another intent, as a person would judge them."""
    for row in rows:
        wrong = {**row["answer"], "intent": "other" if row["answer"]["intent"] != "other" else "refund_status"}
        for verdict, shown in (("accept", row["answer"]), ("reject", wrong)):
            ident = f"{row['id']}-{verdict}"
            yield {"id": ident, "text": row["text"], "answer": None, "shown": json.dumps(shown), "verdict": verdict}


@pytest.fixture(scope="module")
def piloted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Piloted]:
    root = make(tmp_path_factory.mktemp("pilot") / "a folder", TASK + JUDGE, gold=GOLD)
    with practice_for(root, latency_ms=1000 * LATENCY, jitter=False) as server:
        task = root / "task.toml"
        task.write_text(task.read_text(encoding="utf-8") + LOCKED.format(url=server.url), encoding="utf-8")
        environment = Environment({"STILLHOUSE_PRACTICE_URL": server.url, "BAD": "bad-key"})
        with Workspace.open(root, environment) as opened:
            report = opened.pilot(PROMPTS)
        yield Piloted(root, server, environment, report)


def test_every_teacher_is_asked_for_every_drawn_prompt_as_often_as_it_is_declared(piloted: Piloted):
    assert {t.teacher: t.answers for t in piloted.report.teachers} == {"alder": 80, "birch": 40, "locked": 0}


def test_a_teacher_whose_key_is_refused_is_one_row_and_hides_nobody(piloted: Piloted):
    locked = piloted.report.of_teacher("locked")
    assert locked is not None
    assert (locked.error or "").startswith("could not be asked: ")
    assert "auth" in (locked.error or "")
    assert locked.valid is None
    assert piloted.server.stats().by_status["401"] == 1
    assert any(s.startswith("locked: could not be asked") for s in piloted.report.sentences())


def test_latency_is_measured_for_every_answer_and_not_below_the_servers_own(piloted: Piloted):
    for name, answers in (("alder", 80), ("birch", 40)):
        seconds = piloted.report.of_teacher(name).seconds
        assert seconds.n == answers
        assert LATENCY <= seconds.p50 <= seconds.p95


def test_agreement_with_gold_and_the_judges_come_with_their_intervals(piloted: Piloted):
    for name in ("alder", "birch"):
        figures = piloted.report.of_teacher(name)
        assert figures.gold.n == GOLD
        assert figures.gold.low < figures.gold.share < figures.gold.high
        assert figures.rubric.n > 30
        assert f"{name}: agrees with gold {figures.gold.words}; a faithful student inherits the rest (n = {GOLD})" in (
            piloted.report.sentences()
        )
    (judge,) = piloted.report.judges
    assert judge.per_answer == 1


def test_a_pilot_seals_nothing_and_is_kept_as_a_run(piloted: Piloted):
    with piloted.open() as opened:
        assert opened.store.versions.head() is None
        assert [r["command"] for r in opened.store.runs.list()][:1] == ["pilot"]
        assert newest_pilot(opened.store) == piloted.report


def test_a_second_pilot_pays_for_nothing_and_finds_the_same(piloted: Piloted):
    with piloted.open() as opened:
        again = opened.pilot(PROMPTS)
    changing = {"calls", "cost_usd", "seconds"}
    assert again.calls <= 1  # the locked teacher is tried again
    assert again.cost_usd == 0
    assert again.model_dump(exclude=changing) == piloted.report.model_dump(exclude=changing)


def test_a_proposal_names_the_cheaper_teacher_unless_it_is_shown_to_be_worse(piloted: Piloted):
    route = piloted.report.route()
    shares = {c.teacher: c.share for c in route.candidates}
    assert set(shares) == {"alder", "birch"}
    worse = shares["birch"].high < shares["alder"].share
    assert route.proposed == ("alder" if worse else "birch")
    assert f"# [[teachers]] {route.proposed}" in piloted.report.toml


def test_advice_is_drawn_from_the_pilot(piloted: Piloted):
    with piloted.open() as opened:
        advice = opened.advise()
    tokens = piloted.report.of_teacher("alder").tokens
    assert advice.money.model == "alder"
    assert advice.verdict in {"no", "pilot more"}
    assert tokens.input > tokens.shared > 0


def test_what_a_pilot_bought_a_run_does_not_buy_again_and_gold_is_in_no_dataset(tmp_path: Path):
    root = make(tmp_path / "w", TASK, gold=GOLD)
    with practice_for(root) as server, Workspace.open(root, Environment({"STILLHOUSE_PRACTICE_URL": server.url})) as w:
        w.pilot(PROMPTS)
        report = w.run()
        prompts = w.samples()["prompt_id"].unique().to_list()
    assert report.calls == 0
    assert report.prompts == len(prompts) == PROMPTS
    assert not [name for name in prompts if name.startswith("gold:")]


def test_without_gold_or_judge_the_cost_is_that_of_the_ledger_and_what_is_missing_is_said(tmp_path: Path):
    root = make(tmp_path / "w", TASK, gold=0)
    with practice_for(root) as server, Workspace.open(root, Environment({"STILLHOUSE_PRACTICE_URL": server.url})) as w:
        report = w.pilot(PROMPTS)
        spent = Replies(w.store.replies_db).spending().known
    costs = sum(t.usd_per_1000 * t.answers / 1000 for t in report.teachers)
    assert costs == pytest.approx(spent, rel=0.001)
    said = report.sentences()
    assert "no gold yet: `stillhouse gold import FILE` makes one" in said
    assert "birch: no eligible judge, or none that has earned a vote on gold" in said
    assert report.route().measure == "valid answers"


def test_a_judge_out_of_reach_leaves_the_teachers_compared(tmp_path: Path):
    judge = JUDGE.replace('"practice"', '"openai"').replace("dogwood-large", "gpt-4o") + 'api_key_env = "NONE"\n'
    root = make(tmp_path / "w", TASK + judge, gold=0)
    with practice_for(root) as server, Workspace.open(root, Environment({"STILLHOUSE_PRACTICE_URL": server.url})) as w:
        report = w.pilot(4)
    assert any(note.startswith("step 'judges' was left out") for note in report.notes)
    assert all(t.valid is not None for t in report.teachers)
    assert report.route().words == "too few to tell (n = 4; 30 wanted)"
