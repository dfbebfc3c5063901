"""Answers the teacher itself was unsure of."""

from typing import Annotated

from pydantic import Field

from curation.answers import target
from curation.checking import Check, Drop, Opened
from curation.records import Sample
from curation.task import AnswerTable


class Confidence(Check):
    """Object to an answer the teacher gave with a low probability.

    `min_probability` is compared with the probability the teacher gave the label it answered with, `min_logprob` with
    the mean log-probability per token (nats). A reply that came without these figures is let pass.
    """

    min_probability: Annotated[float, Field(ge=0, le=1)] | None = 0.4
    min_logprob: Annotated[float, Field(le=0)] | None = None

    def open(self, answer: AnswerTable) -> Opened:
        """Look up the field that holds the label."""

        def look(sample: Sample) -> Drop | None:
            return self._label(sample, answer) or self._tokens(sample)

        return look

    def _label(self, sample: Sample, answer: AnswerTable) -> Drop | None:
        label = target(sample.labels, answer)
        if self.min_probability is None or not sample.signal or label is None:
            return None
        p = sample.signal.get(label, 0.0)
        if p >= self.min_probability:
            return None
        words = f"the teacher gave its own label a probability of {p:.2f}, below {self.min_probability:g}"
        return self.against("low_confidence", words, p)

    def _tokens(self, sample: Sample) -> Drop | None:
        if self.min_logprob is None or sample.logprob is None or sample.logprob >= self.min_logprob:
            return None
        words = f"mean log-probability per token is {sample.logprob:.2f}, below {self.min_logprob:g}"
        return self.against("low_confidence", words, sample.logprob)
