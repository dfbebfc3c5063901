"""What is written is there once, with its type, and the best of what is alike stays."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from curation.asker import Turn
from curation.dedup import DedupStep
from curation.llm.work import Failure
from curation.pipeline import apply
from curation.records import DECISIONS, SAMPLES, Decision, Reply, decisions_frame, draw
from curation.sampling import BLOCK, Maker, Plan
from curation.select import SelectStep
from curation.store.store import Store
from curation.store.verify import verify
from curation.task import AnswerTable, DedupTable, SelectTable
from tests.curation.asking import asker_in, asks, replies_in
from tests.curation.rows import row, table
from tests.curation.scripted import Scripted, chat
from tests.curation.sealing import open_store, seal
from tests.curation.test_reading import prompts_of, task_in
from tests.regressions.dying import BUDGET, PRICE, TEXTS, VERSION_ROWS, priced

ROOT = Path(__file__).parents[2]
COST = (100 * PRICE["input"] + 50 * PRICE["output"]) / 1e6


def killed(*arguments: str | Path) -> None:
    """Run the process that is killed while it writes."""
    command = [sys.executable, "-m", "tests.regressions.dying", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", ["INSERT INTO attempts", "INSERT INTO replies", "DELETE FROM claims", "commit"])
@pytest.mark.parametrize("nth", [1, 3])
def test_killed_between_a_reply_and_what_is_written_beside_it_every_row_is_there_once(tmp_path, moment, nth):
    """Regression 8.

    Mutation: curation/store/database.py: connection.exec_driver_sql("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
        => connection.exec_driver_sql("SELECT 1")
    """
    with Scripted(lambda body: chat("paid", usage=(100, 50))) as server:
        killed("journal", tmp_path, moment, nth, server.url)
        with asker_in(tmp_path, budget=BUDGET) as asker:
            wanted = asks(asker, priced(server.url), TEXTS)
            answers = asker.ask(wanted, "sample")
            assert [t[0].reply.text for t in asker.recall(wanted)] == ["paid"] * len(TEXTS)
        calls = server.calls
    replies = replies_in(tmp_path)
    outcomes = [[a["outcome"] for a in replies.attempts(key)] for key in answers]
    assert len(answers) == len(TEXTS)
    assert {o.count("reply") for o in outcomes} == {1}
    lost = sum(o.count("lost") for o in outcomes)
    assert lost <= 4  # two in flight, two claimed ahead
    assert len(TEXTS) <= calls <= len(TEXTS) + lost
    assert replies.spending().known == pytest.approx(COST * len(TEXTS))
    assert replies.spending().reserved == 0


@pytest.mark.parametrize(
    ("moment", "nth"),
    [(".parquet", 1), (".parquet", 2), (".json", 1), (".leaves", 1), ("INSERT INTO seals", 1), ("commit", 1)],
)
def test_killed_between_chunks_manifest_and_record_a_version_is_sealed_whole_or_not_there(tmp_path, moment, nth):
    """Regression 8.

    Mutation: curation/store/versions.py:
        return list(connection.execute(sa.select(seals.c.version).order_by(seals.c.event)).scalars())
        => return sorted(path.stem for path in self._layout.versions.glob("*.json"))
    """
    with open_store(tmp_path) as store:
        first = seal(store, 12)
    killed("seal", tmp_path, moment, nth)
    with Store.open(tmp_path) as store:
        assert store.versions.list() == [first.version]
        assert store.versions.samples().height == 12
        assert verify(store).ok
        assert seal(store, VERSION_ROWS).new
        assert len(store.versions.list()) == 2
        samples = store.versions.samples()
        assert samples.height == samples["id"].n_unique() == VERSION_ROWS
        report = verify(store)
        assert report.ok
        assert report.notes == []


# --- the best stays ------------------------------------------------------------------------------------------------

LABELS = ("refund", "delivery", "login")
CLUSTERS = 12


def clusters() -> tuple[pl.DataFrame, dict[str, str]]:
    """Rows of clusters of different sizes, in any order, and the surest row of each cluster with its label."""
    rows, best = [], {}
    for cluster in range(CLUSTERS):
        label = LABELS[cluster % len(LABELS)]
        sure = [-0.1 - i for i in range(1 + cluster)]
        for i, logprob in enumerate(sure):
            n = 100 * cluster + i
            rows.append(row(n, prompt=f"message {cluster}", answer=label, labels={"label": label}, logprob=logprob))
        best[f"s{100 * cluster}"] = label
    random.Random(5).shuffle(rows)
    return table(*({**r, "position": i} for i, r in enumerate(rows))), best


def test_of_every_cluster_the_surest_row_stays_and_of_every_label_the_first_drawn():
    """Regression 12.

    Mutation: curation/dedup.py: -pl.col("logprob").fill_null(-1e9) => pl.col("logprob").fill_null(-1e9)
    Mutation: curation/select.py: in sorted(rows)[shares[name] :] => in sorted(rows)[: -shares[name]]
    """
    samples, best = clusters()
    answer = AnswerTable(format="label", labels=LABELS)
    after, _ = apply(samples, [DedupStep(DedupTable())])
    assert set(after.filter(state="kept")["id"]) == set(best)
    for quota in (CLUSTERS, 6, 3):
        steps = [DedupStep(DedupTable()), SelectStep(SelectTable(keep=quota), 7, answer)]
        kept = set(apply(samples, steps)[0].filter(state="kept")["id"])
        assert len(kept) == quota
        for label in LABELS:
            mine = sorted((i for i in best if best[i] == label), key=lambda i: draw(7, "select", f"k{i[1:]}", 0))
            assert {i for i in kept if best[i] == label} == set(mine[: quota // len(LABELS)])


# --- types ---------------------------------------------------------------------------------------------------------


def test_a_first_shard_without_a_single_value_has_the_types_of_all_the_others(tmp_path):
    """Regression 19.

    Mutation: curation/records.py: return pl.DataFrame(rows, schema=DECISIONS)
        => return pl.DataFrame(rows, schema=None if rows else DECISIONS)
    """
    task = task_in(tmp_path, [{"id": f"p{i}", "text": f"text {i}", "group": "g"} for i in range(BLOCK // 3 + 40)])
    with asker_in(tmp_path) as asker:
        planned = list(Plan(task, asker).samples(prompts_of(task)))
    late = {p.ask.request.key for p in planned[BLOCK:]}
    failures = {p.ask.request.key: Failure(p.ask.request.key, "server", "500", 1) for p in planned[:BLOCK]}

    def recall(asked):
        return [(_turn(a.request),) if a.request.key in late else () for a in asked]

    samples, _ = Maker(task.answer, recall, lambda key, index: f"{key[:12]}{index}", failures).frames(planned)
    shards = [samples.head(BLOCK), samples.slice(BLOCK)]
    assert shards[0]["answer"].null_count() == BLOCK
    assert shards[1]["answer"].null_count() == 0
    told = Decision(sample="s", step="dedup", action="drop", reason="r", words="w", number=2, evidence={"twin": "t"})
    silent = told.model_copy(update={"evidence": None, "number": None})
    decisions = [decisions_frame([silent]), decisions_frame([told])]
    with open_store(tmp_path / "store") as store:
        for schema, (first, other) in ((SAMPLES, shards), (DECISIONS, decisions)):
            digests = [store.chunks.put(first), store.chunks.put(other)]
            one, two = (pq.read_schema(store.chunks.path(d)) for d in digests)
            assert one.equals(two)
            whole = store.chunks.get_all(digests, schema)
            assert whole.schema == pl.Schema(schema)
            assert whole.equals(pl.concat([first, other]))


def _turn(request) -> Turn:
    return Turn(request, Reply(key=request.key, text="refund", stop="end", model="m", fingerprint="f"))
