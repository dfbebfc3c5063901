"""A version of very many samples, made whole columns at a time: for what must stay quick.

Chunks, manifest and seal are those of any version. The commitments to each row are left out: they take minutes to make
for a million rows, and no page reads them.
"""

from pathlib import Path

import numpy as np
import polars as pl
import sqlalchemy as sa

from curation.records import DECISIONS, SAMPLES, canonical, version_id
from curation.store.chunks import MAX_ROWS
from curation.store.durable import write_durably
from curation.store.store import Store
from curation.store.versions import Manifest, seals
from tests.dashboard.house import TASK

STEPS = ("scrub", "checks", "dedup", "judges", "select")
TEACHERS = ("alder-large", "birch-large", "cedar-large")
INTENTS = ("refund", "delivery", "account", "invoice", "other")
RARE = "quixotic zephyr"
"""Said by the FIRST_NEEDLE-th of every NEEDLES prompts."""
NEEDLES, FIRST_NEEDLE = 50_000, 10_000
PHRASES = 20_000
"""Different half sentences that the texts are put together from, so that they compress as real text does."""
FATES = pl.DataFrame(
    [
        ("kept", None, None, "agreed", 0.70),
        ("dropped", "too_short", "checks", None, 0.08),
        ("dropped", "duplicate", "dedup", None, 0.09),
        ("dropped", "judge_rejected", "judges", "rejected", 0.08),
        ("quarantined", "judge_split", "judges", "split", 0.03),
        ("quarantined", "personal_data", "scrub", None, 0.01),
        ("failed", "timeout", "sample", None, 0.01),
    ],
    schema=["state", "reason", "step", "judged", "share"],
    orient="row",
)
_VOTE = (
    '{"majority":"agreed","votes":[{"family":"dogwood","judge":"dogwood-judge","reason":"it answers the question",'
    '"vote":"accept","weight":1.25},{"family":"elm","judge":"elm-judge","reason":"too curt","vote":"reject",'
    '"weight":0.8}]}'
)


def build(root: Path, number: int, *, chunk: int = MAX_ROWS, seed: int = 0) -> Path:
    """A workspace whose only version holds `number` samples, in chunks of so many rows; its path."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "task.toml").write_text(TASK, encoding="utf-8")
    with Store.open(root) as store:
        samples = samples_of(number, seed)
        _seal(store, samples, decisions_of(samples), chunk)
    return root


def _seal(store: Store, samples: pl.DataFrame, decisions: pl.DataFrame, chunk: int) -> None:
    content = recipe = root = "0" * 64
    manifest = Manifest(
        version=version_id(content, recipe, ()),
        parents=(),
        recipe=recipe,
        content=content,
        root=root,
        records=samples.height,
        counts=dict(sorted(samples["state"].value_counts().iter_rows())),
        samples=tuple(store.chunks.put(part) for part in samples.iter_slices(chunk)),
        decisions=tuple(store.chunks.put_all(decisions)),
        steps=tuple({"name": step} for step in STEPS),
        facts={},
        public_key=store.keys.public.hex(),
        root_signature="",
    )
    head = store.keys.sign(manifest.tree_head.message()).hex()
    manifest = manifest.model_copy(update={"root_signature": head})
    manifest = manifest.model_copy(update={"signature": store.keys.sign(manifest.message()).hex()})
    write_durably(store.versions.manifest_path(manifest.version), canonical(manifest.model_dump(mode="json")))
    with store.state.write() as connection:
        event = store.ledger.append_in(connection, "seal", {"version": manifest.version})
        connection.execute(sa.insert(seals).values(event=event, version=manifest.version))
    store.ledger.publish()


def samples_of(number: int, seed: int = 0) -> pl.DataFrame:
    """The samples table: three teachers to a prompt, every state, tags, groups, labels as canonical JSON."""
    rng = np.random.default_rng(seed)
    phrases = _phrases(rng)
    place = pl.int_range(number, eager=True)
    position = place // len(TEACHERS)
    prompts = _put_together(phrases, rng, number // len(TEACHERS) + 1, 3)
    rare = pl.int_range(prompts.len(), eager=True) % NEEDLES == FIRST_NEEDLE
    prompts = pl.select(pl.when(rare).then(prompts + f" {RARE}").otherwise(prompts)).to_series()
    fate = pl.Series(rng.choice(FATES.height, size=number, p=FATES["share"].to_numpy()))
    failed = FATES["state"].gather(fate) == "failed"
    answer = _put_together(phrases, rng, number, 5)
    intent = pl.Series(INTENTS).gather(rng.integers(0, len(INTENTS), number))
    frame = pl.DataFrame({"place": place, "position": position, "failed": failed, "answer": answer, "intent": intent})
    frame = frame.with_columns(
        FATES.select("state", "reason", "step", "judged")[fate],
        prompt=prompts.gather(position),
        teacher=pl.Series(TEACHERS).gather(place % len(TEACHERS)),
        id=pl.Series(_hex(rng, number, 16)),
        request_key=pl.Series(_hex(rng, number, 32)),
        edited=pl.Series(rng.random(number) < 0.05),
        control=pl.Series(rng.random(number) < 0.7),
    )
    return _as_samples(frame)


def decisions_of(samples: pl.DataFrame) -> pl.DataFrame:
    """One decision for each sample that a step stopped, and the judges' votes on those that came before them."""
    said = samples.filter(pl.col("step").is_not_null() | (pl.col("judged") == "agreed"))
    judges = pl.coalesce("step", pl.lit("judges")) == "judges"
    action = pl.col("state").replace_strict(
        {"kept": "keep", "dropped": "drop", "quarantined": "quarantine", "failed": "fail"}
    )
    return said.select(
        sample="id",
        step=pl.coalesce("step", pl.lit("judges")),
        action=action,
        reason=pl.coalesce("reason", pl.lit("judge_agreed")),
        words=pl.lit("1 of 2 judges accepted it"),
        number=pl.lit(0.61),
        evidence=pl.when(judges).then(pl.lit(_VOTE)),
    ).cast(pl.Schema(DECISIONS))


