"""Ways of asking: what each sends, which stages follow, and what is read out of the replies, over real HTTP."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from curation.asker import Ask, Asker
from curation.asking import Asking, Said, Way
from curation.checks.schema import compile_schema, worst
from curation.errors import ReplyUnreadable, TaskError
from curation.llm.openai_wire import is_strict
from curation.llm.practice import PROFILES, Faults, KeyEntry, PracticeServer, Profile
from curation.plugins import build, known
from curation.records import Alternative, Message, Prompt, Reply, Request, TokenLogprob
from curation.signals import mean_logprob, signal_of
from curation.task import AnswerTable, TeacherTable
from tests.curation.asking import asker_in

LABELS = ("refund", "delivery", "account", "invoice", "complaint", "other")
SCHEMA = {
    "type": "object",
    "properties": {"intent": {"type": "string", "enum": list(LABELS)}, "reply": {"type": "string"}},
    "required": ["intent", "reply"],
    "additionalProperties": False,
}
LABEL = AnswerTable(format="label", labels=LABELS)
JSON = AnswerTable(format="json", schema=SCHEMA, field="intent", labels=LABELS)
TEXT = AnswerTable()
NO_ERRORS = {name: Profile(wire=p.wire) for name, p in PROFILES.items()}
MODELS = ("alder-large", "birch-large", "cedar-large")
MESSAGE = "Where is order ORD-123456? It should have come on Monday."
PROMPT = Prompt(
    id="p",
    messages=(Message(role="system", content="You answer customers."), Message(role="user", content=MESSAGE)),
)
SETTINGS = {"clarify": {"label": "other", "field": "intent"}}


def way(name: str, **settings) -> Way:
    found = build("curation.teachers", name, settings, "test")
    assert isinstance(found, Way)
    return found


def reply(text: str, **fields) -> Reply:
    return Reply(**{"key": "k", "text": text, "stop": "end", "model": "m", **fields})


def entries(answer: AnswerTable, number: int = 8) -> list[KeyEntry]:
    def right(i: int):
        words = f"We are looking into it, case {i}."
        forms = {"label": LABELS[i % 6], "text": words, "json": {"intent": LABELS[i % 6], "reply": words}}
        return forms[answer.format]

    return [KeyEntry(id=f"p{i}", text=f"{MESSAGE} This is letter {i}.", answer=right(i)) for i in range(number)]


def practice(answer: AnswerTable, **settings) -> PracticeServer:
    return PracticeServer(entries(answer), seed=3, answer=answer, **{"profiles": NO_ERRORS, **settings})


def prompts(answer: AnswerTable) -> list[Prompt]:
    system = Message(role="system", content="You answer customers.")
    return [
        Prompt(id=e.id, messages=(system, Message(role="user", content=e.text))) for e in entries(answer)
    ]  # fmt: skip


def teacher(model: str = "alder-large", **fields) -> TeacherTable:
    params = {"max_tokens": 400} | fields.pop("params", {})
    return TeacherTable(**{"name": "t", "use": "practice", "model": model, "params": params, **fields})


def request(asker: Asker, model: TeacherTable, asking: Asking, index: int = 0) -> Request:
    table = model.model_copy(update={"params": {**model.params, **asking.params}})
    return asker.request(
        table, asking.messages, answer_schema=asking.answer_schema, index=index, template=asking.template
    )


def stages(asker: Asker, own: Way, prompt: Prompt, answer: AnswerTable, model: TeacherTable) -> list[Reply]:
    """Every stage of one prompt, asked one after another."""
    replies: list[Reply] = []
    asking: Asking | None = own(prompt, answer, model.n)
    while asking is not None:
        made = request(asker, model, asking)
        got = asker.ask([Ask(made, model)], "sample")[made.key]
        assert isinstance(got, Reply), got
        replies.append(got)
        asking = own.then(prompt, answer, replies)
    return replies


def said(root: Path, own: Way, answer: AnswerTable, model: TeacherTable, **settings) -> list[list[Said]]:
    """What every prompt's samples say, asked over HTTP."""
    with practice(answer, **settings) as server, asker_in(root, url=server.url) as asker:
        found: list[list[Said]] = []
        for prompt in prompts(answer):
            replies = stages(asker, own, prompt, answer, model)
            last = replies[own.final(replies)]
            found.append([own.read(last, answer, j) for j in range(model.n if own.many else 1)])
        return found


def right(answer: AnswerTable) -> list[str]:
    return [e.answer if isinstance(e.answer, str) else json.dumps(e.answer) for e in entries(answer)]


# --- what is sent ----------------------------------------------------------------------------------------------


