"""Builds and runs the exact `streamlit run` command of the dashboard, without importing streamlit.

Everything is a flag, so no `.streamlit/config.toml` of the user's can turn telemetry on or open the port.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError, MissingExtra, WorkspaceError
from curation.store.layout import Layout
from dashboard.access import LOCAL, LOOPBACK, LOOPBACKS, Access, believed, sign_in_file

HOST = LOOPBACK
WORKSPACE = "STILLHOUSE_WORKSPACE"
"""Environment variable naming the workspace the pages show."""
ROLE = "STILLHOUSE_ROLE"
"""Environment variable: `reviewer` serves the Review page alone, anything else serves every page."""

HOSTS = LOOPBACKS
"""The names the server answers to; a browser that asks for another one was sent here by somebody else's name."""
GUARDS: dict[str, str] = {
    "server.address": HOST,
    "server.headless": "true",  # otherwise a browser on this machine may have files installed beside the pages
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "global.developmentMode": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "server.trustedUserHeaders": "{}",  # a header that anybody may send would say who they are
}
"""What no flag and no configuration file may change: the server does not start otherwise."""
OPTIONS: dict[str, str] = {
    **GUARDS,
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.enableAgentApi": "false",
    "server.disconnectedSessionTTL": "600",
    "server.maxUploadSize": "1",
    "server.scriptHealthCheckEnabled": "false",
    "runner.postScriptGC": "false",  # Python collects by itself; to walk all objects takes longer than a vote
    "client.disableDataExport": "true",  # data leaves through `stillhouse export`, which keeps gold back
    "client.toolbarMode": "minimal",
}

# Streamlit draws captions in the colour of text at 60 %: that still has to stand out from its ground by 4.5 to 1.
THEME: dict[str, str | Sequence[str]] = {
    "theme.baseRadius": "6px",
    "theme.baseFontSize": "14",
    "theme.headingFontSizes": ["26px", "17px", "15px", "14px", "13px", "12px"],
    "theme.linkUnderline": "false",
    "theme.paddingTop": "0.75rem",
    "theme.metricValueFontSize": "1.75rem",
    "theme.light.primaryColor": "#0F766E",
    "theme.light.backgroundColor": "#FFFFFF",
    "theme.light.secondaryBackgroundColor": "#F4F6F5",
    "theme.light.textColor": "#0B1513",
    "theme.light.codeTextColor": "#0B1513",
    "theme.light.borderColor": "#D5DDDA",
    "theme.light.chartCategoricalColors": ["#0F766E", "#B45309", "#4338CA", "#BE123C", "#64748B"],
    "theme.dark.primaryColor": "#2DD4BF",
    "theme.dark.backgroundColor": "#0E1513",
    "theme.dark.secondaryBackgroundColor": "#17211E",
    "theme.dark.textColor": "#E6EFEC",
    "theme.dark.codeTextColor": "#E6EFEC",
    "theme.dark.borderColor": "#2A3A35",
    "theme.dark.chartCategoricalColors": ["#2DD4BF", "#FBBF24", "#A5B4FC", "#FB7185", "#94A3B8"],
}


@dataclass(frozen=True)
class Served:
    """How a workspace's pages are served: to raters alone or to all, to whom, and the file that signs people in."""

    reviewer: bool = False
    access: Access = LOCAL
    secrets: Path | None = None


EVERYTHING = Served()


def guards(access: Access) -> dict[str, str]:
    """The settings that the server must find: GUARDS, with the address that goes with an access control.

    Streamlit greets with all addresses it has, and asks a server abroad for one, where it listens on every one.
    """
    silent = {"logger.hideWelcomeMessage": "true"} if access.everywhere else {}
    return {**GUARDS, "server.address": access.bind, **silent}


