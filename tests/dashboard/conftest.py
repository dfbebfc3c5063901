"""The workspace the page tests look at."""

import shutil
from pathlib import Path

import pytest

from tests.dashboard.house import build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("pages") / "support")


@pytest.fixture
def house(built: Path, tmp_path: Path) -> Path:
    """A copy of its own for a test that writes."""
    return shutil.copytree(built, tmp_path / "work space")
