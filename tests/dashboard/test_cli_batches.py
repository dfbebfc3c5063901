"""`stillhouse batches`: what a provider works on, from the command line."""

import json
from pathlib import Path

from tests.run.conftest import make_workspace, practice_for, stillhouse


def in_batches(text: str) -> str:
    return text.replace('use = "practice"', 'use = "practice"\nmode = "batch"', 1)


def test_a_run_may_leave_its_batches_and_be_run_again_and_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path):
    workspace = make_workspace(tmp_path / "left", 20, edit=in_batches)
    assert "No batch was ever sent" in stillhouse(workspace, "batches").stdout
    with practice_for(workspace, batch_ms=None) as server:  # a batch ends when the test says so
        left = stillhouse(workspace, "run", "--no-wait", url=server.url).stdout
        assert "requests wait with the provider in batches" in left
        (batch,) = listed(workspace)
        assert batch["open"]
        assert len(server.batches()) == 1
        stillhouse(workspace, "batches", "--cancel", url=server.url)
        (batch,) = listed(workspace)
        assert not batch["open"]
        assert 0 < batch["counts"]["reply"] < batch["requests"]
        stillhouse(workspace, "run", "--no-wait", url=server.url)
        server.finish_batches()
        done = json.loads(stillhouse(workspace, "run", "--json", url=server.url).stdout.splitlines()[-1])
        held = [set(b.custom_ids) for b in server.batches()]
    assert done["version"]
    assert done["samples"] == 40
    assert len(held) == 2
    assert all(batch["output_sha256"] for batch in listed(workspace))


def listed(workspace: Path) -> list[dict]:
    return json.loads(stillhouse(workspace, "batches", "--json").stdout.splitlines()[-1])["batches"]
