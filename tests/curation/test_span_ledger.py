"""The span ledger finds every place of a value for whoever holds the key, and holds no value."""

import base64
import hashlib
import hmac
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.records import Message, Prompt, decisions_frame
from curation.scrub.ledger import SPANS, commitment, places_of, spans_of, told
from curation.scrub.prompts import PromptScrubber
from curation.scrub.scrubber import Scrubber
from curation.task import ScrubTable

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))


def ledger(*texts: str, key: bytes = KEY) -> pl.DataFrame:
    """The ledger of prompts with these texts, as a version holds it; samples are s0, s1, ..."""
    scrubber = Scrubber.of(ScrubTable(), date(2026, 1, 1), key)
    prompts = [Prompt(id=f"p{i}", messages=(Message(role="user", content=t),)) for i, t in enumerate(texts)]
    scrubbed = PromptScrubber(scrubber)(prompts)
    return spans_of(decisions_frame([told(f"s{i}", p) for i, p in enumerate(scrubbed) if isinstance(p, Prompt)]))


def test_a_commitment_is_the_keyed_hash_of_entity_and_canonical_value():
    expected = hmac.new(KEY, b"person|priya raman", hashlib.sha256).hexdigest()[:32]
    assert commitment(KEY, "person", "Dr. Raman, Priya") == expected


def test_every_masked_place_is_a_row_with_offsets_detector_version_score_and_action():
    text = "Mail ana@example.com, card 4111 1111 1111 1112"
    spans = ledger(text)
    assert dict(spans.schema) == dict(SPANS) == dict(spans_of(decisions_frame([])).schema)
    assert spans.select("sample", "type", "path", "start", "end", "shape_only", "action").rows() == [
        ("s0", "EMAIL", "messages.0", 5, 20, False, "mask"),
        ("s0", "CARD", "messages.0", 27, 46, True, "mask"),
    ]
    assert spans["version"].is_not_null().all()
    assert spans["score"].is_between(0.3, 1.0).all()


@pytest.mark.parametrize(
    ("entity", "written", "asked"),
    [
        ("phone", "+44 20 7123 4567", "0044 (20) 7123-4567"),
        ("phone", "(212) 736-5000", "+1 212 736 5000"),
        ("email", "Ana.Lopez@Post.Test", "ana.lopez at post dot test"),
        ("card", "4539-1488-0343-6467", "4539148803436467"),
        ("iban", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("person", "my name is Priya Raman", "RAMAN, Priya"),
    ],
)
def test_an_erasure_finds_a_value_written_in_another_way(entity, written, asked):
    spans = ledger(f"Hello, {written}.", "Hello there, nobody is named here.")
    assert places_of(spans, KEY, entity, asked)["sample"].to_list() == ["s0"]
    assert places_of(spans, OTHER, entity, asked).is_empty()


def test_the_same_text_as_another_kind_is_another_value():
    assert commitment(KEY, "phone", "48213482") != commitment(KEY, "account", "48213482")


def unkeyed(value: str) -> set[str]:
    """A value and every plain hash of it one would try."""
    forms = {value, value.casefold(), "".join(filter(str.isalnum, value)), "".join(filter(str.isdigit, value))}
    forms |= {f"phone|{form}" for form in forms}
    found = set(forms)
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
        for form in forms:
            raw = hashlib.new(name, form.encode()).digest()
            found |= {raw.hex()[:32], base64.b64encode(raw).decode()[:20]}
    return found


def test_no_raw_value_and_no_unkeyed_hash_of_one_is_in_the_ledger():
    values = [f"+1 212 555 01{n:02}" for n in range(100)]
    written = ledger(*(f"call {value}" for value in values)).write_json()
    assert written.count("PHONE") == 100
    assert [tried for v in values for tried in unkeyed(v) if len(tried) > 6 and tried in written] == []


def test_trying_every_number_of_a_small_range_fails_without_the_key():
    secret = "+1 212 555 0142"
    held = {commitment(KEY, "phone", secret)}
    tried = [f"+1 212 555 {n:04}" for n in range(10_000)]
    plain = {hashlib.sha256(f"phone|{''.join(filter(str.isdigit, t))}".encode()).hexdigest()[:32] for t in tried}
    assert held.isdisjoint(plain)
    assert all(held.isdisjoint(commitment(key, "phone", t) for t in tried) for key in (b"", b"\0" * 32, OTHER))
    assert [t for t in tried if commitment(KEY, "phone", t) in held] == [secret]


@given(st.text(min_size=1), st.sampled_from(["person", "phone", "email", "date", "account", "secret"]))
def test_any_value_has_a_commitment_that_depends_on_the_key(value, entity):
    assert commitment(KEY, entity, value) == commitment(KEY, entity, value) != commitment(OTHER, entity, value)