def command(workspace: Path, port: int, *, extra: Sequence[str] = (), served: Served = EVERYTHING) -> list[str]:
    """The command that serves the pages of a workspace; run it with `environment(workspace)`.

    `extra` is appended as it is, so a later flag wins. Raises WorkspaceError when there is no workspace, and for a
    flag that would open the server or make it report to anybody; InputError for a file that cannot sign people in.
    """
    Layout(workspace).require()
    _guard(extra)
    flags = {**OPTIONS, **guards(served.access), "server.port": str(port), **THEME}
    if served.secrets is not None:
        sign_in_file(served.secrets, served.access)
        flags["secrets.files"] = str(served.secrets.resolve())
    return [
        *(sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("asgi.py"))),
        *(f"--{name}={_written(value)}" for name, value in flags.items()),
        *(f"--server.allowedHosts={name}" for name in served.access.hosts),
        *extra,
    ]


def environment(
    workspace: Path, *, reviewer: bool = False, base: Mapping[str, str] | None = None, access: Access = LOCAL
) -> dict[str, str]:
    """The environment of the server: the given one (default: this process's) plus workspace, role and access."""
    role = "reviewer" if reviewer else "all"
    own = {WORKSPACE: str(workspace.resolve()), ROLE: role, **access.variables}
    variables = {**(os.environ if base is None else base), **own}
    believed(variables)
    return variables


def serve(workspace: Path, port: int, *, served: Served = EVERYTHING, extra: Sequence[str] = ()) -> int:
    """Serve until Ctrl-C or SIGTERM, which end the server too; 0. Port 0 takes a free one.

    Raises MissingExtra when streamlit is not installed, InputError for an address that is none of this machine's,
    WorkspaceError when there is no workspace or the server ends by itself (the port is taken).
    """
    free = free_port(served.access.bind)
    try:
        with started(workspace, port or free, served=served, extra=extra) as process:
            code = process.wait()
    except KeyboardInterrupt:
        return 0
    if code:
        raise ended_early(code, port)
    return code


@contextmanager
def started(
    workspace: Path, port: int, *, served: Served = EVERYTHING, extra: Sequence[str] = ()
) -> Generator[subprocess.Popen[bytes]]:
    """The server for the length of a `with`; SIGTERM raises KeyboardInterrupt in it, as Ctrl-C does.

    Raises MissingExtra when streamlit is not installed, WorkspaceError when there is no workspace.
    """
    from importlib.util import find_spec

    if find_spec("streamlit") is None or find_spec("altair") is None:
        raise MissingExtra('the dashboard needs streamlit and altair: pip install "stillhouse[dashboard]"')
    if served.secrets is not None and find_spec("authlib") is None:
        raise MissingExtra('signing in needs authlib: pip install "stillhouse[dashboard]"')
    line = command(workspace, port, extra=extra, served=served)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    variables = environment(workspace, reviewer=served.reviewer, access=served.access)
    process = subprocess.Popen(line, env=variables, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        signal.signal(signal.SIGTERM, before)


def ended_early(code: int, port: int) -> WorkspaceError:
    """The error of a server that ended by itself."""
    return WorkspaceError(f"the dashboard server ended with code {code}; is port {port} free? Try --port 0")


def free_port(address: str = HOST) -> int:
    """A port that nobody listens on at an address; InputError where that is none of this machine's."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as free:
            free.bind((address, 0))
            return int(free.getsockname()[1])
    except OSError as error:
        raise InputError(f"{address} is no address of this machine to listen on: {error.strerror}") from error


def _guard(extra: Sequence[str]) -> None:
    for flag in extra:
        name, _, value = flag.removeprefix("--").partition("=")
        if value.lower() != GUARDS.get(name, value.lower()):
            raise WorkspaceError(f"{flag}: {name} stays {GUARDS[name]}; the pages are served to this machine alone")


def _written(value: str | Sequence[str]) -> str:
    """A flag's value: streamlit reads a list from the command line as JSON."""
    return value if isinstance(value, str) else json.dumps(list(value))
