"""Commands about who may come in: review invite, invites, revoke; people add, list, remove; dashboard."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.cli.opening import at, require, workspace
from dashboard.cli.output import Json, json_line, say, table

if TYPE_CHECKING:
    from dashboard.access import Access

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The address somebody signs in with.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the person is called in the study.")]
OfStudy = Annotated[str, typer.Option("--study", metavar="STUDY", help="The study's name.")]
STATES = ("revoked", "opened", "expired", "unopened")


def register_in(group: typer.Typer, app: typer.Typer, panel: str) -> None:
    """Add the invite commands to the `review` group, and the others to the application."""
    group.command(epilog="Example:  stillhouse review invite ana --study tone --host reviews.example.org")(invite)
    group.command(epilog="Example:  stillhouse review invites --json")(invites)
    group.command(epilog="Example:  stillhouse review revoke ana --study tone")(revoke)
    people = typer.Typer(no_args_is_help=True, help="Roles of people who sign in: add, list, remove.")
    people.command(epilog="Example:  stillhouse people add lea@example.org --role curator")(add)
    people.command("list", epilog="Example:  stillhouse people list")(list_)
    people.command(epilog="Example:  stillhouse people remove lea@example.org")(remove)
    app.add_typer(people, name="people", rich_help_panel=panel)
    app.command(rich_help_panel=panel, epilog="Example:  stillhouse -C support dashboard --port 8600")(dashboard)


def invite(
    context: typer.Context,
    name: Name,
    study: OfStudy,
    role: Annotated[
        Literal["reviewer", "curator", "gatekeeper", "auditor"], typer.Option("--role", help="What they may do there.")
    ] = "reviewer",
    days: Annotated[
        int, typer.Option("--days", min=1, max=90, help="How long the link holds, and the browser that opens it.")
    ] = 7,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="The name that the dashboard is served under.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Its port, where no name is given.")] = 8501,
    as_json: Json = False,
) -> None:
    """Print a link that lets one person into one study, once; it is told this once and kept nowhere."""
    from dashboard.access import allowed
    from judges.people import PeopleService

    served = allowed(host or "", invites=True)
    with workspace(context) as opened:
        made = PeopleService(opened.store).invite(study, name, role=role, days=days, actor=getpass.getuser())
    link = f"{served.base(port)}/invite/{made.token}"
    if as_json:
        json_line({"study": study, "name": made.name, "role": role, "days": days, "link": link})
        return
    say(link)
    say(f"For {made.name}, {role} of study {study!r}. It opens once, within {days} days, and is not shown again.")
    say(f"It works while {served.command(port)} runs; `stillhouse review revoke` takes it back.")


def invites(
    context: typer.Context,
    study: Annotated[str | None, typer.Option("--study", metavar="STUDY", help="One study; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Who was invited to what, and whether they came."""
    from judges.people import PeopleService

    with workspace(context) as opened:
        found = PeopleService(opened.store).invites(study)
    rows: list[dict[str, Any]] = [
        {
            "study": i.study,
            "name": i.name,
            "role": i.role,
            "state": next(s for s, holds in zip(STATES, (i.revoked, i.opened, i.over, True), strict=True) if holds),
            "made": i.made,
            "until": i.expires,
        }
        for i in found
    ]
    if as_json:
        json_line({"invites": rows})
    elif rows:
        minutes = {"made": 16, "until": 16}
        table([{k: v[: minutes.get(k)] for k, v in row.items()} for row in rows], list(rows[0]))
    else:
        say("Nobody was invited. Next: stillhouse review invite NAME --study STUDY")


def revoke(context: typer.Context, name: Name, study: OfStudy, as_json: Json = False) -> None:
    """Take back a person's invites to a study, and sign them out at once; their votes stay."""
    from judges.people import PeopleService

    with workspace(context) as opened:
        count = PeopleService(opened.store).revoke(study, name, getpass.getuser())
    if as_json:
        json_line({"study": study, "name": name, "revoked": count})
    else:
        say(f"{name} has no way into study {study!r} any more ({count} invites). Their votes stay.")


