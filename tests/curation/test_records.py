"""The frozen formats: golden values, each of which docs/formats.md states."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from curation.records import (
    Message,
    Request,
    ToolCall,
    canonical,
    canonical_row,
    draw,
    message_of,
    message_row,
    sample_id,
    version_id,
)
from curation.store.keys import commitment, fingerprint
from curation.store.ledger import GENESIS, Checkpoint, Event
from curation.store.versions import Leaf, TreeHead

FORMATS = (Path(__file__).parent.parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
LOW, HIGH = bytes(range(32)), bytes(range(32, 64))

REQUEST = Request(
    provider="openai",
    host="api.openai.com",
    api_version="v1",
    model="gpt-4o-mini-2024-07-18",
    messages=(
        Message(role="system", content="Antworte kurz."),
        Message(role="user", content="Wo ist meine Bestellung?"),
    ),
    params={"temperature": 1.0, "max_tokens": 64, "top_p": 0.5},
    index=1,
    template="t1",
)
ROW = {
    "id": "not part of it",
    "messages": [message_row(m) for m in REQUEST.messages],
    "answer": '{"intent": "order"}',
    "labels": '{"intent":"order"}',
    "group": "c-7",
    "state": "kept",
    "reason": None,
    "logprob": -0.1,
}
CONTENT = "222b00166022d2d940b08216a9b108bd6d4112721f16431bd0a25681b8b2aa73"
SAMPLE = "28b57870aa56da138be738d61490ebde"
COMMITMENT = "48d6c5542bad420ecfa48541c6f06e34e626edfca4355801e30b787ec678f154"
LEAF = "629e58a5b53d20902215c97a8f6f3c11838df383952c1792b4f58a90a8b8649a"


def documented(value: str) -> str:
    assert value in FORMATS, f"docs/formats.md does not state {value}"
    return value


def test_the_request_key_is_frozen():
    documented(canonical(REQUEST.model_dump(mode="json")).decode())
    assert REQUEST.key == documented("2eb6b833b6a21c6906dcab8d755b7b3191d382f6ec78db0104dc6b69674e53b6")


def test_the_request_key_of_a_tool_conversation_is_frozen():
    call = ToolCall(name="f", arguments='{"a": 1}', id="c")
    request = Request(
        provider="openai",
        host="h",
        api_version="v1",
        model="m",
        messages=(Message(role="assistant", tool_calls=(call,)), Message(role="tool", content="1", tool_call_id="c")),
        answer_schema={"type": "object"},
        tools=({"name": "f"},),
    )
    assert request.key == "ffcd5f7076f3403946cf24490e3a43be91eb35c664181cee24ea6d75acc5d05a"


@pytest.mark.parametrize("field", sorted(Request.model_fields))
def test_every_field_of_a_request_is_part_of_its_key(field: str):
    other = {
        "messages": (Message(role="user", content="?"),),
        "params": {"max_tokens": 65},
        "answer_schema": {},
        "tools": ({},),
        "index": 2,
    }
    assert REQUEST.model_copy(update={field: other.get(field, "other")}).key != REQUEST.key


def test_the_canonical_row_and_the_content_digest_are_frozen():
    row = canonical_row(ROW)
    documented(row.decode())
    assert hashlib.sha256(row + b"\n").hexdigest() == documented(CONTENT)


def test_the_sample_id_is_frozen():
    assert sample_id(LOW, REQUEST.key, 1) == documented(SAMPLE)


def test_the_version_id_is_frozen():
    assert version_id(CONTENT, "ab" * 32, []) == documented("3705cbff016f466fa473206ab3b10abc")
    assert version_id(CONTENT, "ab" * 32, ["0" * 32, "1" * 32]) == documented("dc3e0541cc60c47c6146e6ac77f702d6")


def test_commitment_leaf_tree_head_and_signature_are_frozen():
    leaf = Leaf(SAMPLE, commitment(HIGH, canonical_row(ROW)))
    assert leaf.commitment.hex() == documented(COMMITMENT)
    assert leaf.data.hex() == SAMPLE + COMMITMENT
    assert leaf.hash.hex() == documented(LEAF)
    head = TreeHead(version="0" * 32, records=1, root=LEAF)
    line, body = head.message().split(b"\n")
    assert line == b"stillhouse-root-1"
    documented(body.decode())
    key = Ed25519PrivateKey.from_private_bytes(LOW)
    assert fingerprint(key.public_key().public_bytes_raw()) == documented("56475aa75463474c0285df5dbf2bcab7")
    assert key.sign(head.message()).hex() == documented(
        "bb19ca9f159d4c733139829e522c88e93a0b422df988f49dbd3fe46f075bb282"
        "745015d298c037a900e876c81e11f22c67ea8d812a1df543f2f8a0f59beca40d"
    )


def test_the_ledger_event_and_its_checkpoint_are_frozen():
    event = Event(seq=1, at="2026-01-02T03:04:05.678Z", actor="ada", kind="vote", body={"choice": "a"}, prev=GENESIS)
    record = canonical(event.model_dump(mode="json"))
    documented(record.decode())
    head = documented("7952eda3b410017af26c9059d4aef8bf022fe23ecc522ff1fa233bfd309d8953")
    assert hashlib.sha256(record).hexdigest() == head
    assert Checkpoint.message(1, head) == b'stillhouse-checkpoint-1\n{"head":"' + head.encode() + b'","size":1}'


def test_a_draw_depends_on_the_seed_and_the_identity_alone():
    assert draw(7, "select", "p1") == 0.510245539042171
    assert draw(8, "select", "p1") != draw(7, "select", "p1") != draw(7, "select", "p2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_survives_being_read_and_written_again(value: object):
    once = canonical(value)
    assert canonical(json.loads(once)) == once
    assert b"\n" not in once


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]):
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_json_does_not_know_is_refused(number: float):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"x": number})


def test_a_message_comes_back_from_its_row_as_it_was():
    call = ToolCall(name="f", arguments='{"a": 1}', id="c")
    for message in (
        *REQUEST.messages,
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", tool_call_id="c"),
    ):
        assert message_of(message_row(message)) == message
