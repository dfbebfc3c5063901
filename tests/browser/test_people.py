"""Who gets in and what they are sent, in a real browser: strangers, invited reviewers, people who sign in elsewhere."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import expect

from curation.store.store import Store
from dashboard import launch
from dashboard.access import Access
from judges.people import PeopleService
from judges.review import ReviewService
from tests.browser.conftest import Tab, _wait, free_port
from tests.browser.desk import DWELL
from tests.issuer import Issuer, issuing

pytestmark = [pytest.mark.browser, pytest.mark.journey, pytest.mark.timeout(600)]

Open = Callable[[str], Tab]
HOLDOUT = "Gold message"
PATHS = ("/overview", "/samples", "/gold", "/gate", "/adjudicate", "/admin")
TELLING = ("alder", "birch", "cedar", "dogwood", HOLDOUT)
"""What no reviewer and no stranger is sent: who answered, and what measures."""
SLOW = 90_000


@contextmanager
def served(workspace: Path, access: Access, port: int, secrets: Path | None = None) -> Iterator[str]:
    """The dashboard with access control, started as the command line starts it."""
    log = workspace / "server.log"
    command = launch.command(workspace, port, served=launch.Served(access=access, secrets=secrets))
    environment = launch.environment(workspace, base=os.environ, access=access)
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://localhost:{port}"
        finally:
            process.kill()
            process.wait(30)


@pytest.fixture(scope="module")
def workspace(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(built, tmp_path_factory.mktemp("people") / "work space")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def base(workspace: Path, issuer: Issuer) -> Iterator[str]:
    """One server for both ways in: people sign in at the issuer, raters come by link."""
    port = free_port()
    secrets = issuer.secrets_file(workspace / "secrets.toml", f"http://localhost:{port}")
    with served(workspace, Access(invites=True, oidc=True), port, secrets) as address:
        yield address


def invite(workspace: Path, name: str) -> str:
    with Store.open(workspace) as store:
        return PeopleService(store).invite("tone", name, actor="lead").token


def come_in(tab: Tab, workspace: Path, name: str) -> str:
    """Follow a link and press its button; the token."""
    token = invite(workspace, name)
    tab.page.goto(f"{tab.base}/invite/{token}")
    tab.page.get_by_role("button", name="Begin").click()
    tab.page.locator("#verdicts button").first.wait_for(timeout=SLOW)
    return token


def sign_in(tab: Tab, issuer: Issuer, email: str, seconds: float = 3600, **claims: object) -> None:
    issuer.claims, issuer.seconds = {"email": email, "email_verified": True, **claims}, seconds
    tab.page.goto(tab.base)
    tab.page.get_by_role("button", name="Sign in").click(timeout=SLOW)


def test_a_stranger_is_told_to_ask_for_an_invite_on_every_page_and_nothing_else(base: str, tab: Open):
    for path in ("/", "/review", "/samples"):
        stranger = tab(base)
        stranger.page.goto(base + path)
        stranger.page.get_by_text("If you were sent a link, open that in this browser").wait_for(timeout=SLOW)
        told = "".join(stranger.received)
        assert [w for w in (*TELLING, "my parcel", "ana", "tone", "Samples", "Gold") if w in told] == []
        assert stranger.abroad() == []
        stranger.page.context.close()


def test_two_reviewers_come_by_link_and_neither_is_sent_what_the_other_did(base: str, workspace: Path, tab: Open):
    ana, ben = tab(base), tab(base)
    tokens = [come_in(ana, workspace, "ana"), come_in(ben, workspace, "ben")]
    assert ana.page.url == f"{base}/review"
    for one, token in zip((ana, ben), tokens, strict=True):
        assert token not in "".join(one.received)
        cookies = {c["name"]: c for c in one.page.context.cookies()}
        kept = cookies["stillhouse_session"]
        assert (kept["httpOnly"], kept["sameSite"], kept["path"]) == (True, "Strict", "/")
        assert "stillhouse_invite" not in cookies
        assert one.page.evaluate("document.cookie").count("stillhouse") == 0
    shown = [one.token() for one in (ana, ben)]
    ana.page.wait_for_timeout(DWELL)
    ana.page.keyboard.press("1")
    expect(ana.page.locator("#saved")).to_have_text("All saved", timeout=SLOW)
    with Store.open(workspace) as store:
        assert len(ReviewService(store).history("tone", "ana")) == 1
        assert ReviewService(store).history("tone", "ben") == []
    ben.page.reload()
    ben.page.locator("#verdicts button").first.wait_for(timeout=SLOW)
    told = {"ana": "".join(ana.received), "ben": "".join(ben.received)}
    assert shown[0] in told["ana"]
    assert shown[1] in told["ben"]
    assert shown[0] not in told["ben"]
    assert shown[1] not in told["ana"]
    assert "Signed in as ana" in told["ana"]
    assert "Signed in as ana" not in told["ben"]
    for words in told.values():
        assert [w for w in (*TELLING, "pilot") if w in words] == []


def test_a_reviewer_reaches_no_other_page_by_its_address_nor_what_a_curator_made_the_server_keep(
    base: str, workspace: Path, issuer: Issuer, tab: Open
):
    with Store.open(workspace) as store:
        PeopleService(store).add("lea@example.org", ["curator"], "lead")
    lea = tab(base)
    sign_in(lea, issuer, "lea@example.org")
    lea.page.get_by_text("Signed in as lea@example.org").wait_for(timeout=SLOW)
    lea.page.goto(f"{base}/gold")
    lea.page.get_by_text("Signed in as lea@example.org").wait_for(timeout=SLOW)
    assert HOLDOUT in "".join(lea.received)
    assert "Admin" not in lea.page.inner_text("body")
    ana = tab(base)
    come_in(ana, workspace, "ana")
    for path in PATHS:
        ana.page.goto(base + path)
        ana.page.get_by_text("Signed in as ana").wait_for(timeout=SLOW)
        ana.page.wait_for_url(f"{base}/review", timeout=SLOW)
    told = "".join(ana.received)
    assert [w for w in (*TELLING, "Samples", "lea@example.org") if w in told] == []


def test_a_revoked_reviewer_is_a_stranger_at_the_next_key(base: str, workspace: Path, tab: Open):
    ben = tab(base)
    come_in(ben, workspace, "ben")
    with Store.open(workspace) as store:
        before = len(ReviewService(store).history("tone", "ben"))
        PeopleService(store).revoke("tone", "ben", "lead")
    ben.page.wait_for_timeout(DWELL)
    ben.page.keyboard.press("1")
    ben.page.get_by_text("open that in this browser").wait_for(timeout=SLOW)
    with Store.open(workspace) as store:
        assert len(ReviewService(store).history("tone", "ben")) == before


def test_a_used_link_opens_nothing_in_another_browser(base: str, workspace: Path, tab: Open):
    ana, thief = tab(base), tab(base)
    token = come_in(ana, workspace, "ana")
    thief.page.goto(f"{base}/invite/{token}")
    thief.page.get_by_role("button", name="Begin").click()
    thief.page.get_by_text("This link was opened before").wait_for(timeout=SLOW)
    assert token not in thief.page.url
    assert [c["name"] for c in thief.page.context.cookies() if "session" in c["name"]] == []


def test_signing_out_makes_the_browser_a_stranger(base: str, workspace: Path, tab: Open):
    ana = tab(base)
    come_in(ana, workspace, "ana")
    ana.page.get_by_role("button", name="Sign out").click()
    ana.page.get_by_text("open that in this browser").wait_for(timeout=SLOW)
    ana.page.goto(f"{base}/review")
    ana.page.get_by_text("open that in this browser").wait_for(timeout=SLOW)


def test_a_sign_in_ends_with_its_token_on_a_page_that_stays_open(base: str, workspace: Path, issuer: Issuer, tab: Open):
    with Store.open(workspace) as store:
        PeopleService(store).add("mo@example.org", ["auditor"], "lead")
    mo, before = tab(base), issuer.logouts
    sign_in(mo, issuer, "mo@example.org", seconds=25)
    until = time.time() + 26
    mo.page.get_by_text("Signed in as mo@example.org").wait_for(timeout=SLOW)
    mo.page.wait_for_timeout(max(0, 1000 * (until - time.time())))
    mo.received.clear()
    mo.page.get_by_test_id("stTopNavLink").filter(has_text="Gate").click()
    mo.page.get_by_role("button", name="Sign in").wait_for(timeout=SLOW)
    assert issuer.logouts == before + 1
    assert [w for w in (*TELLING, "Evaluations by arm") if w in "".join(mo.received)] == []
    assert "_streamlit_user" not in {c["name"] for c in mo.page.context.cookies()}


@pytest.mark.parametrize(
    ("email", "claims", "words"),
    [
        ("nobody@example.org", {}, "This e-mail address has no role here."),
        ("lea@example.org", {"email_verified": False}, "does not confirm your e-mail address"),
    ],
)
def test_who_signs_in_without_a_role_or_a_verified_address_stays_outside(
    base: str, issuer: Issuer, tab: Open, email: str, claims: dict[str, object], words: str
):
    someone = tab(base)
    sign_in(someone, issuer, email, **claims)
    someone.page.get_by_text(words).wait_for(timeout=SLOW)
    assert [w for w in (*TELLING, "Samples") if w in "".join(someone.received)] == []


def test_a_token_signed_by_somebody_else_signs_nobody_in(base: str, issuer: Issuer, tab: Open):
    issuer.signs = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
    try:
        forger = tab(base)
        sign_in(forger, issuer, "lea@example.org")
        forger.page.wait_for_timeout(3000)
        forger.page.get_by_role("button", name="Sign in").wait_for(timeout=SLOW)
        assert "_streamlit_user" not in {c["name"] for c in forger.page.context.cookies()}
    finally:
        issuer.signs = None
