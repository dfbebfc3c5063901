"""Every error Stillhouse raises on purpose, and the tree they form.

    StillhouseError                 one clear line; the edge prints it and exits with 1
    ├── TaskError                   task.toml or a plugin's settings are wrong
    │   └── UnknownPlugin           no plugin of that name; names the nearest
    ├── InputError                  a file the user gave cannot be used as a whole
    ├── WorkspaceError              no workspace here, a damaged one, a full disk
    │   ├── StoreBusy               another process holds what this one needs
    │   └── Corrupt                 stored bytes are not what their digest says
    ├── UnknownRecord               no sample, version or study of that name
    ├── Forbidden                   this person's roles do not allow it
    ├── BudgetError                 a paid run without a budget, unpriced, or over its cap
    ├── ProviderError               a provider cannot be used at all: key, host or model name
    │   └── RunStopped              the provider refused the same way too often to go on
    ├── TermsConflict               a teacher's terms forbid the stated use
    ├── MissingExtra                a command needs an optional part that is not installed
    ├── ReplyUnreadable             one reply could not be parsed; becomes a row, never stops a run
    └── AskFailed                   one attempt at one request failed; the sampler decides what follows

An error about one record (the last two) is caught where the record is handled and becomes a row.
Everything else is about the run and is caught once, at the edge.
"""

from typing import Literal

FailureKind = Literal[
    "rate_limited",  # 429: slow down, then ask again
    "overloaded",  # 503, 529: ask again later
    "server",  # 500, 502, 504: ask again
    "timeout",  # no answer in time: ask again
    "connection",  # nobody answers: ask again, then stop the run
    "quota",  # billing: stop the run
    "auth",  # 401, 403: stop the run
    "unknown_model",  # 404: stop the run
    "invalid_parameter",  # 400: this row fails; k identical ones stop the run
    "too_long",  # 400 context length: this row fails
    "unreadable",  # 200 with a body we cannot read: ask again
    "held_back",  # the egress guard found personal data in the request: this row fails, nothing is sent
    "erased",  # bought once and erased by [rules] keep_days: this row fails, nothing is asked
]

RETRYABLE: frozenset[FailureKind] = frozenset(
    {"rate_limited", "overloaded", "server", "timeout", "connection", "unreadable"}
)
STOPS_RUN: frozenset[FailureKind] = frozenset({"quota", "auth", "unknown_model"})


class StillhouseError(Exception):
    """Any failure Stillhouse states in one line: what was found, where, what would be right."""


class TaskError(StillhouseError):
    """task.toml, or the settings of a plugin in it, cannot be used."""


class UnknownPlugin(TaskError):
    """A plugin was named that does not exist; the message names the nearest one."""


class InputError(StillhouseError):
    """A file given by the user cannot be used at all (single bad rows are quarantined instead)."""


class WorkspaceError(StillhouseError):
    """There is no workspace here, or it cannot be read or written."""


class StoreBusy(WorkspaceError):
    """Another process holds what this one needs."""


class Corrupt(WorkspaceError):
    """Stored bytes are not the bytes that were sealed."""


class UnknownRecord(StillhouseError):
    """No sample, version, study or token of that name is known here."""


class Forbidden(StillhouseError):
    """Somebody asked for what their roles do not allow."""


class BudgetError(StillhouseError):
    """The run has no budget, no price for a model, or would exceed its cap."""


class ProviderError(StillhouseError):
    """A provider cannot be used: no key, no such host, no such model."""


class RunStopped(ProviderError):
    """The provider refused in a way that asking again cannot mend."""


class TermsConflict(StillhouseError):
    """A teacher's terms of use forbid the use stated in task.toml."""


class MissingExtra(StillhouseError):
    """An optional part is needed and not installed; the message gives the pip command."""


class ReplyUnreadable(StillhouseError):
    """One reply could not be parsed into what was asked for."""


class AskFailed(StillhouseError):
    """One attempt at one request failed; `kind` says how, `retry_after` when to ask again (seconds)."""

    def __init__(
        self, kind: FailureKind, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.status = status
        self.retry_after = retry_after
