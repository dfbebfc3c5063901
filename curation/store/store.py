"""An opened workspace: its folders, databases, keys, chunks, versions, ledger and runs."""

from pathlib import Path
from types import TracebackType
from typing import Self

from curation.errors import WorkspaceError
from curation.records import sample_id
from curation.store.batches import Batches
from curation.store.chunks import Chunks
from curation.store.database import REPLIES, STATE, Database
from curation.store.keys import Keys
from curation.store.layout import Layout
from curation.store.ledger import Ledger
from curation.store.runs import Runs
from curation.store.versions import Versions
from curation.task import Environment


class Store:
    """Everything Stillhouse keeps about one workspace; a context manager."""

    def __init__(self, layout: Layout, environment: Environment) -> None:
        try:
            layout.create()
        except OSError as error:
            raise WorkspaceError(
                f"cannot make {layout.house}: {error.strerror}; free space or allow writing"
            ) from error
        self.layout = layout
        self.keys = Keys.open(layout)
        self.state = _state(layout, environment, self.keys)
        self.replies_db = Database.sqlite(layout.replies, REPLIES)
        self.batches = Batches(self.replies_db)
        self.chunks = Chunks(layout)
        self.ledger = Ledger(self.state, self.keys, layout)
        self.versions = Versions(layout, self.state, self.chunks, self.keys, self.ledger)
        self.runs = Runs(self.state, self.ledger)

    @classmethod
    def open(cls, root: Path, environment: Environment | None = None) -> "Store":
        """Open the workspace whose task.toml lies in `root`; WorkspaceError, saying what to do, when there is none."""
        layout = Layout(Path(root).resolve())
        layout.require()
        return cls(layout, environment or Environment({}))

    @classmethod
    def create(cls, root: Path, environment: Environment | None = None) -> "Store":
        """Open a workspace that may not have a task.toml yet; the folder is made."""
        return cls(Layout(Path(root).resolve()), environment or Environment({}))

    def sample_id(self, request_key: str, index: int) -> str:
        """A sample's id in this workspace."""
        return sample_id(self.keys.workspace, request_key, index)

    @property
    def fingerprint(self) -> str:
        """The name of the key this workspace signs with."""
        return self.keys.fingerprint

    def close(self) -> None:
        """Give back every connection."""
        self.state.close()
        self.replies_db.close()
        self.keys.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _state(layout: Layout, environment: Environment, keys: Keys) -> Database:
    url = environment.database_url
    if url is None:
        return Database.sqlite(layout.state, STATE)
    # One schema per workspace, so that several may share a server.
    return Database.url(url, STATE, f"stillhouse_{keys.fingerprint[:16]}")
