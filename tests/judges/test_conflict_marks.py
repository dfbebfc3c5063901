"""Marks in a study of single answers: there is one pane, whoever looks at it."""

from pathlib import Path

from curation.store.review_records import Design, Details, Span
from curation.store.store import Store
from judges.adjudication import AdjudicationService
from judges.review import ReviewService
from tests.browser import planted


def test_a_mark_lies_in_the_answer_for_whoever_adjudicates(tmp_path: Path):
    with Store.open(planted.build(tmp_path / "w", 4)) as store:
        reviews = ReviewService(store)
        reviews.create("marks", kind="spans", n=4, overlap=2, design=Design(tags=("name",)))
        for rater, choice in (("ana", "marked"), ("ben", "clean")):
            for item in reviews.next("marks", rater, 4):
                spans = (Span(pane="a", start=0, end=3, tag="name"),) if choice == "marked" else ()
                reviews.vote(item.token, rater, choice, details=Details(spans=spans))
        service = AdjudicationService(store)
        conflicts = [c for who in ("lea", "max", "kim", "sol") for c in service.queue("marks", who)]
        assert len(conflicts) == 16  # enough that orders drawn at random are not all the same
        assert {span.pane for c in conflicts for vote in c.votes for span in vote.spans} == {"a"}
