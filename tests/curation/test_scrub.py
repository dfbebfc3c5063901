"""Scrubbing masks what is personal, exactly there, once, and leaves everything else alone."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.detecting import View
from curation.errors import TaskError
from curation.pipeline import apply
from curation.records import Message, Prompt
from curation.scrub.prompts import PromptQuarantine, PromptScrubber
from curation.scrub.replies import ScrubReplies
from curation.scrub.scrubber import Scrubber
from curation.task import AnswerTable, ScrubTable
from tests.curation.rows import row, table

TODAY = date(2026, 1, 1)
ORDERS = {"pattern": r"ORD-\d{6}", "owner": "support"}


NUMBERS = ("email", "phone", "card", "iban", "ip", "secret")


def scrubber(**settings):
    return Scrubber.of(ScrubTable.model_validate({"entities": NUMBERS, **settings}), TODAY)


def scrub_prompts(prompts, by):
    done = PromptScrubber(by)(prompts)
    return [p for p in done if isinstance(p, Prompt)], [p for p in done if isinstance(p, PromptQuarantine)]


PLAIN = scrubber()
WITH_ORDERS = scrubber(allow=[ORDERS])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail ana.b+c@example.co.uk now", "mail [EMAIL] now"),
        ("ana (at) example (dot) com", "[EMAIL]"),
        ("ana dot lee at example dot com", "[EMAIL]"),
        ("ａｎａ＠example.com", "[EMAIL]"),
        ("ana\u200b@exam\u00adple.com", "[EMAIL]"),
        ("see me at noon or at home. dot it", "see me at noon or at home. dot it"),
        ("call 555-0142 or +44 20 7946 0018", "call [PHONE] or [PHONE]"),
        ("(212) 555-0142 x33, 001-668-040-8670x1711", "[PHONE], [PHONE]"),
        ("0041 44 668 18 00; 03.62.54.76.92", "[PHONE]; [PHONE]"),
        ("my number is 481 7531", "my number is [PHONE]"),
        ("on 2024-05-01 at 12:30, 05/06/2024, 1994-2024", "on 2024-05-01 at 12:30, 05/06/2024, 1994-2024"),
        ("it costs 1 250 000 or 12.345.678, 3.14159265", "it costs 1 250 000 or 12.345.678, 3.14159265"),
        ("110 - 60 - 15 = 35, 100-50-30-15 = 5, 25.50-13.50", "110 - 60 - 15 = 35, 100-50-30-15 = 5, 25.50-13.50"),
        ("order number 1234567", "order number 1234567"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [CARD] exp 12/27"),
        ("amex 3782-822463-10005, plain 5105105105105100", "amex [CARD], plain [CARD]"),
        ("GB82 WEST 1234 5698 7654 32 is mine", "[IBAN] is mine"),
        ("de89370400440532013000", "[IBAN]"),
        ("from 192.0.2.17:8080, 2001:db8::17 and fe80::1", "from [IP]:8080, [IP] and [IP]"),
        ("std::vector at 12:30:45", "std::vector at 12:30:45"),
        ("key sk-abcdEFGH1234ijklMNOP5678", "key [SECRET]"),
        ("https://bob:pa55w0rd@example.com/x", "https://[SECRET]/x"),
        ("my password is hunter42!", "my password is [SECRET]!"),
        ("my password is incorrect", "my password is incorrect"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- bye", "[SECRET] bye"),
    ],
)
def test_what_is_personal_is_masked_by_kind_and_the_rest_stays(text, masked):
    assert PLAIN.scrub(text).text == masked


@pytest.mark.parametrize("text", ["4111 1111 1111 1112", "GB83 WEST 1234 5698 7654 32", "host 192.0.2.300"])
def test_a_shape_with_a_wrong_checksum_is_masked_and_marked_so(text):
    seen = PLAIN.scrub(text)
    assert [s.shape_only for s in seen.spans] == [True]
    assert not any(c.isdigit() for c in seen.text)


def test_offsets_are_code_points_of_the_text_given_beside_emoji_and_invisible_characters():
    text = "🧑‍🚀😀 ana@example.com 🎉 \u200b555-0142"
    assert [text[s.start : s.end] for s in PLAIN.scrub(text).spans] == ["ana@example.com", "555-0142"]


def test_overlapping_finds_leave_no_end_sticking_out():
    assert PLAIN.scrub("to=+49 170 4111 1111 1111 1111!").text == "to=[CARD]!"


def test_an_allowed_pattern_stays_even_inside_something_that_is_masked():
    assert WITH_ORDERS.scrub("ORD-123456@example.com, ORD-555014").text == "ORD-123456[EMAIL], ORD-555014"
    assert WITH_ORDERS.scrub("call ORD-123456 or 555-0142").text == "call ORD-123456 or [PHONE]"


def test_an_allow_list_entry_ends_with_its_date():
    digits = {"pattern": r"\d{3}-\d{4}", "owner": "ops"}
    assert scrubber(allow=[{**digits, "until": "2026-01-01"}]).scrub("555-0142").text == "555-0142"
    assert scrubber(allow=[{**digits, "until": "2025-12-31"}]).scrub("555-0142").text == "[PHONE]"
    with pytest.raises(TaskError, match="not a date"):
        scrubber(allow=[{**digits, "until": "soon"}])
    with pytest.raises(TaskError, match="is not a regular expression"):
        scrubber(allow=[{"pattern": "(", "owner": "ops"}])


def test_a_secret_without_an_end_is_uncertain():
    seen = PLAIN.scrub("here: -----BEGIN RSA PRIVATE KEY-----\nMIIB...")
    assert (seen.text, seen.uncertain) == ("here: [SECRET]", True)


WORDS = """ana@example.com 555-0142 +442079460018 4111111111111111 GB82WEST12345698765432 192.0.2.1 2001:db8::1 call at
    dot sk-abcdEFGH1234ijklMNOP5678 password: hunter42 [EMAIL] [PHONE ORD-123456 😀 １２ ( ) + - . @ : 1 4 44 0 00 a x é
    GB82 eyJ 2024-05-01"""
SPACED = ("4111 1111 1111 1111", "-----BEGIN PRIVATE KEY-----", " ", "  ", "\n", "\u200b", "\ufffc")
PIECES = st.sampled_from([*WORDS.split(), *SPACED])
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=60))


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_scrubbing_twice_is_scrubbing_once(text):
    once = WITH_ORDERS.scrub(text)
    again = WITH_ORDERS.scrub(once.text)
    assert again.text == once.text
    assert again.spans == ()


@given(st.lists(TEXTS, max_size=6))
@settings(max_examples=200, deadline=None)
def test_texts_scrubbed_together_come_out_as_if_scrubbed_alone(texts):
    assert WITH_ORDERS.scrub_many(texts) == [WITH_ORDERS.scrub(text) for text in texts]


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_nothing_changes_outside_the_spans(text):
    seen = PLAIN.scrub(text)
    rebuilt, at = "", 0
    for span in seen.spans:
        assert at <= span.start < span.end <= len(text)
        rebuilt += text[at : span.start] + f"[{span.entity}]"
        at = span.end
    assert seen.text == rebuilt + text[at:]


@given(st.text(max_size=40), st.integers(0, 3))
def test_a_view_maps_every_character_back_to_its_own_place(text, hide):
    view = View.of(text, [(0, hide)] if 0 < hide <= len(text) else [])
    for i in range(len(view.text)):
        start, end = view.original(i, i + 1)
        assert 0 <= start < end <= len(text)


HOSTILE = ("@", "4 ", "44 ", "a@b.co ", "12-34-", "GB82", "eyJ", "://a:b@", "+1 1", "call 1", "\u200ba@", "token ")


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_is_scrubbed_in_linear_time(unit):
    # The suite's timeout is the judge: a quadratic pattern takes minutes on a megabyte.
    text = unit * (300_000 // len(unit))
    assert len(PLAIN.scrub(text).text) <= len(text) * 2


def test_json_stays_json_and_an_escape_hides_nothing():
    answer = '{"note": "ana\\u0040example.com", "card": 4111111111111111, "phone": "481 7531", "n": 3}'
    samples, decisions = apply(table(row(1, answer=answer, labels=json.loads(answer))), [ScrubReplies(PLAIN, JSON)])
    kept = {"note": "[EMAIL]", "card": "[CARD]", "phone": "[PHONE]", "n": 3}
    assert json.loads(samples["answer"][0]) == kept
    assert json.loads(samples["labels"][0]) == kept
    assert decisions["action"].to_list() == ["edit"]
    evidence = json.loads(decisions["evidence"][0])["spans"]
    assert [(s["type"], s["path"], s["start"], s["end"]) for s in evidence] == [
        ("EMAIL", "answer.note", 0, 15),
        ("CARD", "answer.card", 0, 16),
        ("PHONE", "answer.phone", 0, 8),
    ]
    assert "example" not in decisions["evidence"][0]


JSON = AnswerTable(format="json")


def test_a_clean_reply_is_not_touched_and_an_edited_one_stays_alive():
    answers = ["It is on its way.", "Write to ana@example.com.", '{"a":  1}']
    samples, _ = apply(table(*(row(i, answer=a) for i, a in enumerate(answers))), [ScrubReplies(PLAIN, AnswerTable())])
    assert samples["answer"].to_list() == [answers[0], "Write to [EMAIL].", answers[2]]
    assert samples["edited"].to_list() == [False, True, False]
    assert samples["state"].to_list() == ["kept"] * 3


def test_arguments_of_tool_calls_are_scrubbed():
    calls = json.dumps([{"name": "mail", "arguments": '{"to": "ana@example.com"}', "id": ""}])
    samples, _ = apply(table(row(1, answer="", tool_calls=calls)), [ScrubReplies(PLAIN, AnswerTable())])
    assert "example.com" not in samples["tool_calls"][0]
    assert json.loads(json.loads(samples["tool_calls"][0])[0]["arguments"]) == {"to": "[EMAIL]"}


def test_with_action_quarantine_a_reply_waits_masked_for_a_person():
    step = ScrubReplies(scrubber(action="quarantine"), AnswerTable())
    samples, decisions = apply(table(row(1, answer="Call 555-0142")), [step])
    assert samples.select("answer", "state", "reason").row(0) == ("Call [PHONE]", "quarantined", "personal_data")
    assert "555" not in "".join(decisions["words"])


def prompt(ident, text, **more):
    return Prompt(id=ident, messages=(Message(role="user", content=text),), **more)


def test_prompts_are_masked_with_their_columns_and_groups_stay_apart():
    clean, held = scrub_prompts(
        [
            prompt("a", "ORD-123456 for ana@example.com", group="ana@example.com", fields={"phone": "481 7531"}),
            prompt("b", "hello", group="bob@example.com"),
            prompt("c", "hello again", group="ana@example.com"),
        ],
        WITH_ORDERS,
    )
    assert held == []
    assert clean[0].text == "ORD-123456 for [EMAIL]"
    assert clean[0].fields == {"phone": "[PHONE]"}
    assert clean[0].group == clean[2].group != clean[1].group
    assert "example" not in str([p.model_dump() for p in clean])
    assert [m["path"] for m in clean[0].masked] == ["messages.0", "group", "fields.phone"]
    assert scrub_prompts(clean, WITH_ORDERS) == (clean, [])


def test_a_prompt_that_cannot_be_scrubbed_for_certain_is_held_back_masked():
    clean, held = scrub_prompts([prompt("a", "-----BEGIN PRIVATE KEY-----\nabc"), prompt("b", "hi")], PLAIN)
    assert [p.id for p in clean] == ["b"]
    assert (held[0].prompt.text, held[0].reason) == ("[SECRET]", "scrub_uncertain")


def test_switched_off_it_changes_nothing():
    assert scrubber(enabled=False).scrub("ana@example.com").text == "ana@example.com"


def test_on_a_public_benchmark_every_mail_card_iban_and_ip_is_found_and_nine_phones_in_ten(shared_data):
    rows = json.loads((shared_data / "presidio_research" / "generated_large.json").read_text())
    kinds = ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER")
    found = {kind: [0, 0] for kind in kinds}
    for entry in rows:
        spans = PLAIN.scrub(entry["full_text"]).spans
        for gold in entry["spans"]:
            if gold["entity_type"] in found:
                start, end = gold["start_position"], gold["end_position"]
                covered = sum(max(0, min(s.end, end) - max(s.start, start)) for s in spans)
                found[gold["entity_type"]][0] += covered >= 0.9 * (end - start)
                found[gold["entity_type"]][1] += 1
    hits, total = found.pop("PHONE_NUMBER")
    assert all(hit == n > 0 for hit, n in found.values()), found
    assert hits / total > 0.88


RULES = [
    {"name": "weapons", "topic": ["rifle", "ammunition"], "action": "drop", "owner": "legal"},
    {"name": "codename", "pattern": r"Project [A-Z]\w+", "action": "mask", "owner": "ops"},
    {"name": "press", "topic": ["journalist"], "action": "quarantine", "owner": "ops", "on": "answer"},
]


def test_content_rules_drop_mask_and_hold_what_a_text_is_about():
    by = scrubber(rules=RULES)
    done = PromptScrubber(by)([prompt("a", "I sell a rifle"), prompt("b", "Project Heron is late"), prompt("c", "hi")])
    dropped, clean, other = done
    assert isinstance(dropped, PromptQuarantine)
    assert (dropped.action, dropped.reason) == ("drop", "content_rule")
    assert "weapons" in dropped.words
    assert "rifle" not in dropped.words
    assert isinstance(clean, Prompt)
    assert clean.text == "[RULE] is late"
    assert (clean.masked[0]["type"], clean.masked[0]["kind"]) == ("RULE", "codename")
    assert isinstance(other, Prompt)
    samples, _ = apply(table(row(1, answer="Ask a journalist.")), [ScrubReplies(by, AnswerTable())])
    assert samples.select("state", "reason").row(0) == ("quarantined", "content_rule")


def test_a_kind_of_your_own_is_masked_by_its_name_and_a_detector_takes_settings():
    by = scrubber(
        entities=["account"],
        detectors={"account": {"examples": ["ZK-204-117", "ZK-881-092"]}},
        custom={"badge": {"pattern": r"BDG\d{4}"}},
    )
    assert by.scrub("badge BDG0042, file ZK-555-019").text == "badge [BADGE], file [ACCOUNT]"
    assert by.scrub("[BADGE]").text == "[BADGE]"
    with pytest.raises(TaskError, match="entities does not name it"):
        scrubber(detectors={"acount": {}})
    with pytest.raises(TaskError, match="looks around itself"):
        scrubber(custom={"badge": {"pattern": r"(?<=x)\d"}})


def test_who_is_named_in_one_text_of_a_record_is_masked_in_all_of_them():
    by = scrubber(entities=["person"])
    chat = Prompt(
        id="a",
        messages=(
            Message(role="user", content="Hello, my name is Priya Raman and I need help."),
            Message(role="assistant", content="thanks priya"),
            Message(role="user", content="RAMAN is the name on the parcel"),
        ),
    )
    (clean,) = PromptScrubber(by)([chat])
    assert isinstance(clean, Prompt)
    assert [m.content for m in clean.messages] == [
        "Hello, my name is [PERSON] and I need help.", "thanks [PERSON]", "[PERSON] is the name on the parcel",
    ]  # fmt: skip
