"""A process that is killed by the kernel in the middle of writing, at a moment its caller chooses.

    python -m tests.regressions.dying journal ROOT MOMENT NTH URL
    python -m tests.regressions.dying seal ROOT MOMENT NTH

MOMENT is the beginning of an SQL statement, `commit`, or the ending of a file that is about to get its name.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from curation.store.store import Store
from tests.curation.asking import asker_in, asks, openai_model
from tests.curation.sealing import seal

PRICE = {"input": 1000.0, "output": 10000.0}
TEXTS = [f"text {i}" for i in range(12)]
BUDGET = 1000.0
VERSION_ROWS = 20


def priced(url: str):
    """The model that is asked before and after the kill."""
    return openai_model(url, price=PRICE, concurrency=2)


class Death:
    """Comes at the nth time something happens."""

    def __init__(self, moment: str, nth: int) -> None:
        self.moment = moment
        self.left = nth

    def _passed(self, here: bool) -> None:
        self.left -= here
        if here and not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, *context: Any) -> None:
        """Before a statement is executed."""
        self._passed(context[2].lstrip().startswith(self.moment))

    def commit(self, _connection: Any) -> None:
        """Before a transaction is committed."""
        self._passed(self.moment == "commit")

    def renamed(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Before a file that is whole gets its name."""
        self._passed(name == "os.rename" and str(arguments[1]).endswith(self.moment))


def journal(root: Path, url: str, armed: Callable[[], None]) -> None:
    """Ask everything."""
    with asker_in(root, budget=BUDGET) as asker:
        wanted = asks(asker, priced(url), TEXTS)
        armed()
        asker.ask(wanted, "sample")


def sealing(root: Path, armed: Callable[[], None]) -> None:
    """Seal a version."""
    with Store.open(root) as store:
        armed()
        seal(store, VERSION_ROWS)


if __name__ == "__main__":
    what, folder, moment, number, *rest = sys.argv[1:]
    death = Death(moment, int(number))

    def arm() -> None:
        event.listen(Engine, "before_cursor_execute", death.statement)
        event.listen(Engine, "commit", death.commit)
        sys.addaudithook(death.renamed)

    if what == "journal":
        journal(Path(folder), rest[0], arm)
    else:
        sealing(Path(folder), arm)
