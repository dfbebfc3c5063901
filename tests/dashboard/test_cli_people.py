"""Who may come in, from the command line: a link is told once, roles are given and taken, open doors are refused."""

import json

import pytest

from curation.store.people import People
from curation.store.store import Store
from dashboard.cli.main import main

WORKS = "It opens once, within 7 days, and is not shown again."


def call(*arguments) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


@pytest.fixture
def said(house, capsys):
    """Runs a command in the workspace; what it printed, or with --json the object that ends it."""

    def run(*arguments):
        assert call("-C", house, *arguments) == 0
        out = capsys.readouterr().out
        return json.loads(out.splitlines()[-1]) if "--json" in arguments else out

    return run


@pytest.fixture
def refused(house, capsys):
    """Runs a command that must fail; the one line it says."""

    def run(*arguments):
        assert call("-C", house, *arguments) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


def test_a_link_is_printed_once_and_lets_in_the_one_it_names(house, said):
    out = said("review", "invite", "ana", "--study", "tone")
    link = out.splitlines()[0]
    assert link.startswith("http://127.0.0.1:8501/invite/")
    assert WORKS in out
    assert "`stillhouse dashboard --access invites`" in out
    token = link.rpartition("/")[2]
    assert token not in repr(said("review", "invites", "--json"))
    with Store.open(house) as store:
        session = People(store.state, store.ledger).open(token)
    assert session is not None
    (row,) = said("review", "invites", "--study", "tone", "--json")["invites"]
    assert (row["name"], row["role"], row["state"]) == ("ana", "reviewer", "opened")


def test_a_link_for_a_public_name_is_https(said):
    found = said("review", "invite", "ben", "--study", "tone", "--host", "reviews.example.org", "--days", "2", "--json")
    assert found["link"].startswith("https://reviews.example.org/invite/")
    assert (found["name"], found["days"]) == ("ben", 2)


def test_a_link_is_taken_back(said, refused):
    said("review", "invite", "ana", "--study", "tone")
    assert "ana has no way into study 'tone' any more" in said("review", "revoke", "ana", "--study", "tone")
    assert "revoked" in said("review", "invites")
    assert "no invite of 'ana' to study 'tone' holds" in refused("review", "revoke", "ana", "--study", "tone")


def test_roles_are_given_listed_and_taken(said, refused):
    assert "stillhouse people add EMAIL" in said("people", "list")
    said("people", "add", "Lea@example.org", "--role", "curator", "--role", "auditor")
    (row,) = said("people", "list", "--json")["people"]
    assert (row["email"], row["roles"]) == ("lea@example.org", ["auditor", "curator"])
    assert "lea@example.org" in said("people", "list")
    said("people", "remove", "lea@example.org")
    assert "has no role here" in refused("people", "remove", "lea@example.org")
    assert "Roles: admin, curator, reviewer" in refused("people", "add", "lea@example.org", "--role", "boss")


def test_a_door_open_to_anybody_is_refused_in_one_line_with_a_proxy_to_copy(refused):
    line = refused("dashboard", "--host", "reviews.example.org", "--port", "8600")
    assert "--access invites" in line
    assert "caddy reverse-proxy --from reviews.example.org --to 127.0.0.1:8600" in line


def test_a_file_that_signs_nobody_in_is_refused_before_a_server_starts(house, refused):
    (house / "secrets.toml").write_text("[other]\n", encoding="utf-8")
    assert "has no table [auth]" in refused("dashboard", "--oidc", "secrets.toml")
