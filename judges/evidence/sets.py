"""Which data sets can be replayed, where each lies, and the one call that replays it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curation.errors import InputError
from curation.plugins import nearest
from curation.progress import Progress
from judges.evidence import label_errors, llmbar, pandalm, prometheus, verdicts, xstest, xsum
from judges.evidence.findings import Findings


class Source(NamedTuple):
    """A data set: its folder below the shared data, what it shows, and the replay."""

    folder: str
    shows: str
    replay: Callable[[Path, Progress], Findings]


SETS: dict[str, Source] = {
    "llmbar": Source("llmbar", "judges and panels on labelled pairs, both orders", llmbar.replay),
    "pandalm": Source("pandalm", "agreement of three people, and two judges with them", pandalm.replay),
    "xsum": Source("xsum_hallucination", "Fleiss' kappa of three raters with missing votes", xsum.replay),
    "xstest": Source("xstest", "who calls what a refusal: two people, a string match, GPT-4", xstest.replay),
    "prometheus": Source("prometheus_eval", "one judge asked three times", prometheus.replay),
    "label_errors": Source("label_errors", "labels that people do not confirm", label_errors.replay),
}
VERDICTS = "verdicts"


def replay(name: str, given: Path | None, shared: Path | None, progress: Progress) -> Findings:
    """Replay a data set from the folder given, else from its folder below the shared data.

    InputError for an unknown name, a place where nothing lies, and files that cannot be used.
    """
    if name == VERDICTS:
        return verdicts.replay(_file(given), progress)
    if name not in SETS:
        known = (*SETS, VERDICTS)
        raise InputError(f"no evidence named {name!r}{nearest(name, known)} Known: {', '.join(known)}")
    source = SETS[name]
    return source.replay(_folder(name, source.folder, given, shared), progress)


def _folder(name: str, folder: str, given: Path | None, shared: Path | None) -> Path:
    usual = None if shared is None else shared / folder
    chosen = usual if given is None else given
    if chosen is not None and chosen.is_dir():
        return chosen
    place = f"$STILLHOUSE_SHARED_DATA/{folder}, {'a variable that is not set' if usual is None else f'here {usual}'}"
    if given is None:
        raise InputError(f"evidence {name}: no --data DIR was given, and there is no folder {place}")
    raise InputError(f"evidence {name}: --data {given} is no folder; without --data it is read from {place}")


def _file(given: Path | None) -> Path:
    if given is None:
        raise InputError(f"evidence {VERDICTS} reads a file of yours: give it with --data FILE.jsonl")
    if not given.is_file():
        raise InputError(f"evidence {VERDICTS}: --data {given} is no file")
    return given