def test_the_plain_way_keeps_the_request_keys_of_everything_that_was_ever_bought():
    asking = way("answer")(PROMPT, TEXT)
    assert asking.template == "b8bfc8bc4a80e7dd9cc7f811347d1ad5f0126033acd8722a1c3ef8b7c0b7b802"
    assert asking.messages == PROMPT.messages
    assert (asking.answer_schema, dict(asking.params)) == (None, {})
    assert way("answer")(PROMPT, JSON).answer_schema == SCHEMA


@pytest.mark.parametrize("answer", [TEXT, LABEL, JSON], ids=["text", "label", "json"])
@pytest.mark.parametrize("name", known("curation.teachers"))
def test_every_way_leaves_the_users_turns_alone_and_sends_a_schema_that_can_be_enforced(name, answer):
    asking = way(name, **SETTINGS.get(name, {}))(PROMPT, answer, 3)
    assert [m for m in asking.messages if m.role == "user"] == [PROMPT.messages[1]]
    assert asking.messages[0].content.startswith("You answer customers.")
    assert asking.answer_schema is None or is_strict(asking.answer_schema)
    without_system = Prompt(id="q", messages=PROMPT.messages[1:])
    assert way(name, **SETTINGS.get(name, {}))(without_system, answer, 3).messages[-1] == PROMPT.messages[1]


def test_ways_and_their_settings_have_different_keys_and_equal_ones_the_same():
    made = [way(n, **SETTINGS.get(n, {})) for n in known("curation.teachers")]
    made += [way("rationale", most_words=30), way("candidates", below=0.1)]
    keys = [str(w(PROMPT, TEXT, 2)) for w in made if w.plugin_name() != "critique"]
    assert len(set(keys)) == len(keys)
    assert way("rationale")(PROMPT, TEXT) == way("rationale")(PROMPT, TEXT, 1)


def test_an_unknown_setting_or_one_out_of_range_is_refused_by_name():
    with pytest.raises(TaskError, match="rounds"):
        way("critique", rounds=4)
    with pytest.raises(TaskError, match="did you mean 'rounds'"):
        way("critique", round=1)
    with pytest.raises(ValidationError):
        type(way("candidates"))(below=0)


def test_a_schema_that_points_to_its_own_parts_still_does_inside_the_wrapping():
    own = {
        "type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}, "first": {"$ref": "#/$defs/line"},
                       "again": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
        "required": ["lines", "first", "again"], "additionalProperties": False,
        "$defs": {"line": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
                           "additionalProperties": False}},
    }  # fmt: skip
    answer = AnswerTable(format="json", schema=own)
    good = {"lines": [{"n": 1}], "first": {"n": 2}, "again": {"lines": [], "first": {"n": 3}, "again": None}}
    bad = {**good, "again": {"lines": [], "first": {"n": "three"}, "again": None}}
    wrapped = {
        "rationale": lambda a: {"rationale": "r", "answer": a},
        "confidence": lambda a: {"answer": a, "confidence": 0.5},
        "candidates": lambda a: {"candidates": [{"answer": a, "probability": 0.5}]},
    }
    for name, wrap in wrapped.items():
        schema = way(name)(PROMPT, answer).answer_schema
        assert schema is not None
        assert is_strict(schema)
        validator = compile_schema(schema, name)
        assert worst(validator, wrap(good)) is None
        assert worst(validator, wrap(bad)) is not None


def test_a_json_task_without_a_schema_is_told_the_form_in_words_alone():
    asking = way("rationale")(PROMPT, AnswerTable(format="json"))
    assert asking.answer_schema is None
    assert '{"rationale":' in asking.messages[0].content


# --- over HTTP -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [TEXT, LABEL, JSON], ids=["text", "label", "json"])
@pytest.mark.parametrize("model", MODELS)
def test_a_rationale_stands_in_its_own_column_and_the_answer_is_what_it_is_without(tmp_path, model, answer):
    found = said(tmp_path, way("rationale"), answer, teacher(model))
    assert [s.text for (s,) in found] == right(answer)
    assert all(s.rationale and s.rationale not in s.text for (s,) in found)


@pytest.mark.parametrize("answer", [TEXT, LABEL, JSON], ids=["text", "label", "json"])
def test_a_stated_confidence_is_read_as_a_number_beside_the_answer(tmp_path, answer):
    found = said(tmp_path, way("confidence"), answer, teacher())
    assert [s.text for (s,) in found] == right(answer)
    assert all(s.confidence is not None and 0 <= s.confidence <= 1 for (s,) in found)


