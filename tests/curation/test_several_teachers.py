"""Several teachers: who answers where one fails, whose answer a sample is, and what must hold before the first call."""

import asyncio
import datetime

import pytest

from curation import Workspace
from curation.errors import ProviderError, TaskError, TermsConflict
from curation.store.replies import Replies
from tests.curation.running import run, teacher, write
from tests.curation.scripted import Scripted, chat, error, said

TEXTS = ["one", "two", "three", "four"]


def test_where_a_teacher_fails_or_declines_the_one_it_falls_back_to_answers_under_its_own_name(tmp_path):
    def first(body):
        if said(body) == "two":
            return error(400, "invalid_value", "bad text")
        reply = chat("from a")
        if said(body) == "three":
            reply["choices"][0] |= {"finish_reason": "content_filter"}
            reply["choices"][0]["message"]["content"] = ""
        return reply

    with Scripted(first) as a, Scripted(lambda body: chat("from b")) as b:
        toml = teacher("a", a.url, fallback="b") + teacher("b", b.url, model="other", tags=["never"])
        root = write(tmp_path, toml, TEXTS)
        report, samples, _ = run(root)
        assert [(s["teacher"], s["answer"]) for s in samples] == [
            ("a", "from a"), ("b", "from b"), ("b", "from b"), ("a", "from a"),
        ]  # fmt: skip
        assert (report.samples, report.kept, b.calls) == (4, 4, 2)
        run(root)
        assert b.calls == 2


def test_where_both_fail_the_sample_keeps_the_planned_teacher_and_its_reason(tmp_path):
    refuse = error(400, "invalid_value", "bad text")
    with Scripted(lambda body: refuse) as a, Scripted(lambda body: error(413, None, "too long")) as b:
        toml = teacher("a", a.url, fallback="b") + teacher("b", b.url, fallback="a", tags=["never"])
        report, samples, _ = run(write(tmp_path, toml, ["one"]))
    assert [(s["teacher"], s["state"], s["reason"]) for s in samples] == [("a", "failed", "invalid_parameter")]
    assert report.failed == 1


def test_a_fallback_must_be_another_teacher(tmp_path):
    with pytest.raises(TaskError, match="fallback 'b' is no other teacher"):
        run(write(tmp_path, teacher("a", "http://127.0.0.1:9", fallback="b"), TEXTS))


def test_every_sample_names_the_model_and_backend_that_answered_and_a_change_since_the_last_version_is_told(tmp_path):
    identity = {"model": "m-2026-01", "system_fingerprint": "fp_1"}
    with Scripted(lambda body: chat(f"about {said(body)}") | identity) as server:
        root = write(tmp_path, teacher("a", server.url), TEXTS)
        _, samples, told = run(root)
        assert {(s["model"], s["fingerprint"]) for s in samples} == {("m-2026-01", "fp_1")}
        assert not any("changed" in line for line in told)
        identity["system_fingerprint"] = "fp_2"
        _, samples, told = run(write(tmp_path, teacher("a", server.url), [*TEXTS, "five"]))
    (line,) = [line for line in told if "changed since version" in line]
    assert "m-2026-01 (fp_2)" in line
    assert samples[-1]["fingerprint"] == "fp_2"


@pytest.mark.parametrize(
    ("rules", "fields", "words"),
    [
        ('regions = ["eu"]', {}, "'a' states no region, and .* allows only eu"),
        ('regions = ["eu"]', {"region": "us"}, "'a' is in region 'us'"),
        ("zero_retention = true", {"region": "eu"}, "zero_retention = true"),
    ],
)
def test_a_teacher_that_breaks_the_rules_is_refused_before_the_first_call(tmp_path, rules, fields, words):
    with Scripted(lambda body: chat()) as server:
        toml = f"\n[rules]\n{rules}\n" + teacher("b", server.url, region="eu", zero_retention=True)
        with pytest.raises(TermsConflict, match=words):
            run(write(tmp_path, toml + teacher("a", server.url, **fields), TEXTS))
        assert server.calls == 0


def test_a_claude_teacher_with_temperature_is_refused_before_any_other_teacher_is_asked(tmp_path):
    with Scripted(lambda body: chat()) as server:
        claude = teacher("c", server.url, use="anthropic", model="claude-sonnet-4-5",
                         params={"max_tokens": 9, "temperature": 0.7})  # fmt: skip
        with pytest.raises(TaskError, match="claude-sonnet-4-5 takes no temperature"):
            run(write(tmp_path, teacher("a", server.url) + claude, TEXTS))
        assert server.calls == 0


def test_terms_region_and_retention_are_recorded_with_every_request(tmp_path):
    with Scripted(lambda body: chat()) as server:
        rules = '\n[rules]\nregions = ["eu"]\nzero_retention = true\n'
        root = write(tmp_path, rules + teacher("a", server.url, region="eu", zero_retention=True), TEXTS)
        _, samples, _ = run(root)
    with Workspace.open(root) as workspace:
        about = Replies(workspace.store.replies_db).about(samples[0]["request_key"])
    assert about is not None
    assert {k: about[k] for k in ("name", "terms", "region", "zero_retention")} == {
        "name": "a", "terms": "unknown", "region": "eu", "zero_retention": True,
    }  # fmt: skip


def test_raw_replies_past_their_days_are_erased_are_not_bought_again_and_the_sealed_samples_stay(tmp_path):
    with Scripted(lambda body: chat(f"about {said(body)}")) as server:
        root = write(tmp_path, teacher("a", server.url), TEXTS)
        first, before, _ = run(root)
        old = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=40)).isoformat()
        with Workspace.open(root) as workspace, workspace.store.replies_db.write() as connection:
            for table in ("requests", "replies"):
                connection.exec_driver_sql(f"update {table} set at = ?", (old,))
        write(tmp_path, "\n[rules]\nkeep_days = 30\n" + teacher("a", server.url), TEXTS)
        report, samples, told = run(root)
        assert server.calls == 4
    assert any("4 raw replies older than 30 days were erased" in line for line in told)
    assert (report.failed, {s["reason"] for s in samples}) == (4, {"erased"})
    with Workspace.open(root) as workspace:
        kept = workspace.samples(first.version).to_dicts()
        assert [s["answer"] for s in kept] == [s["answer"] for s in before]
        assert Replies(workspace.store.replies_db).spending().known == 0


def test_a_missing_key_of_one_teacher_costs_no_call_of_another(tmp_path):
    with Scripted(lambda body: chat()) as server:
        toml = teacher("a", server.url) + teacher("b", server.url, api_key_env="NOT_SET")
        with pytest.raises(ProviderError, match="NOT_SET is not set"):
            run(write(tmp_path, toml, TEXTS))
        assert server.calls == 0


def test_a_teacher_that_stops_the_run_lets_what_is_in_flight_elsewhere_come_home(tmp_path):
    async def slow(body):
        await asyncio.sleep(0.3)
        return chat("slow")

    refuse = error(401, "invalid_api_key", "wrong key")
    with Scripted(slow) as a, Scripted(lambda body: refuse) as b:
        root = write(tmp_path, teacher("a", a.url) + teacher("b", b.url), TEXTS)
        with pytest.raises(ProviderError, match=r"'b' .* refused"):
            run(root)
        assert (a.calls, b.calls) == (1, 1)
        with Workspace.open(root) as workspace, workspace.store.replies_db.read() as connection:
            assert connection.exec_driver_sql("select count(*) from replies").scalar_one() == 1
            assert connection.exec_driver_sql("select count(*) from claims").scalar_one() == 0
