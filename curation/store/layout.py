"""Where things lie in a workspace."""

from dataclasses import dataclass
from pathlib import Path

from curation.errors import WorkspaceError


@dataclass(frozen=True)
class Layout:
    """Paths of one workspace; `root` is the folder that holds task.toml."""

    root: Path

    @property
    def task(self) -> Path:
        """The task, declared."""
        return self.root / "task.toml"

    @property
    def house(self) -> Path:
        """Everything Stillhouse writes."""
        return self.root / ".stillhouse"

    @property
    def replies(self) -> Path:
        """Every request and reply, by key."""
        return self.house / "replies.db"

    @property
    def state(self) -> Path:
        """Runs, reviews, gold, events."""
        return self.house / "state.db"

    @property
    def chunks(self) -> Path:
        """Immutable Parquet, named by digest."""
        return self.house / "chunks"

    @property
    def versions(self) -> Path:
        """Manifests and leaves."""
        return self.house / "versions"

    @property
    def students(self) -> Path:
        """Trained students, one folder each."""
        return self.house / "students"

    @property
    def cards(self) -> Path:
        """Dataset cards, one Markdown file per version."""
        return self.root / "cards"

    @property
    def keys(self) -> Path:
        """Signing key, workspace key, record keys; 0700."""
        return self.house / "keys"

    @property
    def locks(self) -> Path:
        """One file per living process or guarded resource."""
        return self.house / "locks"

    def create(self) -> None:
        """Make the folders; keys are for the owner alone."""
        for folder in (self.house, self.chunks, self.versions, self.locks):
            folder.mkdir(parents=True, exist_ok=True)
        self.keys.mkdir(mode=0o700, exist_ok=True)

    def require(self) -> None:
        """WorkspaceError, saying what to do, when this is not a workspace."""
        if not self.task.is_file():
            raise WorkspaceError(f"no task.toml in {self.root}; `stillhouse init {self.root}` makes a workspace here")