@pytest.mark.parametrize("answer", [TEXT, LABEL, JSON], ids=["text", "label", "json"])
def test_candidates_come_in_one_request_each_with_its_probability(tmp_path, answer):
    own = way("candidates")
    assert own.many
    found = said(tmp_path, own, answer, teacher(n=4, params={"max_tokens": 800}))
    assert [first.text for first, *_ in found] == right(answer)
    for group in found:
        assert len({s.text for s in group}) == 4
        assert sum(s.confidence or 0 for s in group) <= 1.01


@pytest.mark.parametrize("answer", [TEXT, LABEL, JSON], ids=["text", "label", "json"])
def test_n_choices_of_one_request_are_the_samples_that_n_requests_give_and_the_prompt_is_paid_once(tmp_path, answer):
    profiles = {"alder": Profile(wrong=0.5, voice=1.0)}
    own, model = way("together"), teacher(n=3)
    with practice(answer, profiles=profiles) as server, asker_in(tmp_path, url=server.url) as asker:
        for prompt in prompts(answer)[:3]:
            (together,) = stages(asker, own, prompt, answer, model)
            singly = [request(asker, model, way("answer")(prompt, answer), j) for j in range(3)]
            replies = asker.ask([Ask(r, model) for r in singly], "sample")
            alone = [replies[r.key] for r in singly]
            assert all(isinstance(r, Reply) for r in alone)
            assert [own.read(together, answer, j).text for j in range(3)] == [
                r.text for r in alone if isinstance(r, Reply)
            ]
            assert {r.usage.input for r in alone if isinstance(r, Reply)} == {together.usage.input}
        assert asker.calls == 3 * 4


def test_a_server_that_drops_n_leaves_the_samples_it_did_not_give_unreadable_by_number(tmp_path):
    faults = Faults(drops=("n",))
    with practice(TEXT, faults=faults) as server, asker_in(tmp_path, url=server.url) as asker:
        own = way("together")
        (got,) = stages(asker, own, prompts(TEXT)[0], TEXT, teacher(n=3))
    assert own.read(got, TEXT, 0).text == right(TEXT)[0]
    with pytest.raises(ReplyUnreadable, match="1 choices came, sample 3 was asked for; the server ignored n"):
        own.read(got, TEXT, 2)


def test_an_answer_without_problems_stands_and_costs_no_revision_and_a_wrong_one_is_mended(tmp_path):
    own, model = way("critique"), teacher()
    profiles = {"alder": Profile(wrong=0.5)}
    numbers: list[int] = []
    before, after = 0, 0
    with practice(LABEL, profiles=profiles) as server, asker_in(tmp_path, url=server.url) as asker:
        for prompt, correct in zip(prompts(LABEL), right(LABEL), strict=True):
            replies = stages(asker, own, prompt, LABEL, model)
            problems = json.loads(replies[1].text)["problems"]
            assert len(replies) == (3 if problems else 2)
            final = replies[own.final(replies)]
            assert final is replies[2 if problems else 0]
            assert own.read(final, LABEL, 0).text in LABELS
            before += replies[0].text == correct
            after += final.text == correct
            numbers.append(len(replies))
        plain = request(asker, model, way("answer")(prompts(LABEL)[0], LABEL))
        calls = asker.calls
        asker.ask([Ask(plain, model)], "sample")
        assert asker.calls == calls == sum(numbers)  # the first stage is what ask = "answer" sends
    assert set(numbers) == {2, 3}
    assert after > before


