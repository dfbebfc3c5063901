"""The shipped support task: rebuilt byte for byte, private to nobody, apart from its holdout, hard but learnable."""

import importlib.util
import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from curation.answers import parse_answer
from curation.llm.practice import PROFILES, PracticeServer, read_key
from curation.shipped import support_folder
from curation.task import read_task

FOLDER = support_folder()
TASK = read_task(FOLDER / "task.toml")
TEXTS = ("prompts.jsonl", "gold.jsonl", "holdout.jsonl")


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def load_make():
    spec = importlib.util.spec_from_file_location("make_support", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generator_rebuilds_every_generated_file_byte_for_byte():
    for name, content in load_make().files().items():
        assert (FOLDER / name).read_bytes() == content.encode(), f"{name}: run python data/support/make.py"


def test_there_is_as_much_as_the_readme_says():
    prompts, holdout = rows("prompts.jsonl"), rows("holdout.jsonl")
    written = [p for p in prompts if "handwritten" in p["tags"] and "repeated" not in p["tags"]]
    slices = Counter(tag for p in written for tag in p["tags"])
    assert len(prompts) >= 1500
    assert len(written) >= 200
    for kind in ("typo", "two_intents", "contradiction", "missing_order", "anger", "injection", "personal_data"):
        assert slices[kind] >= 8, kind
    assert sum(slices[f"mixed_{language}"] for language in ("de", "es", "fr")) >= 24
    assert len(rows("gold.jsonl")) == len(rows("judged.jsonl")) == 120
    assert len(holdout) == 800
    assert len({h["text"] for h in holdout}) == 800
    assert len({h["cluster"] for h in holdout}) >= 200


@pytest.mark.parametrize("name", ["answer_key.jsonl", "gold.jsonl", "holdout.jsonl"])
def test_every_right_answer_passes_the_tasks_own_schema_and_names_an_order_that_is_in_the_text(name: str):
    validator = jsonschema.Draft202012Validator(TASK.answer.json_schema or {})
    for row in rows(name):
        validator.validate(parse_answer(json.dumps(row["answer"]), TASK.answer))
        assert row["answer"]["intent"] in TASK.answer.labels
        assert (row["answer"]["order_id"] or "") in row["text"], row["id"]


def test_the_key_answers_every_prompt_and_knows_no_other():
    assert [(p["id"], p["text"]) for p in rows("prompts.jsonl")] == [
        (k["id"], k["text"]) for k in rows("answer_key.jsonl")
    ]
    assert len({p["id"] for p in rows("prompts.jsonl")}) == len(rows("prompts.jsonl"))


def test_personal_data_comes_from_reserved_ranges_only():
    for row in (row for name in TEXTS for row in rows(name)):
        text = re.sub(r"DE89 3704 0044 0532 0130 00|GB82 WEST 1234 5698 7654 32", "[documented example]", row["text"])
        for host in re.findall(r"@([\w.-]+\w)", text):
            assert re.fullmatch(r"example\.(com|org|net)", host), row["id"]
        for phone in re.findall(r"\(?\b202\)?[\s-]\d{3}-\d{4}", text):
            assert re.search(r"555-01\d\d$", phone), row["id"]
        for address in re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text):
            assert re.match(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.", address), row["id"]
        for card in re.findall(r"\b(?:\d{4} ){3}\d{4}\b", text):
            assert card in ("4111 1111 1111 1111", "5555 5555 5555 4444"), row["id"]


def test_the_holdout_shares_no_template_with_the_prompts_and_gold_only_what_was_planted():
    seen = {run for row in rows("holdout.jsonl") for run in runs(row["text"], 6)}
    assert [p["id"] for p in rows("prompts.jsonl") if runs(p["text"], 6) & seen] == []
    gold = {run for row in rows("gold.jsonl") for run in runs(row["text"], TASK.protect.ngram)}
    shared = {p["id"] for p in rows("prompts.jsonl") if runs(p["text"], TASK.protect.ngram) & gold}
    assert shared == {f"leak-{i}" for i in range(8)}


def test_a_linear_model_finds_it_hard_but_learnable_and_suffers_from_noisy_labels():
    pipeline = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    key = read_key(Path(FOLDER / "answer_key.jsonl"))
    server = PracticeServer(key, seed=TASK.task.seed, answer=TASK.answer)
    said = [server.behaviour.answer("alder-large", PROFILES["alder"], e.text).label for e in key]
    texts = [h["text"] for h in rows("holdout.jsonl")]
    wanted = [h["answer"]["intent"] for h in rows("holdout.jsonl")]

    def accuracy(labels: list[str | None]) -> float:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        model = pipeline.make_pipeline(pipeline.make_union(words, letters), LinearSVC(C=0.3))
        taught = [(e.text, label) for e, label in zip(key, labels, strict=True) if label]
        return model.fit(*zip(*taught, strict=True)).score(texts, wanted)

    clean, noisy = accuracy([e.answer["intent"] for e in key]), accuracy(said)
    assert 0.75 < clean < 0.92
    assert noisy < clean - 0.03
