"""Studies with planted disputes, for the tests of adjudication: who says what about which item is stated by a table."""

from contextlib import contextmanager

import pytest

from curation.store.review_imports import ReviewItems
from curation.task import Environment
from judges.review import ReviewService
from tests.judges.houses import sealed
from tests.postgres import server

FLIP = {"a": "b", "b": "a", "a_much": "b_much", "b_much": "a_much"}
AS_FIRST = {"first": "a", "second": "b", "first_much": "a_much", "second_much": "b_much"}

BOTH = [pytest.param(False, id="sqlite"), pytest.param(True, id="postgresql", marks=pytest.mark.postgres)]


@contextmanager
def sealed_on(postgres, root, n=10):
    """A sealed store on SQLite or on a PostgreSQL server of its own."""
    if not postgres:
        with sealed(root, n) as store:
            yield store
        return
    with server() as url, sealed(root, n, Environment({"DATABASE_URL": url})) as store:
        yield store


def rate(store, study, rater, say, limit=50, **more):
    """Let a rater answer everything; `say` maps the prompt to a word with the order undone. Their tokens, by prompt."""
    service = ReviewService(store)
    items = {item.prompt: item for item in ReviewItems(store.state).of(study)}
    tokens = {}
    for shown in service.next(study, rater, limit):
        word = AS_FIRST.get(say(shown.prompt), say(shown.prompt))
        swapped = shown.b is not None and shown.a != items[shown.prompt].first
        service.vote(shown.token, rater, FLIP.get(word, word) if swapped else word, **more)
        tokens[shown.prompt] = shown.token
    return tokens


def disputed(store, said, *, kind="pairwise", name="tone", **more):
    """A study on as many items as the table has rows, each row what ana, ben and cem say of an item."""
    raters = ("ana", "ben", "cem")[: len(said[0])]
    ReviewService(store).create(name, kind=kind, n=len(said), overlap=len(raters), seed=3, **more)
    place = {item.prompt: k for k, item in enumerate(ReviewItems(store.state).of(name))}
    tokens = {}
    for r, rater in enumerate(raters):
        tokens[rater] = rate(store, name, rater, lambda prompt: said[place[prompt]][r])  # noqa: B023 - called at once
    return {rater: {place[p]: token for p, token in of.items()} for rater, of in tokens.items()}