def _as_samples(frame: pl.DataFrame) -> pl.DataFrame:
    labels = pl.concat_str(
        pl.lit('{"intent":"'), "intent", pl.lit('","order_id":null,"reply":"'), "answer", pl.lit('"}')
    )
    message = pl.struct(
        role=pl.lit("user"), content="prompt", tool_calls=pl.lit(None, pl.String), tool_call_id=pl.lit(None, pl.String)
    )
    whole = frame.with_columns(
        index=pl.lit(0),
        prompt_id=pl.format("p{}", "position"),
        messages=pl.concat_list(message),
        answer=pl.when(~pl.col("failed")).then(labels),
        labels=pl.when(~pl.col("failed")).then(labels),
        stop=pl.when(~pl.col("failed")).then(pl.lit("end")),
        group=pl.format("customer-{}", pl.col("position") % 5000),
        tags=pl.when(pl.col("position") % 10 == 0).then(pl.lit(["urgent", "chat"])).otherwise(pl.lit(["mail"])),
        source=pl.format("prompts.jsonl:{}", pl.col("position") + 1),
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in SAMPLES.items() if name not in whole.columns]
    return whole.with_columns(missing).select(list(SAMPLES)).cast(pl.Schema(SAMPLES))


def _phrases(rng: np.random.Generator) -> pl.Series:
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = pl.Series(["".join(rng.choice(letters, size=int(k))) for k in rng.integers(2, 10, size=4000)])
    drawn = rng.zipf(1.3, size=(PHRASES, 9)) % words.len()
    return pl.select(pl.concat_str([words.gather(column) for column in drawn.T], separator=" ")).to_series()


def _put_together(phrases: pl.Series, rng: np.random.Generator, number: int, parts: int) -> pl.Series:
    drawn = rng.integers(0, phrases.len(), size=(parts, number))
    return pl.select(pl.concat_str([phrases.gather(column) for column in drawn], separator=", ")).to_series()


def _hex(rng: np.random.Generator, number: int, size: int) -> list[str]:
    data = rng.bytes(number * size).hex()
    return [data[start : start + 2 * size] for start in range(0, 2 * number * size, 2 * size)]
