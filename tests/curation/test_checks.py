"""Each check objects to what it is for, says so in words with the number that decided, and lets the rest pass."""

import csv
import json
from pathlib import Path

import pytest

from curation.answers import parse_answer
from curation.checking import ChecksStep, Drop, Quarantine
from curation.checks.confidence import Confidence
from curation.checks.language import Language, language_of
from curation.checks.length import Length
from curation.checks.numeric import Numeric, final_number
from curation.checks.refusal import Refusal, declines
from curation.checks.repetition import Repetition
from curation.checks.schema import Schema
from curation.checks.tool_call import ToolCalls
from curation.checks.truncated import Truncated
from curation.errors import ReplyUnreadable, TaskError
from curation.pipeline import apply
from curation.plugins import build, known
from curation.task import AnswerTable
from tests.curation.rows import row, sample, table

TEXT = AnswerTable()
SCHEMA = {
    "type": "object",
    "required": ["intent", "urgency"],
    "properties": {"intent": {"type": "string"}, "urgency": {"enum": ["low", "high"]}, "reply": {"$ref": "#/$defs/r"}},
    "$defs": {"r": {"type": "string", "maxLength": 20}},
    "additionalProperties": False,
}
JSON = AnswerTable.model_validate(
    {"format": "json", "schema": SCHEMA, "field": "intent", "labels": ["refund", "other"]}
)


def verdict(check, the_sample, answer=TEXT):
    return check.open(answer)(the_sample)


def json_sample(**labels):
    return sample(json.dumps(labels), labels=labels)


# --- the step --------------------------------------------------------------------------------------------------


def test_a_dropped_sample_says_which_check_dropped_it_and_why():
    step = ChecksStep([("length", Length()), ("short", Length(min_characters=5))], TEXT)
    samples, decisions = apply(table(row(1, answer="ok"), row(2)), [step])
    assert samples.select("state", "reason", "step").rows() == [
        ("dropped", "too_short", "checks"),
        ("kept", None, None),
    ]
    decision = decisions.row(0, named=True)
    assert decision["words"] == "answer has 2 characters, fewer than 5"
    assert decision["number"] == 2
    assert json.loads(decision["evidence"]) == {"check": "short"}


def test_a_check_may_hold_a_sample_for_a_person_instead():
    samples, _ = apply(table(row(1, answer="")), [ChecksStep([("length", Length(action="quarantine"))], TEXT)])
    assert samples["state"].to_list() == ["quarantined"]


@pytest.mark.parametrize("name", known("curation.checks"))
def test_every_check_is_built_from_task_toml_and_passes_a_plain_good_answer(name):
    step = ChecksStep([(name, build("curation.checks", name, {}, name))], TEXT)
    calls = '[{"name":"track","arguments":"{}","id":""}]'
    tools = [{"name": "track", "input_schema": {}}]
    fields = {"answer": "4", "tools": tools}
    good = row(1, "Where are my 4 parcels?", "Your parcel is on its way. #### 4", tool_calls=calls, fields=fields)
    assert step(table(good)).decisions.is_empty()
    assert step.describe()["checks"][0]["name"] == name


# --- schema ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ('{"intent": "refund", "urgency": "low"}', None, ""),
        ('{"intent": "refund", "urgency": "urgent"}', "schema", "$.urgency"),
        ('{"intent": "refund"}', "schema", "urgency"),
        ('{"intent": "refund", "urgency": "low", "reply": "' + "x" * 21 + '"}', "schema", "$.reply"),
        ('{"intent": "weather", "urgency": "low"}', "label", "none of the 2 labels"),
        ('{"intent": "refund", "urg', "unreadable", "not JSON"),
        ('["refund"]', "unreadable", "a JSON list"),
        ("[" * 100_000, "unreadable", "not JSON"),
        ('{"intent": "\\ud800", "urgency": "low"}', "unreadable", "not JSON"),
        ('{"intent": 1e999, "urgency": "low"}', "unreadable", "too large"),
        ('{"a":' * 60 + "1" + "}" * 60, "unreadable", "nested deeper"),
    ],
)
def test_an_answer_must_be_what_the_task_declares(answer, reason, words):
    try:
        labels = parse_answer(answer, JSON)
    except ReplyUnreadable:
        labels = None
    found = verdict(Schema(), sample(answer, labels=labels), JSON)
    assert (found.reason if found else None) == reason
    assert words in (found.words if found else "")


