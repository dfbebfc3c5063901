"""What leaves the house: a canary in a prompt is seen by nobody, and everything that was sent is listed."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from curation import Workspace
from tests.curation.scripted import Scripted, chat, said
from tests.run.conftest import stillhouse

SAID = {"person": "Hello, my name is {} and my parcel is late."}
ROOT = Path(__file__).parents[2]
CANARIES = {
    "email": "kestrel.ottoline@quillmere.example",
    "card": "4539 1488 0343 6467",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+44 20 7946 0958",
    "national_id": "521-44-9382",
    "secret": "ghp_x7Kq2Lm9Zt4Vb8Nc1Wd5Rf6Yg3Hj0Pa2Se4",
    "ip": "203.0.113.77",
    "person": "Ottoline Kestrel",
}


def workspace(folder: Path, url: str, more: str = "") -> Path:
    """A task with one teacher at `url` and one prompt for every canary, as text, as a column and as a group."""
    (folder / "prompts").mkdir(parents=True)
    rows = [
        {"id": kind, "text": SAID.get(kind, "Please look at {}.").format(value), "note": value, "group": value}
        for kind, value in CANARIES.items()
    ]
    (folder / "prompts" / "some.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    (folder / "task.toml").write_text(
        f"""[task]
name = "canaries"
kind = "chat"

[budget]
usd = 1.0

[[teachers]]
name = "far"
family = "gpt"
use = "openai"
base_url = "{url}"
model = "scripted"
price = {{ input = 1.0, output = 1.0 }}
params = {{ max_tokens = 50 }}
region = "eu-west-1"

{more}
""",
        encoding="utf-8",
    )
    return folder


def everything_written(folder: Path) -> dict[str, str]:
    """Every file Stillhouse wrote, as text; tables are read as tables, since they are compressed."""
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "prompts":
            table = path.suffix == ".parquet"
            text = str(pl.read_parquet(path).to_dicts()) if table else path.read_bytes().decode("utf-8", "replace")
            found[str(path.relative_to(folder))] = text
    return found


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-only")


def test_a_canary_in_a_prompt_reaches_no_server_and_no_file_that_is_written(tmp_path: Path):
    with Scripted(lambda body: chat(f"I read: {said(body)}")) as server:
        folder = workspace(tmp_path / "w", server.url)
        run = stillhouse(folder, "run", check=True, keys=True)
        out = stillhouse(
            folder, "export", "head", "--format", "jsonl", "-o", str(tmp_path / "w" / "out.jsonl"), check=False
        )
        sent = json.dumps(server.bodies, ensure_ascii=False)
        why = stillhouse(folder, "why", Workspace.open(folder).samples()["id"][0]).stdout
        assert server.calls == len(CANARIES)
    seen = {**everything_written(folder), "requests": sent, "stdout": run.stdout + run.stderr + out.stdout + why}
    for kind, value in CANARIES.items():
        assert [name for name, text in seen.items() if value in text or value.replace(" ", "") in text] == [], kind
        assert f"[{kind.upper()}]" in sent


def test_what_was_sent_is_listed_by_host_with_region_bytes_and_how_it_was_scrubbed(tmp_path: Path):
    with Scripted(lambda body: chat("fine")) as server:
        folder = workspace(tmp_path / "w", server.url)
        stillhouse(folder, "run", keys=True)
        stillhouse(folder, "run", keys=True)
        lines = json.loads(stillhouse(folder, "egress", "--json").stdout)["egress"]
        host = server.url.removeprefix("http://").removesuffix("/v1")
    assert [(line["host"], line["region"], line["requests"], line["sent"]) for line in lines] == [
        (host, "eu-west-1", len(CANARIES), len(CANARIES))
    ]
    assert lines[0]["at_home"] is True  # 127.0.0.1 is this machine
    assert lines[0]["bytes"] > 100 * len(CANARIES)
    assert lines[0]["scrub"].startswith("recall, ")
    assert "Left this machine: nothing" in stillhouse(folder, "egress").stdout


def test_personal_data_that_comes_in_by_another_way_than_a_prompt_is_held_at_the_door(tmp_path: Path):
    judge = """[[judges]]
name = "other"
use = "openai"
base_url = "{url}"
model = "claude-like"
family = "claude"
price = {{ input = 1.0, output = 1.0 }}
params = {{ max_tokens = 50 }}
rubric = "polite.toml"
"""
    shipped = (ROOT / "judges" / "rubrics" / "general.toml").read_text(encoding="utf-8")
    with Scripted(lambda body: chat("fine")) as server:
        folder = workspace(tmp_path / "w", server.url, judge.format(url=server.url))
        told = re.sub(
            r'^question = "', 'question = "Ask mira.holt@quillmere.example when in doubt. ', shipped, flags=re.M
        )
        (folder / "polite.toml").write_text(told, encoding="utf-8")
        stillhouse(folder, "run", keys=True)
        sent = json.dumps(server.bodies)
    assert "mira.holt" not in sent
    with Workspace.open(folder) as opened:
        assert set(opened.samples()["judged"].drop_nulls()) <= {"unjudged"}
