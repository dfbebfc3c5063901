"""Stillhouse: turn large teacher models into a sealed, explainable dataset."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.workspace import Workspace

__all__ = ["Workspace"]


def __getattr__(name: str) -> object:
    """`Workspace`, imported when it is asked for, so that `import curation.errors` stays cheap."""
    if name == "Workspace":
        from curation.workspace import Workspace

        return Workspace
    raise AttributeError(f"module 'curation' has no attribute {name!r}")