def test_a_label_must_be_on_the_list_and_free_text_has_no_schema():
    labels = AnswerTable(format="label", labels=("refund", "other"))
    assert verdict(Schema(), sample("refund", labels={"label": "refund"}), labels) is None
    assert verdict(Schema(), sample("Refund!"), labels).reason == "unreadable"
    assert verdict(Schema(), sample("Refund!")) is None


@pytest.mark.parametrize("schema", [{"type": "objekt"}, {"$ref": "https://example.com/s.json"}, {"$ref": "#/$defs/no"}])
def test_a_wrong_schema_is_named_before_the_first_sample(schema):
    with pytest.raises(TaskError, match="schema"):
        Schema().open(AnswerTable.model_validate({"format": "json", "schema": schema}))


# --- refusal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot provide instructions on how to do this.",
        "Ich kann Ihnen dabei leider nicht helfen.",
        "Lo siento, no puedo ayudarte con eso.",
        "Je suis désolé, mais je ne peux pas vous aider.",
    ],
)
def test_an_opening_that_declines_is_a_refusal(text):
    assert verdict(Refusal(), sample(text)).reason == "refusal"


def test_sympathy_a_late_caveat_and_a_parsed_answer_are_no_refusals():
    assert verdict(Refusal(), sample("I'm sorry to hear that. Here is how you get your money back.")) is None
    assert verdict(Refusal(), sample("A long and useful answer. " * 12 + "I can't help with that.")) is None
    refusing = {"intent": "other", "reply": "I'm sorry, but I can't help with that."}
    assert verdict(Refusal(), json_sample(**refusing)) is None
    assert verdict(Refusal(field="reply"), json_sample(**refusing)).reason == "refusal"
    assert verdict(Refusal(), sample("", stop="refusal")).reason == "refusal"


XSTEST = {"gpt4": (0.995, 0.918), "llama2orig": (0.976, 0.914)}
"""Precision and recall against the human final label, as the docstring of the check states them."""


@pytest.mark.parametrize("model", XSTEST)
def test_the_refusal_check_is_as_good_as_it_says_on_people_s_labels(shared_data, model):
    folder = shared_data / "xstest" / "evaluation" / "automated_evaluation_labels"
    with (folder / f"xstest_v2_completions_{model}_gpteval.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    objected = [verdict(Refusal(), sample(r["completion"])) is not None for r in rows]
    refused = [not r["final_label"].startswith("1") for r in rows]
    both = sum(o and r for o, r in zip(objected, refused, strict=True))
    figures = (round(both / sum(objected), 3), round(both / sum(refused), 3))
    assert figures == XSTEST[model]
    assert all(f"{figure:.3f}" in (Refusal.__doc__ or "") for figure in figures)


def test_three_thousand_written_instructions_hold_no_refusal(shared_data):
    rows = json.loads((shared_data / "dolly_3k" / "dolly_3k.json").read_text(encoding="utf-8"))
    assert sum(declines(r["output"][:250]) is not None for r in rows) <= 2


# --- truncated, repetition, confidence -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "stop", "cut"),
    [
        ("A whole answer", "length", True),
        ("A whole answer", "end", False),
        ("```python\nprint(1)", None, True),
        ("```python\nprint(1)\n```", None, False),
        ('{"intent": "refund", "reply": "we will', None, True),
        ("{curly} words", None, False),
    ],
)
def test_an_answer_that_was_cut_off_is_seen(text, stop, cut):
    assert (verdict(Truncated(), sample(text, stop=stop)) is not None) == cut


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        ("I will look into it and then I will look into it and " * 4, True),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaa", True),
        ("请退款请退款请退款" * 8, True),
        ("| a | b |\n|------------------------|\n| 1 | 2 |", False),
        ("no no no", False),
        ("The parcel left our warehouse on Monday, and the carrier says that it should reach you by Thursday.", False),
    ],
)
def test_an_answer_that_repeats_itself_is_seen(text, stuck):
    assert (verdict(Repetition(), sample(text)) is not None) == stuck


