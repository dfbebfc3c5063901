"""The command `gold start`: a person judges drawn samples, on the Review page or in the terminal."""

import getpass
import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curation.errors import StillhouseError
from dashboard.cli.opening import at, require, workspace
from dashboard.cli.output import Json, json_line, say

if TYPE_CHECKING:
    from curation.store.reviews import Study
    from curation.workspace import Workspace
    from judges.gold_start import Key

KEYS = "a accept · r reject · s skip · u undo · q stop"
POLL_SECONDS = 1.0
SliceBy = Literal["tag", "label", "group"]


def start(
    context: typer.Context,
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="At most so many samples.")] = 50,
    name: Annotated[str, typer.Option("--set", metavar="NAME", help="Which gold set they become.")] = "gold",
    here: Annotated[
        bool, typer.Option("--here", help="Ask in this terminal, one sample at a time, not on the page.")
    ] = False,
    slice_by: Annotated[SliceBy | None, typer.Option("--slice-by", help="What becomes a row's slice.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which samples are drawn.")] = 0,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where the Review page is served; 0: a free port.")
    ] = 0,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login")
    ] = None,
    as_json: Json = False,
) -> None:
    """Begin a gold set: judge drawn samples blind; after each ten votes see what the judges are worth by them.

    Samples are spread over labels and clusters, each teacher in turn. What was answered stays: run it again to go on.
    """
    from judges.gold_start import begin, votes_of

    with workspace(context) as opened:
        actor = by or getpass.getuser()
        study, new = begin(opened.store, opened.task.answer, n, seed=seed, actor=actor)
        if not as_json and sys.stdin.isatty() and sys.stdout.isatty() and votes_of(opened.store, study.name)[1]:
            watch = _Watch(opened, study.name, name)
            _sit(watch, actor) if here else _serve(watch, port)
        _end(context, opened, (study, new), {"name": name, "actor": actor, "slice_by": slice_by}, as_json)


class _Watch:
    """Tells after each ten votes what the judges are worth by them."""

    def __init__(self, opened: "Workspace", study: str, gold_name: str) -> None:
        from judges.gold_start import votes_of

        self.opened, self.study, self.gold_name = opened, study, gold_name
        self._told = votes_of(opened.store, study)[0]

    def left(self) -> int:
        """Items nobody has looked at; tells about the judges where it is time."""
        from judges.gold_start import EVERY, votes_of

        given, left = votes_of(self.opened.store, self.study)
        if given // EVERY > self._told // EVERY:
            self._tell(given)
        self._told = max(self._told, given)
        return left

    def _tell(self, given: int) -> None:
        from curation.progress import Silent
        from judges.gold_start import standing

        opened, progress = self.opened, Silent()
        try:
            lines = standing(opened.store, opened.task, opened.environment, self.study, self.gold_name, progress)
        except StillhouseError as error:  # the votes are safe, and worth having without the judges
            say(f"{given} votes. The judges could not be asked: {error}")
            return
        say(f"{given} votes" + ("" if lines else "; no judge can be measured: see [[judges]] in task.toml"))
        for line in [*progress.notices, *(judge.words for judge in lines)]:
            say(f"  {line}")


def _serve(watch: _Watch, port: int) -> None:
    """Serve the Review page until every item was looked at or Ctrl-C, and watch the votes."""
    from dashboard import launch

    require("dashboard", "the Review page")
    port = port or launch.free_port()
    say(f"Judge the samples of study {watch.study!r} at http://{launch.HOST}:{port}/?study={watch.study}")
    say("Ctrl-C stops; what was answered stays.")
    try:
        with launch.started(watch.opened.root, port, served=launch.Served(reviewer=True)) as process:
            while watch.left():
                time.sleep(POLL_SECONDS)
                if (code := process.poll()) is not None:
                    raise launch.ended_early(code, port)
    except KeyboardInterrupt:
        say()


def _sit(watch: _Watch, rater: str) -> None:
    """Ask in the terminal until nothing is left, the rater stops, or Ctrl-C."""
    from judges.gold_start import Sitting
    from judges.review import ReviewService

    sitting = Sitting(ReviewService(watch.opened.store), watch.study, rater)
    try:
        with _single_keys() as pressed:
            while (left := watch.left()) and (shown := sitting.show()):
                say(f"\n--- {shown.question}  ({left} left)\n\n{shown.prompt}\n\n>>> {shown.a}\n")
                key = _key(pressed)
                if not sitting.press(shown, key):
                    say("There is nothing to take back.")
                if key == "stop":
                    return
    except KeyboardInterrupt:
        say()


def _key(pressed: Callable[[], str]) -> "Key":
    """The next key that means anything; the end of input stops."""
    from judges.gold_start import KEYS as MEANING

    print(KEYS, end=" ", flush=True)
    while (key := pressed().lower() or "q") not in MEANING:
        pass
    say(f"-> {MEANING[key]}")
    return MEANING[key]


@contextmanager
def _single_keys() -> Generator[Callable[[], str]]:
    """Reads keys without Enter; all the while, so that none typed ahead is lost or shown."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield typer.getchar
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda: os.read(terminal, 1).decode(errors="replace")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _end(
    context: typer.Context, opened: "Workspace", begun: "tuple[Study, bool]", gold: dict[str, Any], as_json: bool
) -> None:
    """Write the gold set when every item was looked at; else say how to go on."""
    from judges.gold_start import finish, votes_of

    study, new = begun
    given, left = votes_of(opened.store, study.name)
    made = None if left else finish(opened.store, study.name, gold["name"], gold["actor"], slice_by=gold["slice_by"])
    command = at(context).command
    following = f"{command} run" if made else f"{command} gold start --here"
    if as_json:
        told = {"study": study.name, "opened": new, "items": study.items, "votes": given, "left": left}
        json_line({**told, "gold": made.model_dump(mode="json") if made else None, "next": following})
        return
    if made:
        say(f"Gold set {made.name!r}, version {made.version}: {made.rows} rows from {given} votes")
        say(f"Next: {following}     (lets the judges earn their votes, and keeps gold out of what is trained on)")
        return
    was = "was opened" if new else "is open"
    say(f"Study {study.name!r} {was}: {given} votes, {left} of {study.items} samples left")
    say(f"Next, in a terminal: {following}     (or without --here on the Review page)")
    if given:
        enough = (
            f"{command} review close {study.name} && {command} gold create --from {study.name} --set {gold['name']}"
        )
        say(f"To keep only these: {enough}")
