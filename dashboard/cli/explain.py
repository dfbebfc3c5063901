"""Commands that explain and hand out: why, diff, sql, verify, prove, export."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from curation.errors import InputError, StillhouseError
from dashboard.cli.opening import at, workspace
from dashboard.cli.output import Json, clean, facts, frame_rows, json_line, say, table

PANEL = "Explain and hand out"
Formats = Literal["openai", "trl", "hf", "jsonl"]
Arm = Literal["curated", "raw", "control"]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse why --row train.jsonl:17")(why)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse diff 3fa2 head")(diff)
    app.command(
        rich_help_panel=PANEL, epilog='Example:  stillhouse sql "select reason, count(*) n from samples group by 1"'
    )(sql)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse verify --key FINGERPRINT")(verify)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse prove 5d0c --out proof.json")(prove)
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse export head --format trl --out train.jsonl")(export)


def why(
    context: typer.Context,
    sample: Annotated[str | None, typer.Argument(metavar="ID", help="A sample's id.")] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="STRING", help="Samples whose prompt or answer holds this.")
    ] = None,
    row: Annotated[
        str | None, typer.Option("--row", metavar="FILE:LINE", help="The sample of one row of an export.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a sample is in or out: every step, the request, the twin, the votes."""
    from curation.provenance import why as explain

    if [sample, text, row].count(None) != 2:
        raise typer.BadParameter("give one of: a sample's ID, --text STRING, --row FILE:LINE")
    with workspace(context) as opened:
        found = _named(context, opened, sample, text, row)
        if len(found) > 1:
            _matches(found, as_json)
            return
        told = explain(opened.store, found[0])
    if as_json:
        json_line(told)
    else:
        _told(told)


def _named(context: typer.Context, opened: Any, sample: str | None, text: str | None, row: str | None) -> list[str]:
    from curation.provenance import find_by_export_row, find_by_text

    if row is not None:
        file, _, line = row.rpartition(":")
        if not (file and line.isdigit()):
            raise typer.BadParameter(f"--row {row!r} is not FILE:LINE, such as train.jsonl:17")
        return [find_by_export_row(opened.store, at(context).path(Path(file)), int(line))]
    if text is not None:
        if found := find_by_text(opened.store, text):
            return found
        raise InputError(f"no sample's prompt or answer holds {text!r}; prompts are stored scrubbed")
    return [sample or ""]


def _matches(found: list[str], as_json: bool) -> None:
    if as_json:
        json_line({"matches": found})
        return
    for ident in found[:20]:
        print(ident)
    say(f"{len(found)} samples hold that text; `stillhouse why ID` explains one")


def _told(told: dict[str, Any]) -> None:
    facts({k: told.get(k) for k in ("id", "state", "teacher", "prompt_id", "source", "prompt", "answer")})
    steps, votes = [], []
    for step in told["steps"]:
        evidence = dict(step["evidence"] or {})
        votes += evidence.pop("votes", [])
        steps.append({**step, "why": step.get("words") or step["reason"], "evidence": evidence or None})
    table(steps, ["step", "decision", "why", "evidence"], limit=200)
    if votes:
        table(votes, ["judge", "family", "vote", "weight", "reason"], limit=200)
    say("In versions: " + ", ".join(f"{v['version']} ({v['state']})" for v in told["versions"]))
    request = told["request"]
    say("Asked: " + ", ".join(f"{k} {request[k]}" for k in ("provider", "host", "model", "key") if request.get(k)))
    if told["reviews"]:
        table(told["reviews"], ["study", "rater", "choice", "reason", "at"])


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A version: head, an id or its beginning.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version to compare it with.")] = "head",
    as_json: Json = False,
) -> None:
    """What was added, removed and changed between two versions, and by which cause."""
    from curation.provenance import diff as compare

    with workspace(context) as opened:
        told = compare(opened.store, before, after)
    if as_json:
        json_line(told)
        return
    for name, value in told.items():
        if isinstance(value, dict):
            say(f"{name}:")
            facts({f"  {k}": v for k, v in value.items()})
        else:
            facts({name: value})


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A SELECT over samples, decisions, versions, runs.")],
    version: Annotated[str, typer.Option("--version", help="Which version the views show.")] = "head",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many rows.")] = 200,
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV, for a spreadsheet or a shell.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the dataset with SQL; nothing outside the workspace can be read, and nothing written."""
    from curation.store.query import Query

    with workspace(context) as opened, Query(opened.store, version) as asked:
        frame = asked.sql(query, limit=limit + 1)
    more, rows = frame.height > limit, frame_rows(frame.head(limit))
    if as_json:
        json_line({"columns": frame.columns, "rows": rows, "truncated": more})
        return
    if as_csv:
        print(frame.head(limit).write_csv(), end="")
        return
    table(rows, frame.columns)
    if more:
        say(f"There are more than {limit} rows; --limit shows more")


def verify(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help="One version; all when left out.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="FINGERPRINT", help="The fingerprint you were given by another way.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every stored byte: chunks, manifests, roots, signatures and the ledger."""
    from curation.store.verify import verify as check

    with workspace(context) as opened:
        report = check(opened.store, version, key)
    if as_json:
        json_line(report.as_dict())
    else:
        facts({k: v for k, v in report.as_dict().items() if k != "problems"})
        for line in [*report.problems, *report.notes]:
            print(clean(line))
    if not report.ok:
        raise _Unverified(f"{len(report.problems)} problems found; the first: {report.problems[0]}")


class _Unverified(StillhouseError):
    """Stored bytes are not what was sealed; told after the report."""


def prove(
    context: typer.Context,
    sample: Annotated[str, typer.Argument(metavar="ID", help="The sample's id.")],
    absent: Annotated[bool, typer.Option("--absent", help="Prove that no such sample is in the version.")] = False,
    version: Annotated[str, typer.Option("--version", help="The version it is, or is not, in.")] = "head",
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the proof goes.")] = Path("proof.json"),
    as_json: Json = False,
) -> None:
    """Write a proof that a sample is, or is not, in a version; a stand-alone script checks it."""
    import json

    from curation import prove_verifier
    from curation.provenance import prove as make
    from curation.store.durable import write_durably

    with workspace(context) as opened:
        fingerprint = opened.store.fingerprint
        proof = make(opened.store, sample, version, absent=absent)
    target = at(context).path(out)
    write_durably(target, json.dumps(proof, indent=1).encode())
    if as_json:
        json_line({"proof": str(target), "verifier": prove_verifier.__file__, "absent": absent})
        return
    say(f"Wrote {target}")
    say(f"Anyone checks it with: python {prove_verifier.__file__} {target} --key {fingerprint}")


def export(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="head, an id or its beginning.")] = "head",
    format: Annotated[
        Formats, typer.Option("--format", help="openai: chat JSONL; trl; hf: a datasets folder; jsonl.")
    ] = "openai",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="File, or folder for hf.", show_default="export-FORMAT")
    ] = None,
    arm: Annotated[
        Arm, typer.Option("--arm", help="curated: what was kept; raw: all answers; control: random.")
    ] = "curated",
    as_json: Json = False,
) -> None:
    """Write a version for training; every row carries its sample id, gold rows are never in it."""
    from curation.export import export as write

    target = at(context).path(out or Path(f"export-{format}" + ("" if format == "hf" else ".jsonl")))
    with workspace(context) as opened:
        report = write(opened.store, version, format, target, arm=arm, task=opened.task)
    if as_json:
        json_line(report.as_dict())
        return
    say(f"Wrote {report.rows} rows to {report.path}")
    if format != "hf":
        say(f"`stillhouse why --row {report.path}:1` explains a row")
