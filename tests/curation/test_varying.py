"""Prompts varied in kinds: what each keeps, what it is tagged with, what it costs, and what is left out."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.asker import Asker
from curation.errors import TaskError, UnknownPlugin
from curation.llm.practice import KeyEntry, PracticeServer
from curation.llm.practice.rewording import reword
from curation.plugins import known
from curation.progress import Silent
from curation.records import Message, Prompt, Reply, Request, digest
from curation.store.replies import Replies
from curation.task import Environment, SamplingTable, Task, VaryTable, read_task
from curation.variation import kinds_for, lost, precious, variations_of, wordings
from curation.variations.noise import Noise
from curation.variations.rewording import Rewording
from curation.varying import vary_prompts
from tests.curation.asking import asker_in, replies_in

TASK = """
[task]
name = "t"
seed = 5

[answer]
format = "label"
labels = ["refund", "other"]

[[teachers]]
name = "a"
use = "practice"
model = "alder-large"
"""
TEXT = "Hello there. The lamp from order ORD-10000{n} is broken. Please send [FULL_NAME] a new one."


def task_in(root: Path, vary: str) -> Task:
    (root / "task.toml").write_text(f"{TASK}\n[vary]\n{vary}\n", encoding="utf-8")
    return read_task(root / "task.toml")


def prompts(number: int = 4, system: str | None = "You sort letters. Answer with one label. Say nothing else.") -> list:
    before = [Message(role="system", content=system)] if system else []
    return [
        Prompt(id=f"p{n}", messages=(*before, Message(role="user", content=TEXT.format(n=n))), group=f"g{n}",
               tags=("mail",), fields={"n": n})
        for n in range(number)
    ]  # fmt: skip


def server_for(task: Task) -> PracticeServer:
    entries = [KeyEntry(id=p.id, text=p.text, answer="refund") for p in prompts()]
    return PracticeServer(entries, seed=1, answer=task.answer, vary=task.vary)


def varied(root: Path, vary: str, given: list | None = None) -> tuple[list[Prompt], int]:
    """The prompts with their variants, and the calls they took."""
    task = task_in(root, vary)
    with server_for(task) as server, asker_in(root, url=server.url) as asker:
        return vary_prompts(given or prompts(), task, asker), asker.calls


def made(found: list[Prompt], kind: str) -> list[Prompt]:
    return [p for p in found if f"vary:{kind}" in p.tags]


# --- what must not change --------------------------------------------------------------------------------------


def test_rewordings_keep_the_request_keys_of_everything_that_was_ever_bought():
    prompt = Prompt(id="p", messages=(Message(role="user", content="Where is ORD-123456?"),))
    asking = Rewording(styles=("shorter", "more formal")).asking(prompt.text, 1)
    request = Request(
        provider="openai", host="practice", api_version="v1", model="alder-large", messages=asking.messages,
        answer_schema=asking.answer_schema, template=asking.template,
    )  # fmt: skip
    assert asking.template == "e0d9d100134c3c7ef1a640cd2cd09cc4b80533a7ae9600287c30e12702057f3f"
    assert request.key == "f4b437aab6b6b368fab30cb470e5b717ec0737d668662cc9489a69cde1dc972d"
    assert digest([asking.messages[0].content]) == "0d3127c7efc3cf803023f48e53b696a0d87959b1fb3390d51ea71f768ae3578c"


def test_a_kind_beside_rewording_buys_no_rewording_again(tmp_path):
    task = task_in(tmp_path, "per_prompt = 2")
    with server_for(task) as server, asker_in(tmp_path, url=server.url) as asker:
        alone = vary_prompts(prompts(), task, asker)
        calls = asker.calls
        both = task_in(tmp_path, 'per_prompt = 4\nkinds = ["rewording", "noise"]')
        together = vary_prompts(prompts(), both, asker)
        assert asker.calls == calls == 8
    assert {p.text for p in made(together, "rewording")} == {p.text for p in made(alone, "rewording")}


def test_no_variants_are_made_and_nobody_is_asked_where_none_are_wanted(tmp_path):
    for vary in ("per_prompt = 0", "per_prompt = 2\nstyles = []", "per_prompt = 2\nshare = 0.0"):
        found, calls = varied(tmp_path, vary)
        assert (found, calls) == (prompts(), 0)


# --- kinds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", known("curation.variations"))
def test_every_kind_says_its_parent_and_itself_and_keeps_group_fields_and_tags(tmp_path, kind):
    found, _ = varied(tmp_path, f'per_prompt = 2\nstyles = ["shorter", "more formal"]\nkinds = ["{kind}"]')
    variants = made(found, kind)
    assert len(variants) == len([p for p in found if p.parent]) == 8
    for prompt in variants:
        parent = next(p for p in prompts() if p.id == prompt.parent)
        assert (prompt.group, prompt.fields) == (parent.group, parent.fields)
        assert prompt.tags[:2] == ("mail", f"vary:{kind}")
        assert ("ask_back" in prompt.tags) == (kind == "underspecified")
        assert prompt.id == f"{parent.id}~{prompt.variant}"
        assert (prompt.messages[0] == parent.messages[0]) == (kind != "instruction")
        assert (prompt.text == parent.text) == (kind == "instruction")
        assert kind == "underspecified" or lost(parent.text, prompt.text) is None
    assert [p.id for p in found[:3]] == ["p0", "p0~0", "p0~1"]


def test_an_instruction_is_paraphrased_once_per_variant_for_all_prompts_that_share_it(tmp_path):
    found, calls = varied(tmp_path, 'per_prompt = 3\nkinds = ["instruction"]')
    assert calls == 3
    said = {(p.variant, p.messages[0].content) for p in found if p.parent}
    assert len(said) == 3


def test_a_prompt_without_an_instruction_has_none_to_put_in_other_words(tmp_path):
    task = task_in(tmp_path, 'per_prompt = 1\nkinds = ["instruction"]')
    heard = Silent()
    with asker_telling(heard, tmp_path) as asker:
        assert vary_prompts(prompts(system=None), task, asker) == prompts(system=None)
    assert heard.notices == ["4 of 4 variants were left out: 4 had no instruction to put in other words"]


def test_noise_costs_no_call_and_is_the_same_every_time(tmp_path):
    found, calls = varied(tmp_path, 'per_prompt = 3\nkinds = ["noise"]')
    assert calls == 0
    assert found == varied(tmp_path, 'per_prompt = 3\nkinds = ["noise"]')[0]
    assert len({p.text for p in found}) > 12


def test_a_transformation_is_declared_in_words_and_asked_for_in_these_words(tmp_path):
    words = "as an e-mail forwarded with a thread below"
    table = VaryTable(per_prompt=1, kinds=("forwarded",), transformations={"forwarded": words})
    line = json.loads(variations_of(table)["forwarded"].asking("Hi", 0).messages[0].content.rpartition("\n")[2])
    assert line == {"text": "Hi", "style": words, "variant": 0}
    found, calls = varied(
        tmp_path, f'per_prompt = 1\nkinds = ["forwarded"]\n[vary.transformations]\nforwarded = "{words}"'
    )
    assert calls == len(made(found, "forwarded")) == 4


def test_kinds_are_taken_in_turn_and_one_variant_each_still_gives_all_of_them():
    table = VaryTable(per_prompt=3, kinds=("rewording", "noise", "harder"))
    for prompt in map(str, range(50)):
        drawn = list(kinds_for(table, 1, prompt))
        assert [variant for variant, _, _ in drawn] == [0, 1, 2]
        assert {kind for _, kind, _ in drawn} == {"rewording", "noise", "harder"}
        assert {nth for _, _, nth in drawn} == {0}
    one = table.model_copy(update={"per_prompt": 1})
    first = Counter(kind for p in map(str, range(600)) for _, kind, _ in kinds_for(one, 1, p))
    assert all(150 < first[kind] < 250 for kind in table.kinds)


def test_kinds_with_shares_are_drawn_by_them_whatever_their_order():
    shares = {"rewording": 3.0, "noise": 1.0}
    table = VaryTable(per_prompt=4, kinds=shares)
    other = VaryTable(per_prompt=4, kinds=dict(reversed(shares.items())))
    drawn = [list(kinds_for(table, 1, str(p))) for p in range(500)]
    assert drawn == [list(kinds_for(other, 1, str(p))) for p in range(500)]
    assert sum(kind == "noise" for each in drawn for _, kind, _ in each) == pytest.approx(500, abs=80)
    assert all([n for _, k, n in each if k == "rewording"] == list(range(sum(k == "rewording" for _, k, _ in each)))
               for each in drawn)  # fmt: skip


@pytest.mark.parametrize(
    ("vary", "error", "words"),
    [
        ('kinds = ["rewordng"]', UnknownPlugin, r"\[vary\] kinds.*'rewordng'.*did you mean 'rewording'"),
        ('kinds = ["noise"]\n[vary.transformations]\nforwarded = "x"', TaskError, "'forwarded' is not among kinds"),
        ('kinds = ["noise"]\n[vary.settings.harder]\nways = ["x"]', TaskError, "'harder' is not among kinds"),
        ('kinds = ["noise"]\n[vary.settings.noise]\ntypo = 1', TaskError, "did you mean 'typos'"),
        ('kinds = ["noise"]\n[vary.transformations]\nnoise = "x"', TaskError, "'noise' is a kind of its own"),
        ("kinds = { noise = 0 }", TaskError, "each with a share above 0"),
        ("kinds = []", TaskError, "at least one kind"),
    ],
)
def test_a_kind_that_does_not_fit_is_named_when_the_task_is_read(tmp_path, vary, error, words):
    with pytest.raises(error, match=words):
        task_in(tmp_path, vary)


# --- what is kept ----------------------------------------------------------------------------------------------


def test_a_variant_that_lost_a_number_or_a_placeholder_is_left_out_and_counted(tmp_path):
    task = task_in(tmp_path, 'per_prompt = 1\nkinds = ["persona"]')
    original = prompts(3)
    answers = [TEXT.format(n=0).replace("Hello there", "Good day"), "The lamp is broken.", TEXT.format(n=2)]
    heard = Silent()
    with asker_telling(heard, tmp_path) as asker:
        journal(asker.request, replies_in(tmp_path), task, original, answers)
        found = vary_prompts(original, task, asker)
        assert asker.calls == 0
    assert [p.id for p in found] == ["p0", "p0~0", "p1", "p2"]
    assert heard.notices == [
        "2 of 3 variants were left out: 1 lost a number or a placeholder, 1 came back unchanged"
    ]  # fmt: skip


def test_an_incomplete_variant_may_lose_its_number_because_that_is_the_point(tmp_path):
    task = task_in(tmp_path, 'per_prompt = 1\nkinds = ["underspecified"]')
    original = prompts(2)
    heard = Silent()
    with asker_telling(heard, tmp_path) as asker:
        journal(asker.request, replies_in(tmp_path), task, original, ["The lamp is broken.", "{"])
        found = vary_prompts(original, task, asker)
    assert [(p.id, p.text) for p in found if p.parent] == [("p0~0", "The lamp is broken.")]
    assert found[1].tags == ("mail", "vary:underspecified", "ask_back")


def test_what_must_survive_is_placeholders_and_words_with_digits():
    text = "Hi [EMAIL], ORD-123456 cost 1,204.50 on 2024-11-03, 2 lamps, call 0170/55, [see below] a1b2@x.de"
    assert precious(text) == ["[EMAIL]", "ORD-123456", "204.50", "2024-11-03", "0170/55", "a1b2@x.de"]
    assert lost(text, text.upper().replace("A1B2@X.DE", "a1b2@x.de")) is None
    assert lost("order ORD-123456", "order ORD-1234567") == "ORD-123456"
    assert lost("30 lamps", "thirty lamps") == "30"


PIECES = st.sampled_from(["[EMAIL]", "[FULL NAME]", "ORD-123456", "12.50", "Where", "is", "Maria", "Müller's",
                          "parcel?", "delivery", "please,", "x@y.de", "don't", "(really)", "naïve",
                          "\n", "…", "a_b"])  # fmt: skip


@given(st.lists(PIECES, max_size=30), st.integers(0, 5))
def test_noise_never_touches_placeholders_numbers_addresses_and_names_within_a_sentence(pieces, nth):
    text = "so " + " ".join(pieces)
    noisy = Noise(typos=1, case=1, punctuation=1).local(text, nth, 7)
    assert noisy is not None
    assert lost(text, noisy) is None
    for word in ("[EMAIL]", "[FULL NAME]", "x@y.de", "a_b"):
        assert noisy.count(word) == text.count(word)
    if not re.search(r"[\n?…]", text):
        assert noisy.count("Maria") == text.count("Maria")
    assert noisy.count("\n") == text.count("\n")


def test_noise_changes_every_text_that_has_a_word_to_mistype():
    for nth in range(20):
        assert Noise(typos=0, case=0, punctuation=0).local("where is my parcel", nth, 1) != "where is my parcel"
    assert Noise(typos=1).local("[EMAIL] 12.50", 0, 1) == "[EMAIL] 12.50"


def test_noise_is_typed_as_often_as_its_settings_say():
    text = " ".join(f"parcel number {word} arrived broken today" for word in ("seven", "eight", "nine")) + "."
    noisy = [
        Noise(typos=0.1, case=0.3, punctuation=0.5).local(f"Now {text} {i} times.", 0, 3) or "" for i in range(400)
    ]
    assert sum(n.startswith(("n", "N")) and n[0] == "n" for n in noisy) / 400 == pytest.approx(0.3, abs=0.1)
    assert sum("." not in n for n in noisy) / 400 == pytest.approx(0.5, abs=0.1)


def test_a_practice_server_can_know_every_variant_beforehand(tmp_path):
    vary = 'per_prompt = 4\nkinds = ["rewording", "noise", "persona", "forwarded", "instruction"]'
    vary += '\n[vary.transformations]\nforwarded = "as a forwarded e-mail"'
    found, _ = varied(tmp_path, vary)
    task = task_in(tmp_path, vary)
    table = task.vary
    entries = [KeyEntry(id=p.id, text=p.text, answer="refund") for p in prompts()]
    server = PracticeServer(entries, seed=5, answer=task.answer, vary=table)
    assert all("unknown_prompt" not in server.injected("alder-large", p.text) for p in found)
    for prompt in found:
        original = next(p for p in prompts() if p.id == (prompt.parent or prompt.id))
        expected = {words for _, _, words in wordings(table, [original.text], 5, reword)} | {original.text}
        assert prompt.text in expected
    assert {p.tags[1] for p in found if p.parent} == {f"vary:{k}" for k in table.kinds}


# --- what the tests share --------------------------------------------------------------------------------------


def asker_telling(progress: Silent, root: Path) -> Asker:
    """An asker without a server, over the journal of a workspace."""
    return Asker(
        replies_in(root), Environment({}), sampling=SamplingTable(), budget_usd=None, progress=progress,
        practice_url="http://127.0.0.1:9",
    )  # fmt: skip


def journal(request, replies: Replies, task: Task, given: list[Prompt], texts: list[str]) -> None:
    """Put replies into the journal as if they had been bought; text that is no JSON is left as it is."""
    (kind,) = variations_of(task.vary).values()
    rows = []
    for prompt, text in zip(given, texts, strict=True):
        asking = kind.asking(prompt.text, 0)
        made = request(task.teachers[0], asking.messages, answer_schema=asking.answer_schema, template=asking.template)
        said = text if text == "{" else json.dumps({"text": text})
        rows.append((made, "vary", Reply(key=made.key, text=said, stop="end", model="m")))
    replies.record(rows)
