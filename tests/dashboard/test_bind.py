"""A server that a proxy on another machine asks: where it may listen, what it answers to, whom it believes."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import InputError, WorkspaceError
from dashboard import launch
from dashboard.access import ACCESS, BIND, FORWARDED, PUBLIC, Access, allowed, believed
from dashboard.cli.main import main

NAME = "reviews.example.org"
ELSEWHERE = Access(invites=True, public=NAME, listen="0.0.0.0")


@pytest.mark.parametrize(
    ("bind", "listens"),
    [("0.0.0.0", "0.0.0.0"), ("::", "::"), ("[::]", "::"), ("10.0.0.5", "10.0.0.5"), ("2001:DB8:0::1", "2001:db8::1")],
)
def test_with_access_control_and_a_name_the_server_listens_where_it_is_told_and_answers_to_the_name_alone(
    bind: str, listens: str
):
    for access in (allowed(NAME, invites=True, bind=bind), allowed(NAME, oidc=True, bind=bind)):
        assert (access.bind, access.tls, access.base(8501)) == (listens, True, f"https://{NAME}")
        assert access.hosts == ("127.0.0.1", "localhost", "::1", NAME)
    assert allowed("192.168.1.5", invites=True, bind=bind).base(8600) == "http://192.168.1.5:8600"
    assert f"--host {NAME} --bind {listens}`" in allowed(NAME, invites=True, bind=bind).command(8501)


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "10.0.0.5", "127.0.0.2"])
@pytest.mark.parametrize(
    ("host", "control"), [("", False), ("", True), ("localhost", True), ("127.0.0.1", True), (NAME, False)]
)
def test_without_access_control_or_without_a_name_it_listens_nowhere_else(bind: str, host: str, control: bool):
    """Mutation: dashboard/access.py: if access.local or not access.public: => if access.local:
    Mutation: dashboard/access.py: if access.local or not access.public: => if False:"""
    with pytest.raises(InputError) as refused:
        allowed(host, invites=control, bind=bind)
    line = str(refused.value)
    assert "--access invites" in line
    assert "--oidc FILE" in line
    assert (f"--bind {bind} " in line and f"--host {NAME}" in line) or f"--host {host}" in line
    assert "\n" not in line


@pytest.mark.parametrize("bind", ["localhost", NAME, "*", "0.0.0.0:8501", "10.0.0.0/8", "unix:///run/pages", " "])
def test_where_to_listen_is_an_address_and_nothing_else(bind: str):
    with pytest.raises(InputError, match=r"is no address: give one of this machine's, or 0\.0\.0\.0 or ::"):
        allowed(NAME, invites=True, bind=bind)


def test_the_address_that_goes_with_the_name_needs_no_second_word():
    assert allowed("", bind="127.0.0.1") == Access()
    assert allowed(NAME, invites=True, bind="127.0.0.1") == Access(invites=True, public=NAME)
    assert allowed("192.168.1.5", invites=True, bind="192.168.1.5") == allowed("192.168.1.5", invites=True)


def test_a_host_that_is_every_address_is_pointed_to_bind():
    with pytest.raises(InputError, match=r"to listen as --bind 0\.0\.0\.0"):
        allowed("0.0.0.0", invites=True)


# --- from the launcher to the server -------------------------------------------------------------------------------


def test_the_server_reads_where_to_listen_from_its_environment_and_refuses_what_would_let_people_in():
    """Mutation: dashboard/access.py: variables.get(BIND, "") => str()"""
    for access in (ELSEWHERE, Access(True, True, NAME, "::"), Access(True, False, "192.168.1.5", "10.0.0.5")):
        assert Access.of(access.variables) == access
    for variables in (
        {BIND: "0.0.0.0"},
        {BIND: "0.0.0.0", ACCESS: "local"},
        {BIND: "0.0.0.0", ACCESS: "invites"},
        {BIND: "everywhere", ACCESS: "invites", PUBLIC: NAME},
    ):
        with pytest.raises(InputError, match="--bind"):
            Access.of(variables)


def test_the_environment_of_whoever_starts_it_does_not_say_where_to_listen(built: Path):
    assert launch.environment(built, base={BIND: "0.0.0.0"})[BIND] == ""


def test_the_command_names_the_address_and_the_server_must_find_it(built: Path):
    """Mutation: dashboard/launch.py: if access.everywhere else {} => if False else {}"""
    command = launch.command(built, 8501, served=launch.Served(access=ELSEWHERE))
    assert "--server.address=0.0.0.0" in command
    assert [flag for flag in command if "allowedHosts" in flag][-1] == f"--server.allowedHosts={NAME}"
    # Streamlit would ask a server abroad for this machine's address, to greet with it.
    assert "--logger.hideWelcomeMessage=true" in command
    assert launch.guards(ELSEWHERE)["logger.hideWelcomeMessage"] == "true"
    with pytest.raises(WorkspaceError, match=r"server.address stays 127\.0\.0\.1"):
        launch.command(built, 8501, extra=["--server.address=0.0.0.0"])


def test_a_server_started_by_hand_on_every_address_does_not_come_up(built: Path, tmp_path: Path):
    (tmp_path / ".streamlit").mkdir()
    settings = {"server.address": "0.0.0.0", "server.headless": "true", "browser.gatherUsageStats": "false"}
    settings |= {"client.showErrorDetails": "none", "client.showErrorLinks": "false"}
    lines = [f"{k} = {v if v in ('true', 'false') else repr(v)}" for k, v in settings.items()]
    (tmp_path / ".streamlit" / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "uvicorn", "dashboard.asgi:app", "--port", "0"],
        cwd=tmp_path, env=launch.environment(built, access=ELSEWHERE), capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert "logger.hideWelcomeMessage is false, not true: start the pages with" in ended.stderr


def test_an_address_of_another_machine_is_told_as_that_and_not_as_a_taken_port(built: Path):
    access = Access(invites=True, public=NAME, listen="192.0.2.1")
    with pytest.raises(InputError, match=r"192\.0\.2\.1 is no address of this machine to listen on"):
        launch.serve(built, 8501, served=launch.Served(access=access))


@pytest.mark.parametrize("address", ["127.0.0.2", "0.0.0.0"])
def test_a_free_port_is_one_of_the_address_it_is_for(address: str):
    assert launch.free_port(address) > 0


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    assert left.value.code == 1
    seen = capsys.readouterr()
    return seen.out, seen.err


def test_the_command_refuses_in_one_line_what_would_show_the_pages_to_anybody(built: Path, capsys):
    out, err = run(capsys, "-C", built, "dashboard", "--bind", "0.0.0.0", "--host", NAME)
    assert (out, err.count("\n")) == ("", 1)
    assert "--access invites" in err
    out, err = run(capsys, "-C", built, "dashboard", "--bind", "0.0.0.0", "--access", "invites")
    assert (out, err.count("\n")) == ("", 1)
    assert f"--host {NAME}" in err


def test_the_command_says_how_the_proxy_reaches_it_and_that_it_is_not_yet_believed(built: Path, capsys, monkeypatch):
    monkeypatch.delenv(FORWARDED, raising=False)
    asked = ("-C", built, "dashboard", "--access", "invites", "--host", NAME, "--bind", "192.0.2.1", "--port", "8600")
    out, err = run(capsys, *asked)
    assert f"https://{NAME} through a proxy: caddy reverse-proxy --from {NAME} --to 192.0.2.1:8600" in out
    assert "let nobody but the proxy reach it there" in out
    assert f"Set {FORWARDED} to the proxy's address" in out
    assert "192.0.2.1 is no address of this machine" in err
    monkeypatch.setenv(FORWARDED, "172.18.0.0/16")
    assert FORWARDED not in run(capsys, *asked)[0]


# --- who says who asks ---------------------------------------------------------------------------------------------


def test_proxies_that_are_believed_are_named_by_address_or_network():
    assert believed({}) == believed({FORWARDED: ""}) == []
    assert believed({FORWARDED: "172.18.0.2, 10.0.0.0/8,fd00::/8"}) == ["172.18.0.2", "10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("*", r"names '\*': give the addresses"),
        ("127.0.0.1,caddy", "names 'caddy'"),
        ("172.18.0.2/16", "as in 172.18.0.0/16"),
        ("0.0.0.0/0", "anybody says who they are"),
        ("::/0", "anybody says who they are"),
        ("::/8", "anybody says who they are"),
        ("2000::/3", "anybody says who they are"),
        ("::ffff:0.0.0.0/96", "anybody says who they are"),
    ],
)
def test_whoever_would_believe_anybody_starts_no_server(built: Path, said: str, words: str):
    """Mutation: dashboard/access.py: if any(_holds => if False and any(_holds
    Mutation: dashboard/launch.py: believed(variables) => pass
    Mutation: dashboard/access.py: believed(variables) => pass"""
    for start in (
        lambda: launch.environment(built, base={FORWARDED: said}),
        lambda: Access.of({**ELSEWHERE.variables, FORWARDED: said}),
        lambda: Access.of({FORWARDED: said}),
    ):
        with pytest.raises(WorkspaceError, match=words):
            start()


# --- the real pages ------------------------------------------------------------------------------------------------

STRANGER, PROXY = "127.0.0.3", "127.0.0.4"


def ask(port: int, path: str, *, of: str = "127.0.0.2", by: str = STRANGER, **headers: str) -> int:
    """The status of one answer, asked of an address, by another one of this machine's."""
    connection = http.client.HTTPConnection(of, port, timeout=60, source_address=(by, 0))
    try:
        connection.request("GET", path, headers={"Host": NAME, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def elsewhere(built: Path) -> Iterator[int]:
    """Pages that listen on another address of this machine's, and believe one proxy."""
    access = allowed(NAME, invites=True, bind="127.0.0.2")
    port = launch.free_port(access.bind)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(FORWARDED, PROXY)
        with launch.started(built, port, served=launch.Served(access=access)) as process:
            for _ in range(960):
                assert process.poll() is None
                try:
                    if ask(port, "/_stcore/health") == 200:
                        break
                except ConnectionError:
                    time.sleep(0.25)
            yield port


def test_it_answers_there_to_its_name_and_to_no_other(elsewhere: int):
    assert [ask(elsewhere, "/", Host=host) for host in (NAME, f"{NAME}:{elsewhere}", f"localhost:{elsewhere}")] == [
        200
    ] * 3
    for host in (f"127.0.0.2:{elsewhere}", "0.0.0.0", "evil.example", f"x.{NAME}", ""):
        assert ask(elsewhere, "/", Host=host) == 403
    assert ask(elsewhere, "/", Origin=f"https://{NAME}") == 200
    assert ask(elsewhere, "/", Origin="https://evil.example") == 403
    with pytest.raises(ConnectionRefusedError):
        ask(elsewhere, "/", of="127.0.0.1")


def test_tries_are_counted_by_the_address_that_asks_or_that_a_believed_proxy_names(elsewhere: int):
    asked = [ask(elsewhere, "/invite/x", by=STRANGER, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(22)]
    assert asked == [303] * 20 + [429] * 2, "whoever writes another address into a header each time is still one"
    asked = [ask(elsewhere, "/invite/x", by=PROXY, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(22)]
    assert asked == [303] * 22
    told = {"X-Forwarded-For": "203.0.113.7, 198.51.100.99"}
    assert [ask(elsewhere, "/invite/x", by=PROXY, **told) for _ in range(21)][-1] == 429
    told = {"X-Forwarded-For": "203.0.113.8, 198.51.100.99"}
    assert ask(elsewhere, "/invite/x", by=PROXY, **told) == 429, "what the proxy itself added counts, not what came"
