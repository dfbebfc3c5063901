"""Serves a workspace's practice teachers in the foreground."""

from curation.llm.practice.server import serve as keep_open
from curation.llm.practice.server import server_for
from curation.run import gold_key, scrub_text
from curation.workspace import Workspace
from dashboard.cli.output import say


def serve(opened: Workspace, port: int) -> None:
    """Serve until Ctrl-C, saying where and how a run uses it."""
    scrub, also = scrub_text(opened.task, opened.store), gold_key(opened.store)
    keep_open(server_for(opened.task, scrub, port=port, also=also), _announce)


def _announce(url: str) -> None:
    say(f"Practice teachers answer at {url} (models: {url}/practice/models). Ctrl-C ends it.")
    say(f"A run in another window uses them with: export STILLHOUSE_PRACTICE_URL={url}")
