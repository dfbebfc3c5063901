"""Surrogates in a run: prompts and replies speak of the same invented people, and nobody real is left."""

from datetime import date

import pytest

from curation.errors import TaskError
from curation.pipeline import apply
from curation.records import Message, Prompt
from curation.scrub.prompts import PromptScrubber
from curation.scrub.replies import ScrubReplies
from curation.scrub.scrubber import Scrubber
from curation.task import AnswerTable, ScrubTable
from tests.curation.rows import row, table

KINDS = ("email", "phone", "card", "secret")


def inventing(scope: str = "record") -> Scrubber:
    table = ScrubTable.model_validate({"entities": KINDS, "action": "surrogate", "scope": scope})
    return Scrubber.of(table, date(2026, 1, 1), b"k" * 32)


def asked(ident: str, text: str, group: str | None = None) -> Prompt:
    return Prompt(id=ident, messages=(Message(role="user", content=text),), group=group)


def test_a_value_becomes_an_invented_one_of_its_kind_and_a_secret_a_mask():
    text = "Mail ana@quill.example.co or call +44 20 7946 0958, key ghp_x7Kq2Lm9Zt4Vb8Nc1Wd5Rf6Yg3Hj0Pa2Se4"
    (prompt,) = PromptScrubber(inventing())([asked("a", text)])
    assert isinstance(prompt, Prompt)
    assert "quill" not in prompt.text
    assert "7946 0958" not in prompt.text
    assert "@example." in prompt.text
    assert prompt.text.endswith("key [SECRET]")
    assert [(m["type"], m["action"]) for m in prompt.masked] == [
        ("EMAIL", "surrogate"), ("PHONE", "surrogate"), ("SECRET", "mask"),
    ]  # fmt: skip


def test_a_reply_that_echoes_its_prompt_keeps_the_invented_value_and_invents_for_a_new_one():
    scrubber = inventing()
    (prompt,) = PromptScrubber(scrubber)([asked("a", "Write to ana@quill.example.co please")])
    invented = prompt.text.split()[2]
    reply = f"I wrote to {invented} and to ben@quill.example.co."
    messages = [{"role": "user", "content": prompt.text, "name": None, "tool_calls": None, "tool_call_id": None}]
    samples, _ = apply(table(row(1, answer=reply, messages=messages)), [ScrubReplies(scrubber, AnswerTable())])
    answer = samples["answer"][0]
    assert answer.startswith(f"I wrote to {invented} and to ")
    assert "quill" not in answer


def test_the_same_value_has_one_surrogate_within_its_scope_and_the_same_text_comes_out_the_same():
    texts = ["first ana@quill.example.co", "then ana@quill.example.co"]
    per_group = PromptScrubber(inventing("conversation"))([asked("a", texts[0], "g"), asked("b", texts[1], "g")])
    assert per_group[0].text.split()[1] == per_group[1].text.split()[1]
    per_record = PromptScrubber(inventing())([asked("a", texts[0]), asked("b", texts[1])])
    assert per_record[0].text.split()[1] != per_record[1].text.split()[1]
    assert inventing().scrub(texts[0]).text == per_record[0].text


def test_surrogates_are_refused_without_the_key_of_a_workspace():
    with pytest.raises(TaskError, match="needs the key of a workspace"):
        Scrubber.of(ScrubTable(action="surrogate", entities=KINDS), date(2026, 1, 1))