def test_a_revision_is_looked_at_again_as_often_as_rounds_says():
    own = way("critique", rounds=2, focus="tone")
    bad, good = reply('{"problems": ["rude"]}'), reply('{"problems": []}')
    turns = [reply("first"), bad, reply("second")]
    looked = own.then(PROMPT, TEXT, turns)
    assert looked is not None
    assert [m.role for m in looked.messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert [m.content for m in looked.messages if m.role == "assistant"] == ["first", bad.text, "second"]
    assert "above all tone" in looked.messages[-1].content
    assert own.then(PROMPT, TEXT, [*turns, bad, reply("third")]) is None
    assert own.then(PROMPT, TEXT, [*turns, good]) is None
    assert own.final([*turns, good]) == -2
    assert way("critique").then(PROMPT, TEXT, turns) is None
    with pytest.raises(ReplyUnreadable, match="no list of texts"):
        own.then(PROMPT, TEXT, [reply("first"), reply('{"problems": "many"}')])


def test_a_refusal_or_a_call_of_a_tool_is_not_criticized():
    own = way("critique")
    called = reply("", tool_calls=[{"name": "look_up", "arguments": "{}"}], stop="tool_call")
    assert own.then(PROMPT, TEXT, [reply("No.", stop="refusal")]) is None
    assert own.then(PROMPT, TEXT, [called]) is None


def test_what_the_teacher_is_told_about_asking_back_does_not_change_an_answer_that_can_be_given(tmp_path):
    found = said(tmp_path, way("clarify"), TEXT, teacher())
    assert [s.text for (s,) in found] == right(TEXT)


# --- asking back -----------------------------------------------------------------------------------------------

ASKS = AnswerTable(
    format="json",
    schema={
        "type": "object",
        "properties": {"reply": {"type": "string"}, "unclear": {"type": "boolean"},
                       "ask": {"type": ["string", "null"]}},
        "required": ["reply", "unclear", "ask"], "additionalProperties": False,
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"reply": "", "unclear": true, "ask": "Which order?"}', None),
        ('{"reply": "On its way.", "unclear": false, "ask": null}', None),
        ('{"reply": "On its way.", "unclear": false, "ask": " "}', None),
        ('{"reply": "", "unclear": true, "ask": null}', "'ask' asks nothing"),
        ('{"reply": "Yes.", "unclear": false, "ask": "Which order?"}', "'ask' asks something"),
        ('{"reply": "Yes.", "unclear": "no", "ask": null}', "'unclear' is not true or false"),
        ('{"reply": "Yes."}', "'unclear' is not true or false"),
        ("Which order?", "not JSON"),
    ],
)
def test_an_answer_that_asks_back_says_so_in_its_field_or_it_cannot_be_read(text, problem):
    own = way("clarify", field="unclear", question="ask")
    own(PROMPT, ASKS)
    if problem is None:
        assert own.read(reply(text), ASKS, 0).text == text
    else:
        with pytest.raises(ReplyUnreadable, match=problem):
            own.read(reply(text), ASKS, 0)


def test_a_task_whose_answer_has_no_place_to_ask_back_is_refused_before_anything_is_asked():
    with pytest.raises(TaskError, match=r"no field 'needs_clarification'.*field = .* Known: reply, unclear, ask"):
        way("clarify")(PROMPT, ASKS)
    with pytest.raises(TaskError, match="no field 'asks'; did you mean 'ask'"):
        way("clarify", field="unclear", question="asks")(PROMPT, ASKS)
    with pytest.raises(TaskError, match="with which label"):
        way("clarify")(PROMPT, LABEL)
    with pytest.raises(TaskError, match="'refunds' is not on the list; did you mean 'refund'"):
        way("clarify", label="refunds")(PROMPT, LABEL)


# --- what cannot be read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "text", "problem"),
    [
        ("rationale", LABEL, "refund", "not JSON"),
        ("rationale", LABEL, '["refund"]', "a JSON list, not an object"),
        ("rationale", LABEL, '{"answer": "refund"}', "'rationale' is missing"),
        ("rationale", LABEL, '{"rationale": "r", "answer": {"label": "refund"}}', "'answer' is an object, not text"),
        ("rationale", TEXT, '{"rationale": "r", "answer": "  "}', "'answer' is empty"),
        ("rationale", TEXT, '{"rationale": null, "answer": "a"}', "'rationale' is null"),
        ("rationale", JSON, '{"rationale": "r", "answer": "{}"}', "'answer' is text, not a JSON object"),
        ("confidence", TEXT, '{"answer": "a", "confidence": "high"}', "'confidence' is text, not a number"),
        ("confidence", TEXT, '{"answer": "a", "confidence": true}', "'confidence' is true or false"),
        ("confidence", TEXT, '{"answer": "a", "confidence": 95}', "'confidence' is 95, not between 0 and 1"),
        ("confidence", TEXT, '{"answer": "a", "confidence": NaN}', "NaN is not JSON"),
        ("confidence", TEXT, '{"answer": "a"}', "'confidence' is missing"),
        ("candidates", TEXT, '{"candidates": "a"}', "no list of candidates"),
        ("candidates", TEXT, '{"candidates": []}', "0 candidates came, sample 1 was asked for"),
        ("candidates", TEXT, '{"candidates": ["a"]}', "candidate 1 is not an object"),
        ("candidates", TEXT, '{"candidates": [{"answer": "a", "probability": 20}]}', "'probability' is 20"),
    ],
)
def test_a_reply_of_another_form_is_unreadable_and_says_what_was_found(name, answer, text, problem):
    with pytest.raises(ReplyUnreadable, match=problem):
        way(name).read(reply(text), answer, 0)


