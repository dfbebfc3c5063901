"""Asking again only what has to be asked again, and never more at once than a provider bears."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from curation import Workspace
from curation.llm.practice import PROFILES, Limits, PracticeServer, Profile
from curation.run import scrub_text
from curation.task import AnswerTable, read_task
from tests.curation.asking import asker_in, asks, by_text, openai_model
from tests.curation.running import run, teacher, write
from tests.curation.scripted import Scripted, chat, error, said

ROOT = Path(__file__).parents[2]
TEXTS = [f"text {i}" for i in range(30)]
LONG = {t for t in TEXTS if t.endswith("7")}
"""What takes 80 tokens to answer; the others take 20."""


def answer(body):
    """An answer that says which cap it was bought under, and is cut where that is too small."""
    cut = said(body).strip() in LONG and body["max_tokens"] < 80
    return chat(f"about {said(body)} within {body['max_tokens']}", finish="length" if cut else "stop")


# --- max_tokens ----------------------------------------------------------------------------------------------------


def test_a_raised_max_tokens_asks_only_those_again_whose_replies_were_cut(tmp_path):
    """Regression 4.

    Mutation: curation/asker.py: if self._sampling.keep_untruncated: => if not self._sampling.keep_untruncated:
    Mutation: curation/llm/uncut.py: whole = {key: reply for key, reply in bought.items() if not _was_cut(reply)}
        => whole = bought
    """
    with Scripted(answer) as server:
        for cap, calls in ((50, 30), (100, 33), (200, 33), (100, 33), (25, 63), (200, 63)):
            with asker_in(tmp_path, truncated_retry_factor=1) as asker:
                wanted = asks(asker, openai_model(server.url, params={"max_tokens": cap}), TEXTS)
                replies = by_text(asker.ask(wanted, "sample"), wanted)
                assert (cap, server.calls) == (cap, calls)
                assert asker.recall(wanted)[0][-1].reply == replies["text 0"]
            if cap >= 100:
                assert {r.stop for r in replies.values()} == {"end"}
                within = {t: r.text.rpartition(" ")[2] for t, r in replies.items()}
                assert within == {t: "100" if t in LONG else "50" for t in TEXTS}


def test_where_the_task_says_so_a_raised_max_tokens_asks_everything_again(tmp_path):
    with Scripted(answer) as server:
        for cap, calls in ((50, 30), (100, 60)):
            with asker_in(tmp_path, truncated_retry_factor=1, keep_untruncated=False) as asker:
                asker.ask(asks(asker, openai_model(server.url, params={"max_tokens": cap}), TEXTS), "sample")
            assert server.calls == calls


def test_a_chain_that_was_cut_in_a_later_turn_goes_on_from_there_with_the_larger_cap(tmp_path):
    """The first reply is no JSON and is asked again; that answer was cut."""

    def two_turns(body):
        if len(body["messages"]) == 1:
            return chat("no JSON")
        cut = body["max_tokens"] < 80
        return chat('{"intent": "ref' if cut else '{"intent": "refund"}', finish="length" if cut else "stop")

    task = '[answer]\nformat = "json"\nfield = "intent"\n[sampling]\ntruncated_retry_factor = 1.0\n'
    with Scripted(two_turns) as server:
        for cap, calls, labels in ((50, 2, None), (100, 3, '{"intent":"refund"}'), (100, 3, '{"intent":"refund"}')):
            asked = teacher("a", server.url, params={"max_tokens": cap})
            _, samples, _ = run(write(tmp_path, task + asked, ["where is it?"]))
            assert (server.calls, samples[0]["labels"]) == (calls, labels)


def test_a_sample_keeps_its_name_and_its_request_when_only_max_tokens_was_raised(tmp_path):
    """Regression 4.

    Mutation: curation/sampling.py: row = self._row(p, turns[0].reply.key if turns else p.ask.request.key)
        => row = self._row(p, p.ask.request.key)
    """
    names: list[dict[str, str]] = []
    with Scripted(answer) as server:
        for cap in (50, 100):
            task = teacher("a", server.url, params={"max_tokens": cap}) + "[sampling]\ntruncated_retry_factor = 1.0\n"
            report, samples, _ = run(write(tmp_path, task, TEXTS))
            assert report.kept == 30
            names.append({s["prompt_id"]: s["id"] for s in samples})
    before, after = names
    assert {TEXTS[int(p[1:])] for p in before if before[p] != after[p]} == LONG
    with Workspace.open(tmp_path) as workspace:
        caps = {p: workspace.why(name)["request"]["params"]["max_tokens"] for p, name in after.items()}
    assert caps == {f"p{i}": 100 if t in LONG else 50 for i, t in enumerate(TEXTS)}


# --- kills ---------------------------------------------------------------------------------------------------------

COPIES, N = 3, 2
DUPLICATED = [text for text in (f"message {i}" for i in range(12)) for _ in range(COPIES)]
TASK = f"""
[[teachers]]
name = "alder"
use = "practice"
model = "alder-large"
n = {N}
concurrency = 2
params = {{ max_tokens = 50 }}

[dedup]
exact = false

