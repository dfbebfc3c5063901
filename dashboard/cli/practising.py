"""Serves a workspace's practice teachers in the foreground."""

from datetime import date

from curation.llm.practice.server import serve as keep_open
from curation.llm.practice.server import server_for
from curation.scrubbing import Scrubber
from curation.task import Task
from dashboard.cli.output import say


def serve(task: Task, port: int) -> None:
    """Serve until Ctrl-C, saying where and how a run uses it."""
    scrubber = Scrubber.of(task.scrub, date.today())  # noqa: DTZ011 - an allow-list ends at the end of a local day
    keep_open(server_for(task, lambda text: scrubber.scrub(text).text, port=port), _announce)


def _announce(url: str) -> None:
    say(f"Practice teachers answer at {url} (models: {url}/practice/models). Ctrl-C ends it.")
    say(f"A run in another window uses them with: export STILLHOUSE_PRACTICE_URL={url}")
