"""A sealed store on each of the two databases, so that what is said of reviews is said of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.store.store import Store
from curation.task import Environment
from tests.judges.houses import sealed
from tests.postgres import fresh_database, server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def environment(request: pytest.FixtureRequest) -> Environment | None:
    if request.param == "sqlite":
        return None
    return Environment({"DATABASE_URL": fresh_database(request.getfixturevalue("postgres_server"))})


@pytest.fixture
def store(tmp_path: Path, environment: Environment | None) -> Iterator[Store]:
    """A store whose head version holds two teachers' answers to ten prompts."""
    with sealed(tmp_path, 10, environment) as opened:
        yield opened
