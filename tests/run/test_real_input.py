"""Real data that nobody here wrote, run to a sealed version: replies of eight models, ten thousand messages."""

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from curation import Workspace
from tests.run.conftest import prompts_file, report, stillhouse
from tests.run.test_run import identity_holds

pytestmark = pytest.mark.journey


def test_recorded_replies_of_eight_models_become_a_sealed_version(shared_data: Path, tmp_path: Path):
    recorded = sorted((shared_data / "self_instruct" / "predictions").glob("*.jsonl"))
    teachers = "".join(
        f'[[teachers]]\nname = "{file.stem.removesuffix("_predictions").lower().replace(".", "-")}"\n'
        f'use = "replay"\nmodel = "{file.stem.removesuffix("_predictions")}"\npath = "{file}"\n\n'
        for file in recorded
    )
    checks = "[checks.length]\nmin_characters = 1\n[checks.refusal]\n[checks.repetition]\n"
    scrub = '[scrub]\nentities = ["email", "phone", "secret"]\n'
    (tmp_path / "task.toml").write_text(
        f'[task]\nname = "recorded"\nkind = "chat"\n\n{teachers}{checks}{scrub}',
        encoding="utf-8",
    )
    imported = stillhouse(tmp_path, "import", str(recorded[0]), "--map", "prompt=text", "--json")
    counts = json.loads(imported.stdout.splitlines()[-1])
    assert counts["in"] == counts["kept"] + counts["quarantined"] == 252
    line = report(tmp_path)
    assert identity_holds(line)
    assert (line["samples"], line["calls"], line["cost_usd"]) == (counts["kept"] * len(recorded), 0, 0.0)
    silent = sum(not _said(file)[prompt].strip() for file in recorded for prompt in _said(file))
    assert line["failed"] == silent > 0  # an empty reply is a failure with its reason, never an empty answer
    assert line["dropped"]["repetition"] > 100  # the base model runs in circles
    with Workspace.open(tmp_path) as opened:
        samples = opened.samples()
    first = samples.filter(
        (pl.col("teacher") == samples["teacher"][0]) & ~pl.col("edited") & pl.col("answer").is_not_null()
    )
    said = _said(recorded[0])
    whole = [
        (m[-1]["content"], a) for m, a in first.select("messages", "answer").iter_rows() if m[-1]["content"] in said
    ]
    assert len(whole) >= first.height - 2  # two prompts hold e-mail addresses, which were masked
    assert all(said[prompt].strip() == answer.strip() for prompt, answer in whole)
    assert report(tmp_path)["calls"] == 0


def _said(recorded: Path) -> dict[str, str]:
    rows = map(json.loads, recorded.read_text(encoding="utf-8").splitlines())
    return {row["prompt"]: row["response"] for row in rows}


@pytest.mark.timeout(900)
def test_ten_thousand_real_messages_are_labelled_with_noise_and_sealed(shared_data: Path, tmp_path: Path):
    with (shared_data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({r["category"] for r in rows})
    (tmp_path / "practice").mkdir()
    (tmp_path / "practice" / "key.jsonl").write_text(
        "".join(
            json.dumps({"id": str(i), "text": r["text"].strip(), "answer": r["category"], "difficulty": 0.5}) + "\n"
            for i, r in enumerate(rows)
        ),
        encoding="utf-8",
    )
    (tmp_path / "task.toml").write_text(
        f"""[task]
name = "banking"
kind = "classify"
[answer]
format = "label"
labels = {json.dumps(labels)}
[[teachers]]
name = "alder"
use = "practice"
model = "alder-large"
params = {{ max_tokens = 40, logprobs = true }}
[checks.schema]
[checks.refusal]
[practice]
key = "practice/key.jsonl"
[practice.families.alder]
wrong = 0.2
[budget]
usd = 1.0
""",
        encoding="utf-8",
    )
    source = shared_data / "banking77" / "train.csv"
    counts = json.loads(stillhouse(tmp_path, "import", str(source), "--json").stdout.splitlines()[-1])
    assert counts["in"] == counts["kept"] + counts["quarantined"] == len(rows)
    assert prompts_file(tmp_path).exists()
    line = report(tmp_path)
    assert identity_holds(line)
    assert line["samples"] == counts["kept"]
    right = {r["text"].strip(): r["category"] for r in rows}
    with Workspace.open(tmp_path) as opened:
        answered = opened.samples().filter(pl.col("labels").is_not_null())
    told = [
        json.loads(x)["label"] == right.get(m[-1]["content"].strip())
        for m, x in answered.select("messages", "labels").iter_rows()
    ]
    noise = 1 - sum(told) / len(told)
    assert 0.15 < noise < 0.25
    assert report(tmp_path)["calls"] == 0
