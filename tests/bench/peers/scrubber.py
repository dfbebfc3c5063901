"""Our side: the scrubber at its default operating point, with every detector or with the named ones."""

from collections.abc import Iterator, Sequence

from curation.scrub.scrubber import Scrubber
from curation.task import ScrubTable
from tests.bench.peers.spans import Find, measured


def opened(argument: str) -> Find:
    """`argument` names detectors, with commas between; empty for all."""
    table = ScrubTable(entities=tuple(argument.split(","))) if argument else ScrubTable()
    scrubber = Scrubber.today(table)

    def find(texts: Sequence[str]) -> Iterator[list[str]]:
        for scrubbed in scrubber.scrub_many(texts):
            yield [span.entity.lower() for span in scrubbed.spans]

    return find


if __name__ == "__main__":
    measured(opened)
