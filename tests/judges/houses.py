"""Real workspaces for the tests of this package: a store with one sealed version of two teachers' answers."""

import hashlib

import polars as pl

from curation.records import DECISIONS, SAMPLES, Message, canonical, message_row
from curation.store.store import Store

TEACHERS = ("teacher-zeta", "teacher-omega")


def samples(n, sample_id, answer=lambda teacher, i: f"answer {i} in the words of {'one' if teacher else 'another'}"):
    """`n` prompts answered by both teachers."""
    rows = []
    for i in range(n):
        for t, teacher in enumerate(TEACHERS):
            key = hashlib.sha256(f"{i}|{teacher}".encode()).hexdigest()
            rows.append({
                **dict.fromkeys(SAMPLES),
                "id": sample_id(key, 0), "position": i, "teacher": teacher, "index": 0, "prompt_id": f"p{i}",
                "request_key": key,
                "messages": [message_row(Message(role="system", content="Be brief.")),
                             message_row(Message(role="user", content=f"question {i}"))],
                "answer": answer(t, i), "labels": canonical({"label": f"l{i}"}).decode(),
                "stop": "end", "state": "kept", "edited": False, "control": False,
            })  # fmt: skip
    return pl.DataFrame(rows, schema=SAMPLES)


def sealed(root, n=10, environment=None):
    """A store whose head version holds `2n` kept samples."""
    store = Store.create(root, environment)
    frame = samples(n, store.sample_id)
    store.versions.seal(frame, pl.DataFrame(schema=DECISIONS), recipe="0" * 64, steps=[], facts={})
    return store
