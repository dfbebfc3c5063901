"""The several answers of one teacher to one prompt, looked at together: how different they are, and what most say.

Agreement among samples as a sign of being right is self-consistency (Wang et al. 2023, arXiv 2203.11171). A group is
what one teacher answered to one prompt with n > 1; answers that failed are in no count but `n`. Verbalized candidates
(`ask = "candidates"`) differ because they were asked to, so their agreement says nothing and a vote seldom drops any.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl
from pydantic import JsonValue

from curation.answers import target
from curation.pipeline import Outcome
from curation.records import DECISIONS, canonical
from curation.tables import AnswerTable, GroupsTable

GROUP = ["position", "teacher"]
MARK = r"[[\p{P}&&[\x{0}-\x{20FF}]]--[#%&@*/\\]]"
"""The punctuation that `dedup.fold` drops."""


@dataclass(frozen=True)
class Groups:
    """One row per group of n > 1, in the order of the samples, and how often a sample only repeats its group.

    Columns of `table`: position, teacher, n, answered, distinct (normalised answers), distinct_rate (of answered),
    majority (the label most gave, else the normalised answer; the first of equals), share (of answered that say so),
    spread (entropy of the values over its greatest, log answered: 0 all alike, 1 all different). `repeated` is the
    share of answered samples whose normalised answer an earlier one of their group gave; None without groups.
    """

    table: pl.DataFrame
    repeated: float | None


def sample_groups(samples: pl.DataFrame, answer: AnswerTable) -> Groups:
    """What each group of samples (schema SAMPLES) says as a group."""
    said = _said(samples, answer)
    sizes = said.group_by(GROUP, maintain_order=True).agg(
        n=pl.len(), answered=pl.col("text").count(), distinct=pl.col("text").drop_nulls().n_unique()
    )
    votes = _votes(said)
    p = pl.col("votes") / pl.col("votes").sum()
    values = votes.group_by(GROUP).agg(
        majority=pl.col("shown").first(), share=p.first(), entropy=-(p * p.log()).sum()
    )  # fmt: skip
    many = pl.col("answered") > 1
    table = sizes.join(values, on=GROUP, how="left", maintain_order="left").with_columns(
        distinct_rate=pl.when(pl.col("answered") > 0).then(pl.col("distinct") / pl.col("answered")),
        spread=pl.when(many).then((pl.col("entropy") / pl.col("answered").log()).clip(0, 1)),
    )
    columns = [*GROUP, "n", "answered", "distinct", "distinct_rate", "majority", "share", "spread"]
    answered = int(table["answered"].sum())
    repeated = (answered - int(table["distinct"].sum())) / answered if answered else None
    return Groups(table.select(columns), repeated)


def agreement_confidence(samples: pl.DataFrame, answer: AnswerTable) -> pl.DataFrame:
    """`id` and `share` of each answered sample: how much of its group says what it says, itself included.

    Confidence from agreement; a sample that is alone, or alone in having answered, has no row.
    """
    said = _said(samples, answer).filter(pl.col("value").is_not_null())
    alike = pl.len().over([*GROUP, "value"])
    of = pl.len().over(GROUP)
    return said.with_columns(share=alike / of, of=of).filter(pl.col("of") > 1).select("id", "share")


def _said(samples: pl.DataFrame, answer: AnswerTable) -> pl.DataFrame:
    """The samples in groups of more than one, with what they say.

    `text` is the whole answer, normalised, with its function calls; `value` what is voted on: the label, else `text`;
    `shown` is `value` as a person would read it.
    """
    columns = ("answer", "labels", "tool_calls")
    grouped = samples.select("id", *GROUP, "index", *columns).filter(pl.len().over(GROUP) > 1)
    json_text = pl.col("labels") if answer.format == "json" else pl.lit(None, pl.String)
    whole = folded(grouped.select(whole=pl.coalesce(json_text, "answer"))["whole"])
    calls = _mapped(grouped, "tool_calls", _calls)
    text = pl.when(pl.col("answer").is_not_null()).then(pl.when(calls.is_null()).then(whole).otherwise(whole + calls))
    label = _mapped(grouped, "labels", lambda labels: target(json.loads(labels), answer))
    said = grouped.with_columns(text=text).with_columns(
        value=pl.coalesce(label, "text"), shown=pl.coalesce(label, json_text, "text")
    )
    return said.drop(columns)


def folded(texts: pl.Series) -> pl.Series:
    """`dedup.fold` for a whole column: texts without case, white space and punctuation that carry no meaning."""
    texts = texts.clone()
    rare = texts.str.contains(r"[^\x00-\x7F]").fill_null(value=False).arg_true()
    if len(rare):  # the slowest part by far, and most texts have nothing to be normalised
        texts = texts.scatter(rare, texts.gather(rare).str.normalize("NFKC"))
    plain = texts.str.to_lowercase().str.replace_all("ß", "ss", literal=True)
    plain = plain.str.replace_all(r"\s{2,}|[^\S ]", " ").str.strip_chars()
    bare = plain.str.replace_all(r"(^|[\s(])-(\d)", "${1}\u2212${2}")
    bare = bare.str.replace_all(f"{MARK}{{2,}}", "")  # what stands alone between two digits stays; a run never does
    bare = bare.str.replace_all(rf"(^|[^\d]){MARK}", "${1}").str.replace_all(rf"{MARK}([^\d]|$)", "${1}")
    bare = bare.str.replace_all(" {2,}", " ").str.strip_chars()
    return bare.zip_with((bare != "").fill_null(value=True), plain)


def _mapped(frame: pl.DataFrame, column: str, work: Callable[[str], str | None]) -> pl.Series:
    """A column with each different value worked on once: labels repeat."""
    different = frame.select(column).unique().drop_nulls()
    results = pl.Series("result", [work(v) for v in different[column]], dtype=pl.String)
    joined = frame.select(column).join(different.with_columns(results), on=column, how="left", maintain_order="left")
    return joined["result"]


def _calls(calls: str) -> str:
    """Function calls without the ids that tell equal ones apart."""
    return canonical([[c["name"], c["arguments"]] for c in json.loads(calls)]).decode()


def _votes(said: pl.DataFrame) -> pl.DataFrame:
    """How many samples of each group say each value, most first, then the value that was said first."""
    counted = said.filter(pl.col("value").is_not_null()).sort([*GROUP, "index"])
    votes = counted.group_by([*GROUP, "value"]).agg(
        votes=pl.len(), first=pl.col("index").first(), shown=pl.col("shown").first()
    )
    return votes.sort([*GROUP, "votes", "first"], descending=[False, False, True, False])


# --- the step --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GroupsStep:
    """Step `groups`: of each group the answers that were outvoted or that repeat another go, as [groups] keep says."""

    table: GroupsTable
    answer: AnswerTable
    name: str = "groups"
    scope: Literal["sample", "table"] = "table"

    def __call__(self, samples: pl.DataFrame) -> Outcome:
        """Decide among the samples still alive; with `keep = "all"` about none."""
        match self.table.keep:
            case "all":
                return Outcome(pl.DataFrame(schema=DECISIONS))
            case "majority":
                return Outcome(self._outvoted(samples))
            case "distinct":
                return Outcome(self._repeated(samples))

    def describe(self) -> dict[str, JsonValue]:
        """The [groups] table."""
        return self.table.model_dump(mode="json")

    def _outvoted(self, samples: pl.DataFrame) -> pl.DataFrame:
        """Samples that say less often than others what they say; among equals nobody is outvoted."""
        said = _said(samples, self.answer).filter(pl.col("value").is_not_null())
        first = _votes(said).group_by(GROUP).agg(
            majority=pl.col("shown").first(), most=pl.col("votes").first(), of=pl.col("votes").sum()
        )  # fmt: skip
        found = (
            said.with_columns(alike=pl.len().over([*GROUP, "value"]))
            .join(first, on=GROUP, how="left", maintain_order="left")
            .filter(pl.col("alike") < pl.col("most"))
        )
        words = pl.format(
            "{} of {} samples of {} say so, {} say {}",
            "alike", "of", "teacher", "most", _quoted("majority"),
        )  # fmt: skip
        return self._decided(found, "outvoted", words, pl.col("most") / pl.col("of"))

    def _repeated(self, samples: pl.DataFrame) -> pl.DataFrame:
        """Samples whose normalised answer an earlier one of their group gave."""
        said = _said(samples, self.answer).filter(pl.col("text").is_not_null()).sort([*GROUP, "index"])
        alike = [*GROUP, "text"]
        found = said.with_columns(
            twin=pl.col("id").first().over(alike), alike=pl.len().over(alike), of=pl.len().over(GROUP)
        ).filter(pl.col("id") != pl.col("twin"))
        words = pl.format(
            "same answer as sample {} of {}; {} of its {} samples are alike", "twin", "teacher", "alike", "of"
        )
        return self._decided(found, "repeated_sample", words, pl.col("alike") / pl.col("of"))

    def _decided(self, found: pl.DataFrame, reason: str, words: pl.Expr, share: pl.Expr) -> pl.DataFrame:
        return found.select(
            sample=pl.col("id"),
            step=pl.lit(self.name),
            action=pl.lit("drop"),
            reason=pl.lit(reason),
            words=words,
            number=share.round(6),
            evidence=pl.lit(None, pl.String),
        ).cast(dict(DECISIONS.items()))


def _quoted(column: str) -> pl.Expr:
    """A model's words for a sentence: on one line, shortened, in quotes."""
    line = pl.col(column).str.replace_all(r"\s+", " ")
    short = pl.when(line.str.len_chars() > 60).then(line.str.slice(0, 59) + "…").otherwise(line)
    return pl.lit("'") + short + pl.lit("'")
