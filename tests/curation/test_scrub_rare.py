"""What only few sources hold, and no list of words knows, waits for a person: before asking, and in answers."""

from curation.pipeline import apply
from curation.records import Message, Prompt
from curation.scrub.rare import RareStep, held_for_rarity
from tests.curation.rows import row, table


def asked(ident: str, text: str, group: str | None = None) -> Prompt:
    return Prompt(id=ident, messages=(Message(role="user", content=text),), group=group)


PROMPTS = [
    asked("a", "please look at the parcel of Zorblaxia today"),
    asked("b", "please look at the parcel"),
    *(asked(f"c{i}", f"the Quibbler machine is broken, number {i}") for i in range(3)),
]


def test_a_prompt_with_a_name_that_few_sources_hold_is_held_and_a_shared_one_is_not():
    held = held_for_rarity(PROMPTS, 3)
    waiting = {prompt.id: found for prompt in PROMPTS if (found := held(prompt)) is not None}
    assert list(waiting) == ["a"]
    assert waiting["a"].reason == "rare_string"
    assert "Zorblaxia" not in waiting["a"].words
    assert "fewer than 3 sources" in waiting["a"].words


def test_one_group_is_one_source_however_many_prompts_it_has():
    same = [asked(f"p{i}", "the parcel of Zorblaxia is late", group="one customer") for i in range(5)]
    assert held_for_rarity(same, 3)(same[0]) is not None
    apart = [asked(f"p{i}", "the parcel of Zorblaxia is late", group=f"customer {i}") for i in range(5)]
    assert held_for_rarity(apart, 3)(apart[0]) is None


def test_an_answer_waits_for_what_is_rare_in_it_but_not_for_what_its_prompt_says():
    asks = [{"role": "user", "content": "Is Zorblaxia there?", "name": None, "tool_calls": None, "tool_call_id": None}]
    rows = [
        row(1, prompt_id="p1", answer="We asked Zorblaxia about it.", messages=asks),
        row(2, prompt_id="p2", answer="We asked Vintorelle about it."),
        row(3, prompt_id="p3", answer="We asked them about it."),
    ]
    samples, decisions = apply(table(*rows), [RareStep(3)])
    assert samples.select("prompt_id", "state", "reason").rows() == [
        ("p1", "kept", None), ("p2", "quarantined", "rare_string"), ("p3", "kept", None),
    ]  # fmt: skip
    assert "Vintorelle" not in decisions["words"][0] + decisions["evidence"][0]