def add(
    context: typer.Context,
    email: Email,
    role: Annotated[list[str], typer.Option("--role", help="One of their roles; repeatable.")],
    as_json: Json = False,
) -> None:
    """Give roles to whoever signs in with this address; they replace those it had."""
    from curation.people import known_role
    from judges.people import PeopleService

    with workspace(context) as opened:
        made = PeopleService(opened.store).add(email, [known_role(name) for name in role], getpass.getuser())
    if as_json:
        json_line(made.model_dump(mode="json"))
    else:
        say(f"{made.email}: {', '.join(sorted(made.roles))}")
        say("Next: stillhouse dashboard --oidc FILE, where they sign in")


def list_(context: typer.Context, as_json: Json = False) -> None:
    """Who may sign in, with which roles."""
    from judges.people import PeopleService

    with workspace(context) as opened:
        found = PeopleService(opened.store).members()
    rows: list[dict[str, Any]] = [{"email": m.email, "roles": sorted(m.roles), "added": m.added} for m in found]
    if as_json:
        json_line({"people": rows})
    elif rows:
        table([{**row, "roles": ", ".join(row["roles"])} for row in rows], ["email", "roles", "added"])
    else:
        say("Nobody has a role. Next: stillhouse people add EMAIL --role curator")


def remove(context: typer.Context, email: Email, as_json: Json = False) -> None:
    """Take every role from an address; whoever is signed in with it is a stranger at once."""
    from judges.people import PeopleService

    with workspace(context) as opened:
        PeopleService(opened.store).remove(email, getpass.getuser())
    if as_json:
        json_line({"removed": email})
    else:
        say(f"{email} has no role any more")


def dashboard(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to serve it; 0: a free one.")] = 8501,
    reviewer: Annotated[bool, typer.Option("--reviewer", help="Serve the Review page alone, for raters.")] = False,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="NAME",
            help="The name people elsewhere ask for (a TLS proxy on this machine serves it), or an address to listen "
            "on.",
            show_default="this machine only",
        ),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            "--bind",
            metavar="ADDRESS",
            help="Where to listen if the proxy is on another machine or in another container: an address of this "
            "machine, or 0.0.0.0 or :: for all it has. Needs --host, and --access or --oidc.",
            show_default="this machine only",
        ),
    ] = None,
    access: Annotated[
        Literal["invites"] | None, typer.Option("--access", help="Let in those alone whom a link invited.")
    ] = None,
    oidc: Annotated[
        Path | None,
        typer.Option("--oidc", metavar="FILE", help="A secrets.toml with \\[auth]: let in those who sign in, too."),
    ] = None,
) -> None:
    """Open the pages, from Overview to Admin, each for the roles that may see it. Ctrl-C ends it.

    Without --access or --oidc whoever reaches it may do everything, so it is served to this machine alone.
    """
    from dashboard import launch
    from dashboard.access import allowed

    require("dashboard", "the dashboard")
    how = allowed(host or "", invites=access is not None, oidc=oidc is not None, port=port, bind=bind or "")
    secrets = None if oidc is None else at(context).path(oidc)
    with workspace(context) as opened:
        root = opened.root
    _tell(how, port)
    raise typer.Exit(launch.serve(root, port, served=launch.Served(reviewer, how, secrets)))


def _tell(how: "Access", port: int) -> None:
    """Say how people reach the pages."""
    from curation.task import Environment
    from dashboard.access import FORWARDED, believed, proxy
    from dashboard.launch import HOST

    at = "THIS-MACHINE" if how.everywhere else how.bind
    if how.tls:
        say(f"People reach it at https://{how.public} through a proxy: {proxy(how.public, port, at)}")
    elif how.public:
        say(f"Served at http://{how.public}:{port or 'PORT'} without TLS: whoever is on the way reads along.")
    if how.listen and how.bind != HOST:
        say(f"It listens on {how.bind}, without TLS: let nobody but the proxy reach it there.")
        if not believed(Environment.read().variables):
            say(f"Set {FORWARDED} to the proxy's address; until then all who open invites count as one address.")
