"""Builds tables of samples by hand, for tests of the steps."""

import json

import polars as pl

from curation.records import SAMPLES, Message, Sample, message_row, sample_of


def row(n, prompt="Where is my card?", answer="It is on its way.", *, labels=None, fields=None, system=None, **columns):
    """One row of the samples table; `n` names it and gives its place in the plan."""
    turns = [Message(role="system", content=system)] if system else []
    turns.append(Message(role="user", content=prompt))
    return {
        **dict.fromkeys(SAMPLES),
        "id": f"s{n}",
        "position": n,
        "teacher": "alder",
        "index": 0,
        "prompt_id": f"p{n}",
        "request_key": f"k{n}",
        "messages": [message_row(m) for m in turns],
        "answer": answer,
        "labels": None if labels is None else json.dumps(labels),
        "tags": [],
        "fields": None if fields is None else json.dumps(fields),
        "state": "kept",
        "edited": False,
        "control": False,
        **columns,
    }


def table(*rows) -> pl.DataFrame:
    """A samples table."""
    return pl.DataFrame(list(rows), schema=SAMPLES)


def sample(answer="It is on its way.", **settings) -> Sample:
    """One sample as a check sees it."""
    return sample_of(table(row(0, answer=answer, **settings)).row(0, named=True))
