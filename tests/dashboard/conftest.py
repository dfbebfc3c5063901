"""The workspace the page tests look at."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.store.query import Query
from curation.store.store import Store
from tests.dashboard.house import build
from tests.dashboard.traced import trace


@pytest.fixture(autouse=True)
def _released() -> Iterator[None]:
    """Stores and answers that a page keeps for its server are let go after every test."""
    yield
    if streamlit := sys.modules.get("streamlit"):
        streamlit.cache_resource.clear()
        streamlit.cache_data.clear()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("pages") / "support")


@pytest.fixture
def house(built: Path, tmp_path: Path) -> Path:
    """A copy of its own for a test that writes."""
    return shutil.copytree(built, tmp_path / "work space")


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace with requests, replies, slices and a card, for tests that only look."""
    return trace(build(tmp_path_factory.mktemp("traced") / "support"))


@pytest.fixture
def store(traced: Path) -> Iterator[Store]:
    with Store.open(traced) as opened:
        yield opened


@pytest.fixture
def query(store: Store) -> Iterator[Query]:
    with Query(store) as opened:
        yield opened
