"""Two real servers that speak OpenAI's wire formats, each with the tiny model; skipped where they are not installed."""

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock

from tests.counterparts.serving import serving
from tests.counterparts.tiny import NAME, Tiny, train
from tests.curation.scripted import free_port


def needs(part: str, *packages: str) -> None:
    """Skip a part whose packages are not installed, saying which."""
    if missing := [p for p in packages if find_spec(p) is None]:
        pytest.skip(f"{part}: no {', '.join(missing)} here; pip install 'stillhouse[train,dev]'")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny model, trained once for all processes of one test run."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "tiny"
    root.mkdir(exist_ok=True)
    with FileLock(root / "lock"):
        tiny = Tiny(root)
        if not (root / "done").exists():
            train(tiny)
            (root / "done").touch()
    return tiny


@pytest.fixture(scope="session")
def llama_cpp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of llama.cpp's server."""
    needs("llama_cpp", "xllamacpp", "gguf", "torch", "transformers")
    tiny, port = _tiny(request), free_port()
    command = [sys.executable, "-m", "tests.counterparts.serving", str(tiny.gguf), str(port), NAME]
    with serving(command, port, tmp_path_factory.mktemp("llama_cpp") / "log") as url:
        yield url


@pytest.fixture(scope="session")
def transformers_serve(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `transformers serve`."""
    needs("transformers_serve", "transformers", "fastapi", "uvicorn", "torch", "gguf")
    tiny, port = _tiny(request), free_port()
    executable = str(Path(sys.executable).parent / "transformers")
    command = [executable, "serve", str(tiny.folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with serving(command, port, tmp_path_factory.mktemp("transformers_serve") / "log") as url:
        yield url


def _tiny(request: pytest.FixtureRequest) -> Tiny:
    """Asked for by hand, so that nothing is trained where a server is missing."""
    return request.getfixturevalue("tiny_model")
