"""What scrubbing found in a version, counted from its decisions: kinds, zones and detectors, without a value.

All of it works on whole columns: `samples` needs id, prompt_id and request_key, `decisions` are those of step `scrub`.
"""

import polars as pl

FOUND = pl.Schema(
    {
        "part": pl.String, "type": pl.String, "detector": pl.String, "version": pl.String, "score": pl.Float64,
        "shape_only": pl.Boolean,
    }
)  # fmt: skip
"""One row for every masked place; `part` is one of PARTS."""
PARTS = ("prompts", "answers")
ZONES = ("clean", "masked", "uncertain")
_EVIDENCE = pl.Struct({"spans": pl.List(pl.Struct({name: kind for name, kind in FOUND.items() if name != "part"}))})


def found(samples: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Every masked place, with the FOUND schema; those of a prompt count once, however many samples it has."""
    of_prompt = (pl.col("reason") == "prompt_masked") | (pl.col("request_key") == "")
    places = (
        decisions.filter(pl.col("evidence").is_not_null())
        .join(samples, left_on="sample", right_on="id", maintain_order="left")
        .with_columns(part=pl.when(of_prompt).then(pl.lit(PARTS[0])).otherwise(pl.lit(PARTS[1])))
        .with_columns(of=pl.when(of_prompt).then("prompt_id").otherwise("sample"))
        .unique(["part", "of"], keep="first", maintain_order=True)
    )
    if places.is_empty():
        return pl.DataFrame(schema=FOUND)
    spans = places.select("part", pl.col("evidence").str.json_decode(_EVIDENCE).struct.field("spans"))
    return spans.explode("spans").drop_nulls("spans").unnest("spans").select(list(FOUND))


def types(places: pl.DataFrame) -> pl.DataFrame:
    """type, part, n: how often each kind was masked; the most frequent kind first."""
    counted = places.group_by("type", "part").agg(n=pl.len())
    total = counted.with_columns(total=pl.col("n").sum().over("type"))
    return total.sort("total", "type", "part", descending=[True, False, True]).drop("total")


def zones(samples: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """zone, n: every sample in exactly one of ZONES; uncertain outweighs masked."""
    held = pl.col("action") == "quarantine"
    doubtful = held & ~pl.col("reason").is_in(["personal_data", "content_rule"])
    per_sample = (
        decisions.with_columns(doubtful=doubtful)
        .filter(pl.col("doubtful") | pl.col("evidence").is_not_null())
        .group_by("sample")
        .agg(pl.col("doubtful").any())
    )
    uncertain = per_sample["doubtful"].sum()
    counts = (samples.height - per_sample.height, per_sample.height - uncertain, uncertain)
    return pl.DataFrame({"zone": ZONES, "n": counts}, schema={"zone": pl.String, "n": pl.Int64})


def detectors(places: pl.DataFrame) -> pl.DataFrame:
    """detector, version, found, prompts, answers, shape_only (share), score (mean); the busiest first.

    A place that a person pointed out has neither score nor version.
    """
    in_part = {part: (pl.col("part") == part).sum().cast(pl.Int64) for part in PARTS}
    return (
        places.group_by("detector", "version")
        .agg(
            found=pl.len().cast(pl.Int64),
            **in_part,
            shape_only=pl.col("shape_only").mean(),
            score=pl.col("score").mean(),
        )
        .sort("found", "detector", descending=[True, False])
    )
