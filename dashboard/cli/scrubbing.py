"""The command `scrub`: files with their personal data masked, and how well that works on texts marked by people."""

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from curation.shares import percent
from dashboard.cli.opening import at
from dashboard.cli.output import Json, clean, facts, json_line, say, table
from dashboard.cli.progress import late

if TYPE_CHECKING:
    from curation.goldspans import GoldReport
    from curation.progress import Progress
    from curation.scrub.files import FileReport, Spot, Wish
    from curation.scrub.scrubber import Scrubber
    from curation.task import ScrubTable

PANEL = "Make the dataset"
POINTS = ("recall", "precision")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(rich_help_panel=PANEL, epilog="Example:  stillhouse scrub tickets.csv -o clean.csv")(scrub)


def scrub(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSONL, JSON, CSV, Parquet or text; - reads from a pipe.")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write here (never the input itself).")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="jsonl, json, csv, parquet or text.", show_default="by the name"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B", help="Look at these columns.", show_default="all that hold strings"),
    ] = None,
    entities: Annotated[
        str | None,
        typer.Option("--entities", metavar="A,B", help="Look for these kinds.", show_default="all, or the task's"),
    ] = None,
    point: Annotated[
        Literal["recall", "precision", "both"] | None,
        typer.Option(
            "--point",
            help="Find all that may be personal, or mask only what surely is; both: with --gold-spans.",
            show_default="the task's, else recall",
        ),
    ] = None,
    spans: Annotated[bool, typer.Option("--spans", help="Show where something was masked, never what.")] = False,
    gold_spans: Annotated[
        bool, typer.Option("--gold-spans", help="FILE holds texts marked by people: say how many marks are found.")
    ] = False,
    types: Annotated[
        Path | None,
        typer.Option("--types", metavar="FILE", help='With --gold-spans: more types, as TOML, account = ["CASE_NO"].'),
    ] = None,
    as_json: Json = False,
) -> None:
    """Mask personal data and secrets in a file; every row comes out, and the input stays as it is.

    Text, JSONL, JSON and CSV go to standard output unless -o names a file. In a workspace the [scrub] table of its task
    counts. A row that cannot be read is set aside, told and counted.
    """
    opened = _Opened.of(context, entities, point)
    if gold_spans:
        _gold(at(context).path(Path(file)), opened, types, as_json=as_json)
        return
    if point == "both":
        raise typer.BadParameter("--point both compares two points on marked texts: add --gold-spans")
    names = tuple(_listed(columns)) if columns else None
    report = _scrub(context, file, out, format, names, opened.at_point(opened.point), as_json=as_json, spans=spans)
    if as_json:
        json_line({**report.as_dict(), "point": opened.point})
    else:
        _tell(report, opened, quiet=out is None and not spans)


class _Opened:
    """What is looked for: the task's table, or the default one, with what the command line says instead."""

    def __init__(self, scrub_table: "ScrubTable", source: str, only: tuple[str, ...] | None, point: str) -> None:
        self.table, self.source, self.only, self.point = scrub_table, source, only, point

    @classmethod
    def of(cls, context: typer.Context, entities: str | None, point: str | None) -> "_Opened":
        """Read the task, where there is one."""
        from curation.errors import InputError
        from curation.plugins import known, nearest
        from curation.task import ScrubTable, read_task

        task = at(context).directory / "task.toml"
        scrub_table = read_task(task).scrub if task.exists() else ScrubTable()
        only = tuple(_listed(entities)) if entities else None
        kinds = known("curation.detectors")
        for name in only or ():
            if name not in kinds:
                raise InputError(f"no entity {name!r}{nearest(name, kinds)} Known: {', '.join(kinds)}")
        table_ = scrub_table.model_copy(update={"enabled": True, **({"entities": only} if only else {})})
        return cls(table_, f"[scrub] of {task}" if task.exists() else "the defaults", only, point or table_.point)

    def at_point(self, point: str) -> "Scrubber":
        """The scrubber at an operating point."""
        from curation.scrub.scrubber import Scrubber

        return Scrubber.today(self.table.model_copy(update={"point": point, "action": "mask"}))


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


