"""A real PostgreSQL server for the length of a `with`, from the binaries a Debian package leaves behind."""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path:
    """The folder of the newest server's programs; the test is skipped where there is none."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("postgres: psycopg is not installed; pip install 'stillhouse[postgres]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parent.parent.name))
    if not found:
        pytest.skip("postgres: no server under /usr/lib/postgresql; apt-get install postgresql")
    return found[-1].parent


def as_postgres(*command: str | Path) -> None:
    """Run a server program; PostgreSQL refuses to be root, so root becomes `postgres` for it."""
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*become, *map(str, command)], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def server() -> Iterator[str]:
    """The URL of a fresh, empty server on a free local port."""
    programs = binaries()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="stillhouse-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data, control = folder / "data", programs / "pg_ctl"
    try:
        as_postgres(programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "--locale=C.UTF-8")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        as_postgres(control, "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            as_postgres(control, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(url: str) -> str:
    """The URL of a new, empty database on the server at `url`."""
    import sqlalchemy as sa

    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine.dispose()
    return url.rpartition("/")[0] + f"/{name}"