[practice]
key = "practice/key.jsonl"
"""


def test_duplicated_prompts_asked_twice_each_and_killed_midway_end_as_all_their_samples(tmp_path):
    """Regression 7.

    Mutation: curation/sampling.py: self._seen[key, p.index] += 1 => self._seen[key, p.index] += 0
    """
    root = write(tmp_path, TASK, DUPLICATED)
    (root / "practice").mkdir()
    entries = [{"id": f"k{i}", "text": t, "answer": "fine"} for i, t in enumerate(sorted(set(DUPLICATED)))]
    (root / "practice" / "key.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries), encoding="utf-8")
    task = read_task(root / "task.toml")
    with practice_server(task, latency_ms=100) as server:
        environment = {**os.environ, "STILLHOUSE_PRACTICE_URL": server.url}
        command = [sys.executable, "-m", "dashboard.cli.main", "-C", str(root), "run", "--json"]
        killed = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        while server.stats().answered < 8:
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        asked_before = server.stats().answered
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        stats = server.stats()
    with Workspace.open(root) as workspace:
        samples = workspace.samples()
    assert samples.height == samples["id"].n_unique() == len(DUPLICATED) * N
    assert samples.select("prompt_id", "index").n_unique() == samples.height
    assert samples["state"].unique().to_list() == ["kept"]
    assert samples["request_key"].n_unique() == stats.answered - stats.answered_twice == 12 * N
    assert asked_before < 12 * N
    assert stats.answered_twice <= 2  # what was in flight at the kill


def practice_server(task, **settings) -> PracticeServer:
    from curation.llm.practice.server import server_for

    return server_for(task, scrub_text(task), **settings)


# --- limits --------------------------------------------------------------------------------------------------------

HIDDEN = 10


def test_a_limit_that_nobody_announces_is_found_and_kept_to(tmp_path):
    """Regression 17.

    Mutation: curation/llm/limits.py: near = min(REMEMBERED * self._ceiling, self._ceiling - 1.0)
        => near = float("inf")
    """
    profiles = {family: Profile(wire=profile.wire) for family, profile in PROFILES.items()}
    practice = PracticeServer(
        [], seed=5, answer=AnswerTable(), profiles=profiles, echo=True, latency_ms=50, limits=Limits(concurrency=HIDDEN)
    )
    with practice as server, asker_in(tmp_path, attempts=6) as asker:
        model = openai_model(f"{server.url}/v1", model="alder-large", concurrency=64)
        replies = asker.ask(asks(asker, model, [f"question {i}" for i in range(800)]), "sample")
        stats, limit = server.stats(), asker.models.opened(model).limiter.limit
    assert all(hasattr(reply, "text") for reply in replies.values())
    assert stats.most_in_flight == HIDDEN
    assert stats.by_status.get("429", 0) / sum(stats.by_status.values()) <= 0.02
    assert 0.75 * HIDDEN <= limit <= 1.25 * HIDDEN


# --- failures ------------------------------------------------------------------------------------------------------

FAULTS = {
    "unreadable": lambda: {"object": "error"},
    "server": lambda: error(500),
    "invalid_parameter": lambda: error(400, "invalid_value", "bad text"),
    "empty": lambda: chat(""),
}


def test_whatever_a_provider_does_instead_of_answering_it_is_a_failed_row_and_never_an_empty_answer(tmp_path):
    """Regression 18.

    Mutation: curation/sampling.py: row |= {"answer": None, "state": "failed", "reason": why[0], "step": "sample"}
        => row |= {"answer": ""}
    Mutation: curation/sampling.py: if not reading.reply.text.strip() and not reading.reply.tool_calls:
        => if not reading.reply:
    """

    def faulty(body):
        kind = said(body).strip()
        return FAULTS[kind]() if kind in FAULTS else chat(f"about {kind}")

    with Scripted(faulty) as server:
        task = teacher("a", server.url) + "[sampling]\nattempts = 2\n"
        report, samples, _ = run(write(tmp_path, task, [*TEXTS[:6], *FAULTS]))
    answers = {s["prompt_id"]: s for s in samples}
    assert (report.kept, report.failed) == (6, 4)
    assert [(answers[f"p{6 + i}"]["answer"], answers[f"p{6 + i}"]["reason"]) for i in range(4)] == [
        (None, kind) for kind in FAULTS
    ]
    assert not pl.DataFrame(samples).filter(pl.col("answer").str.strip_chars() == "").height


class Broken:
    """A provider of somebody's own, with a mistake in it."""

    name, host, api_version = "broken", "nowhere", "1"

    def __init__(self, *_: object) -> None:
        from curation.llm.limits import Pace

        self.pace = Pace()

    async def ask(self, request, attempt, wire):
        raise LookupError("a mistake")

    async def close(self) -> None:
        pass


def test_a_provider_with_a_mistake_of_its_own_stops_the_run_and_nothing_is_sealed(tmp_path):
    task = teacher("a", "http://127.0.0.1:9", use="tests.regressions.test_asking:Broken")
    write(tmp_path, task, TEXTS)
    with pytest.raises(LookupError, match="a mistake"):
        run(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        assert workspace.store.versions.list() == []
    with Scripted(answer) as server:
        report, _, _ = run(write(tmp_path, teacher("a", server.url), TEXTS))
    assert report.kept == 30