# --- files ---------------------------------------------------------------------------------------------------------


def _scrub(
    context: typer.Context,
    file: str,
    out: Path | None,
    format: str | None,
    columns: tuple[str, ...] | None,
    scrubber: "Scrubber",
    *,
    as_json: bool,
    spans: bool,
) -> "FileReport":
    """Scrub the file into -o, or standard output where text may go there."""
    from curation.scrub.files import FileReport, Wish, format_of

    source = None if file == "-" else at(context).path(Path(file))
    shape = format_of(Path("-"), format or _sniffed()) if source is None else format_of(source, format)
    if source is None and shape == "parquet":
        raise typer.BadParameter("Parquet cannot be read from a pipe: name a file")
    bare = out is None and not as_json and not spans
    if bare and shape == "parquet":
        raise typer.BadParameter("Parquet does not go to a terminal: name a file with -o")
    report = FileReport("standard input" if source is None else str(source), shape)
    wish = Wish(columns, _spot if spans else None)
    with _output(None if out is None else at(context).path(out), source, bare=bare) as sink, late() as progress:
        _run(source, sink, scrubber, report, wish, progress)
    return report


def _run(
    source: Path | None,
    sink: BinaryIO | None,
    scrubber: "Scrubber",
    report: "FileReport",
    wish: "Wish",
    progress: "Progress",
) -> None:
    from curation.errors import InputError
    from curation.scrub.files import scrub_stream
    from curation.scrub.parquet import rows_of, scrub_parquet

    if source is not None and not source.is_file():
        raise InputError(f"{source}: {'a folder, not a file' if source.is_dir() else 'no such file'}")
    if report.format == "parquet" and source is not None:
        progress.start("scrubbing rows", rows_of(source))
        scrub_parquet(source, sink, scrubber, report, wish, progress)
    else:
        progress.start("scrubbing KB", None if source is None else source.stat().st_size >> 10)
        with nullcontext(sys.stdin.buffer) if source is None else source.open("rb") as stream:
            scrub_stream(stream, sink, scrubber, report, wish, progress)
    progress.finish()


def _sniffed() -> str:
    """What a pipe brings: lines of JSON objects, or text."""
    peek = getattr(sys.stdin.buffer, "peek", None)
    return "jsonl" if peek is not None and peek(1).lstrip()[:1] == b"{" else "text"


@contextmanager
def _output(out: Path | None, source: Path | None, *, bare: bool) -> Generator[BinaryIO | None]:
    from curation.scrub.files import output_at

    if out is not None:
        with output_at(out, source) as sink:
            yield sink
        return
    yield sys.stdout.buffer if bare else None
    if bare:
        sys.stdout.flush()


def _spot(spot: "Spot") -> None:
    """One masked place: its line, field, offsets in code points, and kind."""
    say(f"{spot.line}\t{spot.path}\t{spot.start}-{spot.end}\t{spot.entity}")


def _tell(report: "FileReport", opened: "_Opened", *, quiet: bool) -> None:
    """What was done, in words: on standard error where the text itself went to standard output."""
    masked = sum(report.spans.values())
    words = [
        f"{report.rows} rows, {report.characters:,} characters, {report.characters_per_second:,.0f} a second; "
        f"{masked} values masked at point {opened.point}, by {opened.source}."
    ]
    if report.zones["uncertain"]:
        lines = ", ".join(map(str, report.uncertain[:10]))
        words.append(f"{report.zones['uncertain']} rows are uncertain and should be looked at: {lines}")
    if report.left_alone:
        words.append(f"Not looked at, since they hold no strings: {', '.join(sorted(report.left_alone))}")
    words += [f"Set aside: {a.file} line {a.line}: {a.reason}" for a in report.aside[:10]]
    if report.set_aside > 10:
        words.append(f"{report.set_aside} rows in all were set aside.")
    if quiet:
        print("\n".join(clean(w) for w in words), file=sys.stderr)
        return
    table([{"kind": k, "masked": n} for k, n in report.spans.most_common()], ["kind", "masked"])
    facts(dict(report.zones))
    for line in words:
        say(line)


