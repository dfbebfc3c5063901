"""What a large plan costs in memory: a million requests planned, each with its key, none of them held.

A child process opens a workspace, then reads, scrubs and plans everything, as `run` does before it asks. Figure:
growth of the process's peak resident memory from after imports and opening. Limit: 200 MB. Side condition: as many
different request keys as were to be planned (counted by a digest that holds none of them).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.harness import ROOT, Missed, Result, last_words, note, report, texts

NAME, UNIT = "plan_memory", "MB of peak memory, 200 / growth"
LIMIT = 200.0
SAMPLES = 2
TASK = f"""
[task]
name = "plan-memory"

[[teachers]]
name = "one"
use = "openai"
model = "alder-large"
base_url = "http://127.0.0.1:9/v1"
price = {{ input = 0.15, output = 0.6 }}
params = {{ max_tokens = 64 }}
n = {SAMPLES}

[[teachers]]
name = "two"
use = "openai"
model = "alder-small"
base_url = "http://127.0.0.1:9/v1"
price = {{ input = 0.15, output = 0.6 }}
params = {{ max_tokens = 64 }}
n = {SAMPLES}

[budget]
usd = 1.0
"""


def measure(requests: int) -> Result:
    """Plan so many requests in a child process."""
    prompts = requests // (2 * SAMPLES)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        (root / "prompts").mkdir()
        (root / "task.toml").write_text(TASK, encoding="utf-8")
        with (root / "prompts" / "all.jsonl").open("w", encoding="utf-8") as file:
            for i in range(prompts):
                file.write(json.dumps({"id": f"p{i}", "text": texts(1, f"plan{i}")[0]}) + "\n")
        note(f"planning {requests} requests over {prompts} prompts")
        command = [sys.executable, "-m", "tests.bench.plan_memory", "--child", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missed(f"planning failed: {last_words(done.stderr)}")
    told = json.loads(done.stdout.splitlines()[-1])
    growth = max(told["after_mb"] - told["before_mb"], 0.1)
    detail = {"requests": requests, "prompts": prompts, **told}
    if told["planned"] != requests or not told["distinct"]:
        raise Missed(f"{told['planned']} requests were planned, not {requests} different ones", detail)
    return Result(NAME, UNIT, growth, LIMIT, LIMIT / growth, detail)


def plan(root: Path) -> None:
    """The child: what `run` does before it asks, and a walk over all that it would ask."""
    from curation.progress import Silent
    from curation.run import open_asker
    from curation.scrub.scrubber import Scrubber
    from curation.stages import Stages
    from curation.store.store import Store
    from curation.task import Environment, read_task

    environment = Environment({"OPENAI_API_KEY": "sk-bench"})
    task, store = read_task(root / "task.toml"), Store.open(root, environment)
    scrubber = Scrubber.today(task.scrub)
    with open_asker(store, task, environment, scrubber, Silent()) as asker:
        before = peak_mb(reset=True)
        started = time.monotonic()
        with Stages(store, task, asker, Silent(), scrubber) as stages:
            stages.read_and_scrub()
            expected = stages.plan.count(stages.prompts)
            planned, sums = 0, [0, 0]
            for number, teacher in enumerate(task.teachers):
                for ask in stages.plan.stream(stages.prompts, teacher):
                    planned += 1
                    sums[number] ^= int(ask.request.key, 16)
        seconds = time.monotonic() - started
    told = {"planned": planned, "distinct": planned == expected and len(set(sums)) == 2 and all(sums)}
    print(json.dumps({**told, "before_mb": before, "after_mb": peak_mb(), "seconds": seconds}))


def peak_mb(*, reset: bool = False) -> float:
    """Peak resident memory of this process; with `reset`, counting starts anew from what is resident now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return psutil.Process().memory_info().rss / 2**20
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=1_000_000, help="planned requests")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        plan(given.child)
    else:
        sys.exit(report(lambda: measure(given.prompts), NAME, UNIT))