def test_fewer_candidates_than_asked_for_are_a_failure_of_those_that_did_not_come():
    two = reply(json.dumps({"candidates": [{"answer": a, "probability": 0.4} for a in ("one", "two")]}))
    own = way("candidates")
    assert [own.read(two, TEXT, j).text for j in range(2)] == ["one", "two"]
    with pytest.raises(ReplyUnreadable, match="2 candidates came, sample 3 was asked for"):
        own.read(two, TEXT, 2)


def test_what_the_provider_says_a_model_thought_is_the_rationale_where_the_way_has_none_of_its_own():
    thought = {"reasoning": "It is late."}
    assert way("answer").read(reply("a", **thought), TEXT, 0) == Said("a", "It is late.")
    assert way("clarify").read(reply("a", **thought), TEXT, 0).rationale == "It is late."
    stated = reply('{"answer": "a", "confidence": 0.7}', **thought)
    assert way("confidence").read(stated, TEXT, 0) == Said("a", "It is late.", 0.7)
    own = reply('{"rationale": "mine", "answer": "a"}', **thought)
    assert way("rationale").read(own, TEXT, 0).rationale == "mine"
    several = reply("a", others=(Alternative(text="b", stop="end"),), **thought)
    assert [way("together").read(several, TEXT, j).rationale for j in range(2)] == ["It is late.", None]


def test_an_inner_answer_keeps_its_letters():
    text = '{"rationale": "weil", "answer": {"intent": "other", "reply": "Grüße aus Köln"}}'
    assert way("rationale").read(reply(text), JSON, 0).text == '{"intent": "other", "reply": "Grüße aus Köln"}'


# --- the part of a reply that belongs to a sample ----------------------------------------------------------------


def tokens(*parts: tuple[str, float] | str, top: Sequence[tuple[str, float]] = ()) -> tuple[TokenLogprob, ...]:
    pairs = [(p, -0.5) if isinstance(p, str) else p for p in parts]
    return tuple(TokenLogprob(token=t, logprob=lp, top=((t, lp), *top)) for t, lp in pairs)


def test_log_probabilities_of_a_wrapped_answer_are_those_of_its_own_tokens():
    parts = ('{"rationale', '": "a refund', ' is due", "', 'answer": "', ("refund", -0.25), '"}')
    whole = reply("".join(p if isinstance(p, str) else p[0] for p in parts), logprobs=tokens(*parts))
    part = way("rationale").part(whole, 0)
    assert (part.text, mean_logprob(part)) == ("refund", -0.25)
    split = reply(
        '{"answer": "refund", "confidence": 0.9}',
        logprobs=tokens('{"answer":', ' "ref', 'und",', ' "confidence": 0.9}', top=((' "oth', -2.0), ("xx", -3.0))),
    )
    cut = way("confidence").part(split, 0).logprobs
    assert cut is not None
    assert next((t.token, t.top) for t in cut) == ("ref", (("ref", -0.5), ("oth", -2.0)))


def test_each_choice_and_each_candidate_has_its_own_stop_reason_calls_and_log_probabilities():
    other = Alternative(text="two", stop="length", logprobs=tokens(("two", -1.0)))
    both = reply("one", logprobs=tokens(("one", -0.1)), others=(other,), reasoning="r")
    first, second = (way("together").part(both, j) for j in range(2))
    assert (first.text, first.stop, mean_logprob(first)) == ("one", "end", -0.1)
    assert (second.text, second.stop, mean_logprob(second), second.reasoning) == ("two", "length", -1.0, None)
    texts = [
        '{"candidates": [{"answer": "',
        ("one", -0.1),
        '", "probability": 0.5}, {"answer": "',
        ("two", -2.0),
        '"}]}',
    ]
    listed = reply("".join(t if isinstance(t, str) else t[0] for t in texts), logprobs=tokens(*texts))
    assert [mean_logprob(way("candidates").part(listed, j)) for j in range(2)] == [-0.1, -2.0]
    assert way("candidates").part(listed, 2).logprobs is None


@pytest.mark.parametrize("answer", [LABEL, JSON], ids=["label", "json"])
@pytest.mark.parametrize("name", ["rationale", "confidence", "candidates"])
def test_the_signal_of_a_wrapped_answer_is_the_one_the_plain_answer_has(tmp_path, name, answer):
    model = teacher(params={"logprobs": True, "top_logprobs": 6, "max_tokens": 800})
    with practice(answer) as server, asker_in(tmp_path, url=server.url) as asker:
        for prompt in prompts(answer)[:3]:
            (plain,) = stages(asker, way("answer"), prompt, answer, model)
            (wrapped,) = stages(asker, way(name), prompt, answer, model)
            expected = signal_of(plain, answer)
            assert expected is not None
            assert signal_of(way(name).part(wrapped, 0), answer) == pytest.approx(expected, abs=1e-3)