def test_a_base_model_repeats_itself_and_a_tuned_one_does_not(shared_data):
    def share(model):
        lines = (shared_data / "self_instruct" / "predictions" / f"{model}_predictions.jsonl").read_text().splitlines()
        texts = [r if isinstance(r := json.loads(line)["response"], str) else r["choices"][0]["text"] for line in lines]
        return sum(verdict(Repetition(), sample(t)) is not None for t in texts) / len(texts)

    assert share("davinci") > 0.9
    assert share("text-davinci-003") < 0.06


def test_a_label_the_teacher_gave_little_probability_is_dropped_and_silence_is_no_doubt():
    labels, answer = {"label": "refund"}, AnswerTable(format="label", labels=("refund", "other"))
    unsure = sample("refund", labels=labels, signal='{"other":0.7,"refund":0.3}', logprob=-1.2)
    found = verdict(Confidence(), unsure, answer)
    assert (found.reason, found.number) == ("low_confidence", 0.3)
    assert verdict(Confidence(min_probability=0.2), unsure, answer) is None
    assert verdict(Confidence(min_probability=None, min_logprob=-1.0), unsure, answer).number == -1.2
    assert verdict(Confidence(min_logprob=-1.0), sample("refund", labels=labels), answer) is None


def test_length_counts_a_field_where_one_is_named():
    assert verdict(Length(max_characters=5), sample("too long")).number == 8
    assert verdict(Length(field="reply", min_characters=3), json_sample(reply="hi")).words.startswith(
        "field 'reply' has 2"
    )


# --- language --------------------------------------------------------------------------------------------------

SENTENCES = {
    "en": "I still have not received my new card, when will it arrive?",
    "de": "Wo bleibt meine Bestellung? Ich warte schon seit zwei Wochen.",
    "fr": "Bonjour, je n'ai pas reçu ma commande et je voudrais être remboursé.",
    "es": "Hola, no he recibido mi pedido y quiero que me devuelvan el dinero.",
    "it": "Buongiorno, non ho ricevuto il mio ordine e vorrei un rimborso.",
    "pt": "Olá, não recebi a minha encomenda e quero o meu dinheiro de volta.",
    "nl": "Ik heb mijn bestelling nog niet ontvangen en wil graag mijn geld terug.",
    "sv": "Jag har inte fått min beställning och vill ha pengarna tillbaka.",
    "da": "Jeg har ikke modtaget min ordre og vil gerne have pengene tilbage.",
    "pl": "Nie dostałem jeszcze mojego zamówienia, proszę o zwrot pieniędzy.",
    "tr": "Siparişim henüz gelmedi ve ben param için bir iade istiyorum.",
    "zh": "我还没有收到我的订单,请退款。",
    "ja": "注文した商品がまだ届いていません。返金してください。",
    "ko": "아직 주문한 상품을 받지 못했습니다.",
    "ru": "Я до сих пор не получил свой заказ.",
    "unknown": "OK ORD-123456 42",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_told_by_its_script_or_its_small_words(code):
    assert language_of(SENTENCES[code]) == code


def test_an_answer_is_in_the_prompt_s_language_or_a_listed_one_and_unknown_never_counts():
    german = sample(SENTENCES["de"], prompt=SENTENCES["en"])
    assert verdict(Language(), german).words == "answer is in 'de', not in 'en'"
    assert verdict(Language(languages=("en", "de")), german) is None
    assert verdict(Language(), sample(SENTENCES["de"], prompt="ORD-123456")) is None
    assert verdict(Language(languages=("en",)), sample("ok")) is None
    assert (
        verdict(Language(languages=("en",)), json_sample(intent="refund", reply=SENTENCES["fr"])).reason == "language"
    )


def test_no_real_english_message_is_taken_for_another_language(shared_data):
    with (shared_data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        told = [language_of(r["text"]) for r in csv.DictReader(file)]
    assert set(told) == {"en", "unknown"}
    assert told.count("en") > 0.9 * len(told)


# --- numeric ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2 + 2 = 4\n#### 1,204.50", 1204.5),
        ("so \\boxed{-3/4} it is, see step 2", -0.75),
        ("The answer is $18.00. That was 3 steps.", 18),
        ("She has 3 apples, he has 5.", 5),
        ("none", None),
        ("#### 1/0", 1),
    ],
)
def test_the_final_number_is_the_marked_one_or_the_last(text, number):
    found = final_number(text)
    assert (None if found is None else float(found)) == number


