"""The deciding steps together, on the samples that sampling makes from prompts and replies."""

import json
from datetime import date

from curation.asker import Ask, Turn
from curation.checking import ChecksStep
from curation.decontaminate import ProtectStep
from curation.dedup import DedupStep
from curation.pipeline import apply
from curation.reading import prompt_of
from curation.records import Prompt, Reply, Request
from curation.salvage import Form, Salvage
from curation.sampling import Maker, Planned, way_of
from curation.scrub.prompts import PromptScrubber
from curation.scrub.replies import ScrubReplies
from curation.scrub.scrubber import Scrubber
from curation.select import SelectStep, control_arm
from curation.task import Task

TASK = Task.model_validate(
    {
        "task": {"name": "support", "kind": "classify"},
        "answer": {
            "format": "json",
            "field": "intent",
            "labels": ["refund", "other"],
            "schema": {"required": ["intent"], "properties": {"order_id": {"type": ["string", "null"]}}},
            "extract": ["order_id"],
        },
        "teachers": [
            {"name": "alder", "use": "practice", "model": "alder-large"},
            {"name": "birch", "use": "practice", "model": "birch-large"},
        ],
        "scrub": {"allow": [{"pattern": r"ORD-\d{6}", "owner": "support"}]},
        "checks": {"refusal": {}, "truncated": {}, "schema": {}, "length": {"field": "reply", "min_characters": 2}},
        "protect": {"ngram": 5},
        "select": {"keep": 4},
    }
)
TEXTS = (
    "Refund ORD-123456 to ana@example.com please",
    "refund ORD-123456 to bob@example.com, please!",
    "Where is my parcel? Call 555-0142",
    "This is exactly a row of the holdout",
    "My card ends in 4111 1111 1111 1111",
    "Cancel it",
)


def good(order=None, intent="refund", reply="We will look into it."):
    return json.dumps({"intent": intent, "order_id": order, "reply": reply})


ANSWERS = {
    "alder": [
        good("ORD-123456"), good("ORD-123456"), good(reply="Write to us@example.com"), good(), good(intent="weather"),
        "I'm sorry, but I can't help with that.",
    ],
    "birch": [good(intent="other"), good(), '{"intent": "refund", "re', good(), good(reply=""), good()],
}  # fmt: skip


def sampled(prompts):
    planned, turns = [], {}
    for position, prompt in enumerate(prompts):
        for teacher in TASK.teachers:
            request = Request(
                provider="practice", host="practice", api_version="1", model=teacher.model, messages=prompt.messages,
                template=prompt.id,
            )  # fmt: skip
            salvage = Salvage(way_of(teacher), prompt, Form(TASK.answer, repair=True), TASK.sampling)
            planned.append(Planned(position, prompt, teacher, 0, Ask(request, teacher, salvage), salvage))
            text = ANSWERS[teacher.name][position]
            turns[request.key] = (Turn(request, Reply(key=request.key, text=text, stop="end", model=teacher.model)),)
    recall = lambda asks: [turns[a.request.key] for a in asks]  # noqa: E731
    return Maker(TASK.answer, recall, lambda key, index: f"{key[:16]}{index}", {}).frames(planned)


def test_every_sample_ends_in_one_state_with_one_reason_and_nothing_personal_is_left():
    scrubber = Scrubber.of(TASK.scrub, date(2026, 1, 1))
    prompts = [
        prompt_of({"id": f"p{i}", "text": t, "group": f"g{i}@example.com"}, TASK.prompts) for i, t in enumerate(TEXTS)
    ]
    clean = [prompt for prompt in PromptScrubber(scrubber)(prompts) if isinstance(prompt, Prompt)]
    assert len(clean) == 6
    samples, failures = sampled(clean)
    steps = [
        ScrubReplies(scrubber, TASK.answer),
        ChecksStep(TASK.check_plugins, TASK.answer),
        DedupStep(TASK.dedup),
        ProtectStep(TASK.protect, {"holdout.jsonl": ["This is exactly a row of the holdout"]}),
        SelectStep(TASK.select, 0, TASK.answer),
    ]
    decided, decisions = apply(samples, steps)
    assert set(failures["reason"]) == {"prompt_masked"}  # no request failed; the groups hold addresses
    assert decided.select("prompt_id", "teacher", "state", "reason", "edited").sort("prompt_id", "teacher").rows() == [
        ("p0", "alder", "kept", None, False),
        ("p0", "birch", "kept", None, False),
        ("p1", "alder", "dropped", "duplicate", False),
        ("p1", "birch", "dropped", "quota", False),
        ("p2", "alder", "kept", None, True),
        ("p2", "birch", "dropped", "truncated", False),
        ("p3", "alder", "dropped", "protected", False),
        ("p3", "birch", "dropped", "duplicate", False),
        ("p4", "alder", "dropped", "label", False),
        ("p4", "birch", "dropped", "too_short", False),
        ("p5", "alder", "dropped", "refusal", False),
        ("p5", "birch", "kept", None, False),
    ]
    assert decided.height == 12
    assert "@example" not in decided.write_json()
    assert "ORD-123456" in decided["labels"][0]
    assert decisions.filter(action="drop")["sample"].n_unique() == decided.filter(state="dropped").height
    assert control_arm(decided, 0)["control"].sum() == decided.filter(state="kept").height
