"""The practice models asked in other ways than one plain question: wrapped answers, second turns, self-criticism."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from curation.llm.practice import PROFILES, KeyEntry, PracticeServer, Profile
from curation.records import draw
from curation.task import AnswerTable

LABELS = ("refund", "delivery", "login", "other")
SCHEMA = {
    "title": "answer",
    "type": "object",
    "properties": {"intent": {"enum": list(LABELS)}, "reply": {"type": "string"}},
    "required": ["intent", "reply"],
    "additionalProperties": False,
}
AS_JSON = AnswerTable(format="json", field="intent", labels=LABELS, schema=SCHEMA)
AS_LABEL = AnswerTable(format="label", labels=LABELS)
UNREADABLE = "That answer cannot be read: it is not JSON. Answer again."


def keyed(as_json: bool = True) -> list[KeyEntry]:
    return [
        KeyEntry(
            id=f"k{i}",
            text=f"Message {i}: please help with refund or delivery.",
            answer={"intent": LABELS[i % 4], "reply": f"About {i}."} if as_json else LABELS[i % 4],
            difficulty=draw(3, i),
        )
        for i in range(300)
    ]


KEY = keyed()
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def asking() -> Iterator[Callable[..., Ask]]:
    """Opens a server and returns a function that asks it; both are closed afterwards."""
    with httpx2.Client(timeout=10) as client:
        opened: list[PracticeServer] = []

        def open_server(profile: Profile, answer: AnswerTable = AS_JSON) -> Ask:
            key = KEY if answer is AS_JSON else keyed(as_json=False)
            server = PracticeServer(key, seed=5, profiles={"alder": profile}, answer=answer)
            opened.append(server.__enter__())

            def ask(*turns: str, schema: dict | None = None, **more) -> dict[str, Any]:
                roles = ("user", "assistant")
                messages = [{"role": roles[i % 2], "content": words} for i, words in enumerate(turns)]
                body = {"model": "alder-large", "messages": messages, "max_tokens": 900, **more}
                if schema is not None:
                    body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
                reply = client.post(f"{server.url}/v1/chat/completions", json=body)
                assert reply.status_code == 200, reply.text
                return reply.json()["choices"][0]

            return ask

        yield open_server
        for server in opened:
            server.__exit__(None, None, None)


def words(choice: dict[str, Any]) -> str:
    return choice["message"]["content"]


def wrapper(title: str, **properties) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


RATIONALE = wrapper("rationale", rationale={"type": "string"}, answer=SCHEMA)
CONFIDENCE = wrapper("confidence", answer=SCHEMA, confidence={"type": "number"})
CRITIQUE = wrapper("critique", problems={"type": "array", "items": {"type": "string"}})


def candidates(wanted: int) -> dict[str, Any]:
    item = wrapper("candidate", answer=SCHEMA, probability={"type": "number"})
    return wrapper("candidates", candidates={"type": "array", "items": item, "minItems": wanted, "maxItems": wanted})


def test_a_rationale_comes_with_the_very_answer_that_is_given_without_one(asking):
    ask = asking(PROFILES["alder"].model_copy(update={"malformed": 0, "refusal": 0}))
    for entry in KEY[:40]:
        wrapped = json.loads(words(ask(entry.text, schema=RATIONALE)))
        assert list(wrapped) == ["rationale", "answer"]
        assert wrapped["answer"] == json.loads(words(ask(entry.text, schema=SCHEMA)))
        assert len(wrapped["rationale"]) > 20


def test_the_probabilities_of_a_wrapped_label_stand_at_the_label_of_the_answer(asking):
    ask = asking(Profile())
    choice = ask(KEY[0].text, schema=RATIONALE, logprobs=True, top_logprobs=4)
    tokens = choice["logprobs"]["content"]
    assert "".join(t["token"] for t in tokens) == words(choice)
    spots = [i for i, t in enumerate(tokens) if {x["token"] for x in t["top_logprobs"]} == set(LABELS)]
    assert len(spots) == 1
    assert "".join(t["token"] for t in tokens[: spots[0]]).endswith('"answer": {"intent": "')


def test_stated_confidence_is_higher_where_the_answer_is_right(asking):
    ask = asking(Profile(wrong=0.35))
    said = [(json.loads(words(ask(e.text, schema=CONFIDENCE))), e) for e in KEY]
    assert all(0 <= s["confidence"] <= 1 for s, _ in said)
    right = [s["confidence"] for s, e in said if s["answer"]["intent"] == e.answer["intent"]]
    wrong = [s["confidence"] for s, e in said if s["answer"]["intent"] != e.answer["intent"]]
    assert len(wrong) > 30
    assert sum(right) / len(right) > sum(wrong) / len(wrong) + 0.15


def test_as_many_candidates_as_wanted_come_with_probabilities_the_own_answer_first(asking):
    ask = asking(Profile(wrong=0.3))
    for entry in KEY[:30]:
        rows = json.loads(words(ask(entry.text, schema=candidates(6))))["candidates"]
        assert len(rows) == 6
        assert rows[0]["answer"] == json.loads(words(ask(entry.text, schema=SCHEMA)))
        assert {r["answer"]["intent"] for r in rows[:4]} == set(LABELS)
        assert [r["probability"] for r in rows[1:]] == sorted((r["probability"] for r in rows[1:]), reverse=True)
        assert 0.9 < sum(r["probability"] for r in rows) < 1.1


def test_candidates_of_a_label_task_are_labels(asking):
    ask = asking(Profile(), AS_LABEL)
    rows = json.loads(words(ask(KEY[1].text, schema=candidates(3))))["candidates"]
    assert rows[0]["answer"] == "delivery"
    assert len({r["answer"] for r in rows}) == 3


def test_an_unreadable_answer_is_usually_readable_when_asked_again_and_says_the_same(asking):
    ask = asking(Profile(malformed=0.3, wrong=0.2))
    plain = asking(Profile(wrong=0.2))
    again = [
        (words(ask(e.text, first, UNREADABLE, schema=SCHEMA)), e)
        for e in KEY
        if not readable(first := words(ask(e.text, schema=SCHEMA)))
    ]
    assert len(again) > 40
    mended = [(text, e) for text, e in again if readable(text)]
    assert 0.6 < len(mended) / len(again) < 0.9  # 0.3 are malformed again, some of which still parse
    same = [json.loads(text) == json.loads(words(plain(e.text, schema=SCHEMA))) for text, e in mended]
    assert sum(same) / len(same) > 0.85


def test_a_second_attempt_depends_on_its_turn_alone_and_not_on_the_words_before(asking):
    ask = asking(PROFILES["alder"])
    assert ask(KEY[0].text, "one", UNREADABLE) == ask(KEY[0].text, "two", "That answer cannot be read: no.")
    third = [words(ask(e.text, "one", UNREADABLE, "two", UNREADABLE)) for e in KEY[:60]]
    assert third != [words(ask(e.text, "one", UNREADABLE)) for e in KEY[:60]]


def test_a_critique_finds_most_mistakes_and_the_revision_mends_many(asking):
    ask = asking(Profile(wrong=0.3))
    found, mended, wrong, spoiled = 0, 0, 0, 0
    for entry in KEY:
        first = words(ask(entry.text, schema=SCHEMA))
        problems = words(ask(entry.text, first, "What is wrong with it?", schema=CRITIQUE))
        assert list(json.loads(problems)) == ["problems"]
        revised = words(ask(entry.text, first, "What is wrong with it?", problems, "Revise it.", schema=SCHEMA))
        was, now = (json.loads(t)["intent"] == entry.answer["intent"] for t in (first, revised))
        wrong += not was
        found += not was and bool(json.loads(problems)["problems"])
        mended += now and not was
        spoiled += was and not now
        if not json.loads(problems)["problems"]:
            assert revised == first
    assert wrong > 50
    assert found / wrong > 0.5
    assert mended / wrong > 0.25
    assert spoiled < mended / 4


def test_a_judge_asked_again_still_judges_the_answer_of_the_first_turn(asking):
    ask = asking(Profile())
    line = json.dumps({"nonce": "n7", "prompt": KEY[2].text, "answer": json.dumps(KEY[2].answer)})
    schema = wrapper("verdict", verdict={"type": "string"}, nonce={"type": "string"})
    first = words(ask(f"Judge.\n{line}", schema=schema))
    assert words(ask(f"Judge.\n{line}", "nonsense", UNREADABLE, schema=schema)) == first
    assert json.loads(first)["verdict"] == "accept"
    assert json.loads(words(ask(f"Judge.\n{line}", "nonsense", UNREADABLE)))["verdict"] == "accept"


def readable(text: str) -> bool:
    try:
        return json.loads(text)["intent"] in LABELS
    except (ValueError, TypeError, KeyError):
        return False
