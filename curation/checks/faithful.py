"""Answers that say what their source does not: a number, a date, a name."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from curation.checking import Check, Drop, Quarantine, quote, text_of
from curation.faithfulness import Faithfulness, Source, faithfulness
from curation.records import Sample
from curation.shares import percent


class Faithful(Check):
    """Object to a summary with a number, date, code or name that its source does not hold; copying can be bounded too.

    Numbers are compared as numbers: spelled or in digits, with their units, rounded where the answer says "about" or
    "million". Names are told by capitals, so in a language that capitalises every noun look for numbers alone. What
    stands in the source in another role, and what follows from it by reckoning, is not told apart from what is right
    and what is wrong: a sum the source does not state counts as unsupported.
    """

    source: str | None = None
    """The prompt's column that holds the source; none: what the user wrote."""
    field: str | None = None
    """The field of a JSON answer that is the summary."""
    look_for: tuple[Literal["numbers", "names"], ...] = ("numbers", "names")
    """What must be supported."""
    unsupported: Annotated[int, Field(ge=0)] = 0
    """So many unsupported numbers, and so many names, are let pass."""
    counted_up_to: Annotated[int, Field(ge=0)] = 2
    """Whole numbers up to this without a unit may count what the source lists, and are not asked for."""
    min_coverage: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The least share of the answer's words that stand in runs taken from the source."""
    max_copied: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The largest share of its runs of `run` words that are copied: below 1, it must say it in its own words."""
    run: Annotated[int, Field(ge=1)] = 4
    """How many words make a run."""

    def __call__(self, sample: Sample) -> Drop | None:
        """Compare the answer with its source; what it says unsupported is quoted."""
        source = self._source(sample)
        if source is None:
            return Quarantine("no_source", f"the prompt has no text in its column {self.source!r} to compare with")
        answer = text_of(sample, self.field)
        return self._objection(faithfulness(source, answer, run=self.run, counted_up_to=self.counted_up_to))

    def _source(self, sample: Sample) -> Source | None:
        if self.source is None:
            return Source(*(m.content for m in sample.messages if m.role == "user"))
        text = sample.fields.get(self.source)
        return Source(text) if isinstance(text, str) and text.strip() else None

    def _objection(self, found: Faithfulness) -> Drop | None:
        for what, said in (("numbers", found.numbers), ("names", found.names)):
            if what in self.look_for and len(said) > self.unsupported:
                listed = ", ".join(quote(text, 40) for text in said[:3])
                more = f" and {len(said) - 3} more" if len(said) > 3 else ""
                evidence: dict[str, JsonValue] = {"unsupported": [*said], "coverage": round(found.coverage, 4)}
                words = f"the source does not hold the {what[:-1] if len(said) == 1 else what} {listed}{more}"
                return self.against(f"unsupported_{what[:-1]}", words, len(said), evidence)
        if found.words and found.coverage < self.min_coverage:
            words = f"{percent(found.coverage)} of its words are the source's, fewer than {percent(self.min_coverage)}"
            return self.against("low_coverage", words, found.coverage)
        if found.copied > self.max_copied:
            most = percent(self.max_copied)
            words = f"{percent(found.copied)} of its runs of {self.run} words are copied, more than {most}"
            return self.against("copied", words, found.copied)
        return None
