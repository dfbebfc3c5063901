"""Admin: people, studies, the audit and backups, for admins alone; a search tells nothing that is hidden."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.errors import Forbidden
from curation.people import OWNER, ROLES, Person
from curation.store.ledger_search import Wanted
from curation.store.store import Store
from curation.store.verify import verify
from dashboard import admin_queries, audit
from dashboard.audit_words import SENTENCES
from dashboard.launch import WORKSPACE
from dashboard.views import house as views
from judges.people import PeopleService
from judges.review import ReviewService

ROOT = Path(__file__).parents[2]
PAGE = "from dashboard.views import admin\nadmin.render()"


@pytest.fixture
def store(house: Path) -> Iterator[Store]:
    with Store.open(house) as opened:
        yield opened


@pytest.fixture
def page(house: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(WORKSPACE, str(house))
    return AppTest.from_string(PAGE, default_timeout=90)


def said(app: AppTest) -> str:
    kinds = (app.title, app.header, app.caption, app.text, app.code, app.metric)
    return "\n".join(str(e.value) for kind in kinds for e in kind)


def test_only_an_admin_is_shown_the_page():
    shown = [role for role in ROLES if views.may("admin", Person(name="x", roles=frozenset({role})))]
    assert shown == ["admin"]


def test_people_and_invites_are_told_to_admins_alone(store: Store):
    curator = Person(name="cy", roles=frozenset({"curator"}))
    for ask in (admin_queries.members, admin_queries.invites):
        with pytest.raises(Forbidden):
            ask(store, curator)


def test_an_invite_is_listed_with_its_state_and_never_with_its_link(store: Store):
    service = PeopleService(store)
    made = [service.invite("tone", name, actor="lead") for name in ("ana", "ben")]
    service.revoke("tone", "ana", "lead")
    rows = admin_queries.invites(store, OWNER)
    assert dict(rows.select("name", "state").iter_rows()) == {"ana": "revoked", "ben": "unopened"}
    assert not any(invite.token in str(rows.to_dicts()) for invite in made)
    assert not any(invite.token in str(audit.newest(store).to_dicts()) for invite in made)


def test_a_raters_work_is_counted_and_what_they_said_is_not_told(store: Store):
    rows = {(r["study"], r["rater"]): r for r in admin_queries.rated(store).iter_rows(named=True)}
    assert rows["pilot", "ana"]["votes"] == 8
    assert set(rows["pilot", "ana"]) == {"study", "rater", "votes", "passed", "held", "last"}


def test_studies_are_listed_with_the_settings_they_were_opened_with(store: Store):
    rows = {r["study"]: r for r in admin_queries.studies(store, OWNER).iter_rows(named=True)}
    assert (rows["tone"]["state"], rows["tone"]["overlap"], rows["tone"]["raters"]) == ("open", 2, "ana, ben")
    assert (rows["pilot"]["state"], rows["pilot"]["gold"]) == ("closed", 0.0)
    assert rows["accept"]["raters"] == "anybody"


def test_closing_a_study_is_listed_as_the_moment_its_sources_became_known(store: Store):
    rows = admin_queries.unblindings(store)
    assert rows["kind"].to_list() == ["review_closed"]


def test_no_search_tells_what_a_vote_of_an_open_study_said(store: Store):
    service, before = ReviewService(store), audit.count(store, Wanted(text="both_bad"))
    service.vote(service.next("tone", "ana", 1)[0].token, "ana", "both_bad", None, 900)
    assert audit.count(store, Wanted(text="both_bad")) == before
    vote = audit.page(store, Wanted(kinds=("vote",)), 1, 1)
    assert audit.rows(vote)["says"][0] == "study: tone"
    assert "both_bad" not in audit.exact(vote[0])
    service.close("tone")
    assert "vote" in [event.kind for event in audit.page(store, Wanted(text="both_bad"), 1, 50)]
    assert "Said both_bad in study tone" in audit.rows(audit.page(store, Wanted(kinds=("vote",)), 1, 1))["says"][0]


def test_what_comes_every_time_in_a_wave_is_told_once_its_study_is_closed(store: Store):
    """Mutation: dashboard/audit.py: if name != DRAWN.get(event.kind) => if name != event.kind"""
    store.ledger.append("wave_begun", {"study": "tone", "name": "w", "number": 1, "items": [{"anchor": 7}]}, "lead")
    (open_, *_), seen = audit.page(store, Wanted(kinds=("wave_begun",)), 1, 1), Wanted(kinds=("wave_begun",))
    assert "anchor" not in audit.exact(open_)
    ReviewService(store).close("tone")
    assert '"anchor": 7' in audit.exact(audit.page(store, seen, 1, 1)[0])


def test_the_audit_is_paged_and_narrowed(page: AppTest, store: Store):
    for n in range(120):
        store.ledger.append("note", {"n": n}, "lead")
    app = page.run()
    assert not app.exception
    everything = store.ledger.checkpoint().size
    assert f"{everything:,} events fit" in said(app)
    app.selectbox(key="audit_kind").set_value("note").run()
    assert "120 events fit" in said(app)
    app.session_state["audit_page"] = 3
    app.run()
    told = next(f.value for f in app.dataframe if "says" in f.value and len(f.value) == 20)
    assert told["says"].iloc[-1] == "n: 0"
    assert [code.value for code in app.code if code.value.startswith("{")] == ['{\n  "n": 19\n}']
    app.selectbox(key=f"audit_event_{everything - 100}").set_value(everything - 119).run()
    assert [code.value for code in app.code if code.value.startswith("{")] == ['{\n  "n": 0\n}']
    app.text_input(key="audit_text").set_value('"n":7').run()
    assert "0 events fit" in said(app)


def recorded() -> set[str]:
    """Every kind of event that the code records."""
    calls = [
        (call, file.read_text(encoding="utf-8"))
        for package in ("curation", "judges", "training", "dashboard")
        for file in sorted((ROOT / package).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    ]
    kinds: set[str] = set()
    for call, text in calls:
        place = {"append_in": 1, "append": 0}.get(call.func.attr)  # type: ignore[attr-defined]
        if place is None or "ledger" not in ast.unparse(call.func):
            continue
        said = call.args[place]
        if isinstance(said, ast.Name) and (named := re.search(rf'^{said.id} = "(.+)"$', text, re.MULTILINE)):
            kinds.add(named[1])
        elif isinstance(said, ast.Constant):
            kinds.add(str(said.value))
    return kinds


def test_every_kind_of_event_that_is_recorded_has_a_sentence():
    """Mutation: dashboard/audit_words.py: "erase": => "erased":"""
    assert {"seal", "verified", "erase"} < recorded()
    assert recorded() == set(SENTENCES)


def test_events_are_told_in_sentences_and_an_unknown_one_by_its_fields(store: Store):
    """Mutation: dashboard/audit_words.py: found.format_map(_flat(body)) => fields(body)"""
    people = PeopleService(store)
    people.invite("accept", "ana {0} ![x](http://beacon.example)", actor="lead")
    store.ledger.append("note", {"to": ["ana", "ben"], "deep": {"a": {"b": [1, 2]}}, "rows": [{"x": 1}]}, "lead")
    store.ledger.append("gold_sealed", {"name": "gold"}, "lead")
    says = {row["kind"]: row["says"] for row in audit.newest(store, 100).iter_rows(named=True)}
    assert says["invite_made"] == (
        "ana {0} ![x](http://beacon.example) was invited to study accept as reviewer for 7 days"
    )
    assert says["note"] == "deep: a b 1 and 2, rows: 1 of them, to: ana and ben"
    assert says["gold_sealed"] == "name: gold"
    assert re.fullmatch(r"Version \w{12} was sealed", says["seal"])
    assert re.fullmatch(r"PASS, n 300: curated.+ against raw.+", says["gate"])
    assert says["run"].startswith("Run 1: 52 of 60 samples kept")
    assert says["review_closed"] == "Study pilot was closed"
    assert not [kind for kind, told in says.items() if re.search(r'[{}"]', told) and kind != "invite_made"]


def test_empty_tabs_name_the_command_that_fills_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "task.toml").write_text('[task]\nname = "empty"\n', encoding="utf-8")
    monkeypatch.setenv(WORKSPACE, str(tmp_path))
    told = said(AppTest.from_string(PAGE, default_timeout=90).run())
    for command in ("people add EMAIL", "review invite NAME", "review create NAME", "review close STUDY"):
        assert f"stillhouse {command}" in told


def test_the_commands_of_the_page_make_a_copy_that_verifies(store: Store, house: Path, tmp_path: Path):
    copy = tmp_path / "the copy"
    *lines, last = admin_queries.backup_commands(store)
    assert last == f"stillhouse -C BACKUP verify --key {store.fingerprint}"
    script = "\n".join(lines).replace("BACKUP", shlex.quote(str(copy))).replace("python3", shlex.quote(sys.executable))
    done = subprocess.run(["bash", "-euc", script], cwd=house, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Store.open(copy) as copied:
        report = verify(copied, key=store.fingerprint)
        assert report.ok, report.problems
        assert copied.versions.head() == store.versions.head()
        assert len(ReviewService(copied).studies()) == 3


def test_every_part_of_the_workspace_is_in_the_list_of_a_backup(store: Store, house: Path):
    listed = {part.path for part in admin_queries.parts(store)}
    made_again = {"locks"}
    lies = {p.name for p in (house / ".stillhouse").iterdir() if not p.name.endswith((".lock", "-wal", "-shm"))}
    assert {f".stillhouse/{name}" for name in lies - made_again} <= listed
