"""Prompts planned in order, varied, and replies made into samples."""

import math

import polars as pl
import pytest

from curation.asker import Failure
from curation.llm.practice import KeyEntry, PracticeServer
from curation.records import DECISIONS, SAMPLES, Reply, TokenLogprob
from curation.sampling import Maker, Plan
from curation.signals import signal_of
from curation.store.replies import Claim, Settlement
from curation.task import AnswerTable
from curation.varying import vary_prompts
from tests.curation.asking import asker_in, replies_in
from tests.curation.test_reading import prompts_of, task_in


def test_a_plan_is_in_order_of_prompt_teacher_and_index_and_routes_by_tag(tmp_path):
    task = task_in(tmp_path, [{"id": "p1", "text": "one"}, {"id": "p2", "text": "two", "tags": ["hard"]}])
    with asker_in(tmp_path) as asker:
        planned = list(Plan(task, asker).samples(prompts_of(task)))
    assert [(p.position, p.teacher.name, p.index) for p in planned] == [
        (0, "a", 0), (0, "a", 1), (0, "b", 0),
        (1, "a", 0), (1, "a", 1), (1, "b", 0), (1, "c", 0),
    ]  # fmt: skip
    assert len({p.ask.request.key for p in planned}) == len(planned)


def test_a_number_of_teachers_per_prompt_is_drawn_by_weight_and_not_by_position(tmp_path):
    extra = "\n[sampling]\nteachers_per_prompt = 1\n"
    rows = [{"id": f"p{i}", "text": f"text {i}"} for i in range(2000)]
    task = task_in(tmp_path, rows, extra)
    prompts = prompts_of(task)
    with asker_in(tmp_path) as asker:
        chosen = {p.prompt.id: p.teacher.name for p in Plan(task, asker).samples(prompts)}
        later = {p.prompt.id: p.teacher.name for p in Plan(task, asker).samples(prompts[1000:])}
    share = sum(name == "a" for name in chosen.values()) / 2000
    assert share == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 2000))
    assert all(chosen[key] == name for key, name in later.items())


def test_rewordings_follow_their_parent_keep_its_numbers_and_are_asked_once(tmp_path):
    extra = '\n[vary]\nper_prompt = 2\nstyles = ["shorter", "more formal"]\n'
    texts = [f"Hi there. I can't find order ORD-10000{i}. Please help me asap." for i in range(5)]
    task = task_in(tmp_path, [{"id": f"p{i}", "text": t, "group": f"g{i}"} for i, t in enumerate(texts)], extra)
    prompts = prompts_of(task)
    entries = [KeyEntry(id=p.id, text=p.text, answer="refund") for p in prompts]
    practice = PracticeServer(entries, seed=1, answer=task.answer, vary=task.vary)
    with practice as server, asker_in(tmp_path, url=server.url) as asker:
        varied = vary_prompts(prompts, task, asker)
        calls = asker.calls
        assert [p.id for p in vary_prompts(prompts, task, asker)] == [p.id for p in varied]
        assert asker.calls == calls == 10
    assert [p.id for p in varied[:3]] == ["p0", "p0~0", "p0~1"]
    for prompt in varied:
        number = (prompt.parent or prompt.id)[1:]
        assert f"ORD-10000{number}" in prompt.text
        assert prompt.group == f"g{number}"
        assert prompt.messages[0].role == "system"


def test_replies_become_kept_rows_failures_failed_rows_and_silence_is_no_answer(tmp_path):
    task = task_in(tmp_path, [{"id": "p1", "text": "one"}, {"id": "p2", "text": "two", "tags": ["hard"]}])
    with asker_in(tmp_path) as asker:
        planned = list(Plan(task, asker).samples(prompts_of(task)))
        keys = [p.ask.request.key for p in planned]
        texts = dict.fromkeys(keys, "refund") | {keys[2]: " ", keys[3]: "a refund, I think"}
        replies, owner = replies_in(tmp_path), replies_in(tmp_path).new_owner()
        replies.commit(owner, [Claim(p.ask.request, "sample") for p in planned])
        stop = {keys[2]: "refusal"}
        answers = [Reply(key=k, text=texts[k], stop=stop.get(k, "end"), model="m") for k in keys if k != keys[1]]
        replies.commit(owner, settlements=[Settlement(r.key, "reply", reply=r) for r in answers])
        failures = {keys[1]: Failure(keys[1], "server", "500 no", 3)}
        maker = Maker(task.answer, asker.recall, lambda key, index: f"{key[:8]}{index}", failures)
        samples, decisions = maker.frames(planned)
    assert samples.schema == pl.Schema(SAMPLES)
    assert decisions.schema == pl.Schema(DECISIONS)
    assert samples["state"].to_list() == ["kept", "failed", "failed", "kept", "kept", "kept", "kept"]
    assert samples["reason"].to_list()[:3] == [None, "server", "empty"]
    assert samples["answer"].to_list()[:4] == ["refund", None, None, "a refund, I think"]
    assert samples["labels"].to_list()[:4] == ['{"label":"refund"}', None, None, None]
    assert decisions["number"].to_list() == [3.0, 1.0]


def reply_of(*tokens: tuple[str, float, dict[str, float]]) -> Reply:
    logprobs = tuple(
        TokenLogprob(token=t, logprob=math.log(p), top=tuple((o, math.log(q)) for o, q in {t: p, **top}.items()))
        for t, p, top in tokens
    )
    return Reply(key="k", text="".join(t for t, _, _ in tokens), stop="end", model="m", logprobs=logprobs)


LABELS = AnswerTable(format="label", labels=("card lost", "card stolen", "refund"))


@pytest.mark.parametrize(
    ("reply", "signal"),
    [
        (reply_of(("refund", 0.7, {"card": 0.2, "the": 0.1})),
         {"refund": 0.7 / 0.9, "card lost": 0.1 / 0.9, "card stolen": 0.1 / 0.9}),
        (reply_of(("card", 0.8, {"refund": 0.2}), (" lost", 0.75, {" stolen": 0.25})),
         {"refund": 0.2, "card lost": 0.6, "card stolen": 0.2}),
        (reply_of((" ref", 0.9, {" card": 0.1}), ("und", 0.5, {"usal": 0.5})),
         {"refund": 0.9, "card lost": 0.05, "card stolen": 0.05}),
    ],
)  # fmt: skip
def test_a_label_of_several_tokens_shares_the_mass_along_its_tokens(reply, signal):
    assert signal_of(reply, LABELS) == pytest.approx(signal, abs=1e-6)


def test_the_signal_of_a_json_answer_is_about_its_target_field_alone():
    answer = AnswerTable(
        format="json", field="intent",
        schema={"type": "object", "properties": {"intent": {"enum": ["refund", "other"]}, "why": {"type": "string"}}},
    )  # fmt: skip
    reply = reply_of(
        ('{"why', 1.0, {}), ('": "', 1.0, {}), ("other", 0.5, {"refund": 0.5}), ('", "intent": "', 1.0, {}),
        ("refund", 0.9, {"other": 0.1}), ('"}', 1.0, {}),
    )  # fmt: skip
    assert signal_of(reply, answer) == pytest.approx({"refund": 0.9, "other": 0.1})
    assert signal_of(reply.model_copy(update={"logprobs": None}), answer) is None