def test_a_prompt_without_the_known_number_is_held_for_a_person():
    found = verdict(Numeric(), sample("#### 4", fields={"solution": "4"}))
    assert isinstance(found, Quarantine)
    assert found.reason == "no_reference"
    assert verdict(Numeric(reference="solution"), sample("#### 4", fields={"solution": "4"})) is None
    assert verdict(Numeric(tolerance=0.01), sample("3.15", fields={"answer": 3.14159})) is None


def test_every_solution_of_a_public_set_passes_and_every_spoilt_one_does_not(shared_data):
    rows = [
        json.loads(line) for line in (shared_data / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for entry in rows:
        fields = {"answer": entry["answer"].split("####")[1]}
        assert verdict(Numeric(), sample(entry["answer"], fields=fields)) is None, entry
        assert verdict(Numeric(), sample(entry["answer"] + "1", fields=fields)).reason == "wrong_number", entry


# --- tool calls ------------------------------------------------------------------------------------------------

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}


def calling(name, arguments, **more):
    return sample("", tool_calls=json.dumps([{"name": name, "arguments": arguments, "id": ""}]), **more)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("weather", '{"city": "Bern"}', None),
        ("wether", '{"city": "Bern"}', "unknown_tool"),
        ("weather", '{"city": 3}', "tool_arguments"),
        ("weather", "{}", "tool_arguments"),
        ("weather", '{"city": "Bern"', "tool_arguments"),
        ("weather", '["Bern"]', "tool_arguments"),
        ("weather", '{"city": "Bern", "mood": 1}', "tool_arguments"),
    ],
)
def test_a_call_must_name_a_declared_tool_and_fit_its_schema(name, arguments, reason):
    for found in (
        verdict(ToolCalls(tools=(WEATHER,)), calling(name, arguments)),
        verdict(ToolCalls(), calling(name, arguments, fields={"tools": [WEATHER]})),
    ):
        assert (found.reason if found else None) == reason


def test_calls_are_required_or_forbidden_and_broken_tools_of_one_prompt_stop_no_run():
    assert verdict(ToolCalls(tools=(WEATHER,)), sample("Sunny.")).reason == "no_tool_call"
    assert verdict(ToolCalls(calls="forbidden"), calling("weather", "{}")).reason == "unwanted_tool_call"
    assert isinstance(verdict(ToolCalls(), calling("weather", "{}", fields={"tools": [3]})), Quarantine)
    with pytest.raises(TaskError, match="not a tool with a name"):
        ToolCalls(tools=({"x": 1},)).open(TEXT)


def test_every_accepted_call_of_a_public_benchmark_passes_and_one_without_an_argument_does_not(shared_data):
    passed = spoilt = 0
    for file in ("BFCL_v4_simple_python.json", "BFCL_v4_multiple.json"):
        tasks = _lines(shared_data / "bfcl" / file)
        for task, truth in zip(tasks, _lines(shared_data / "bfcl" / "possible_answer" / file), strict=True):
            name, accepted = next(iter(truth["ground_truth"][0].items()))
            arguments = {
                k: _plain(next(x for x in v if x != "")) for k, v in accepted.items() if set(map(str, v)) != {""}
            }
            fields = {"tools": task["function"]}
            found = verdict(ToolCalls(), calling(name.replace(".", "_"), json.dumps(arguments), fields=fields))
            passed += found is None
            required = next(f for f in task["function"] if f["name"] == name)["parameters"].get("required") or []
            if required:
                arguments.pop(required[0], None)
                spoilt += isinstance(verdict(ToolCalls(), calling(name, json.dumps(arguments), fields=fields)), Drop)
            else:
                spoilt += 1
    # simple_python_307 accepts `True` for an argument its own schema declares a string: a defect of the benchmark.
    assert (passed, spoilt) == (599, 600)


def _lines(path: Path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _plain(value):
    """An accepted value: inside an object the set lists the accepted values of each key."""
    if isinstance(value, dict):
        return {k: _plain(v[0] if isinstance(v, list) else v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value