# --- gold ----------------------------------------------------------------------------------------------------------


def _gold(path: Path, opened: _Opened, types: Path | None, *, as_json: bool) -> None:
    """Measure one operating point, or both, on marked texts."""
    from curation.goldspans import as_dict, measure, read_gold, read_types

    gold = read_gold(path, None if types is None else read_types(types))
    points = POINTS if opened.point == "both" else (opened.point,)
    with late() as progress:
        progress.start("scrubbing texts", len(gold.texts) * len(points))
        reports = {p: measure(gold, opened.at_point(p), only=opened.only, progress=progress) for p in points}
    if as_json:
        told = {p: dict(as_dict(report, p)) for p, report in reports.items()}
        both = {"points": told} if len(told) > 1 else {}
        json_line({**told[points[0]], **both})
        return
    for name, report in reports.items():
        _tell_gold(name, report)
    if len(reports) > 1:
        rows = [{"point": p, **_shares(r)} for p, r in reports.items()]
        table(rows, ["point", "recall", "precision", "F2"])
    for defect in gold.defects:
        where = f"row {defect.row}" + (f", span {defect.span}" if defect.span else "")
        right = "" if defect.right is None else f"; right would be {clean(defect.right)}"
        say(f"Defect in the gold, {where}: {defect.words}{right}")


def _tell_gold(point: str, report: "GoldReport") -> None:
    from curation.goldspans import rounded

    kinds = sorted(report.by_type, key=lambda k: (report.by_type[k].gold == 0, report.any_kind[k].recall or 0.0))
    rows = [
        {
            "kind": kind,
            "found": _bar(report.any_kind[kind].recall),
            "recall": _share(rounded(report.any_kind[kind].recall)),
            "of": report.any_kind[kind].gold,
            "95 %": _between(report.any_kind[kind].recall_interval) if report.any_kind[kind].gold else "",
            "as kind": _share(rounded(report.by_type[kind].recall)),
            "precision": _share(rounded(report.by_type[kind].precision)),
        }
        for kind in kinds
    ]
    table(rows, ["kind", "found", "recall", "of", "95 %", "as kind", "precision"])
    shares = _shares(report)
    say(
        f"At {point}: recall {shares['recall']}, precision {shares['precision']}, F2 {shares['F2']}; {report.texts} "
        f"texts, {report.all.gold} marks, {report.predictions.characters_per_second:,.0f} characters a second"
    )
    indirect = ", ".join(f"{name} {f.found} of {f.gold}" for name, f in report.indirect.items())
    if indirect:
        say(f"Indirect, apart from these figures, masked: {indirect}")
    if report.predictions.failures:
        say(f"{len(report.predictions.failures)} texts failed and count as missed")
    if report.defects:
        say(f"{len(report.defects)} defects in the gold; the spans they are in are not scored")


def _shares(report: "GoldReport") -> dict[str, str]:
    whole = report.all
    return {
        "recall": f"{_share(whole.recall)} ({_between(whole.recall_interval)})",
        "precision": f"{_share(whole.precision)} ({_between(whole.precision_interval)})",
        "F2": "none" if whole.f2 is None else f"{whole.f2:.3f}",
    }


def _bar(share: float | None, width: int = 8) -> str:
    """A share as a bar of blocks.

    >>> _bar(0.5, width=4)
    '██░░'
    """
    full = int((share or 0.0) * width)
    return "" if share is None else "█" * full + "░" * (width - full)


def _share(share: float | None) -> str:
    return "none" if share is None else percent(share, ".1f")


def _between(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.0f}–{100 * interval[1]:.0f}"
