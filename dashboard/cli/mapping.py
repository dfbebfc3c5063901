"""The command that draws the map of a version, which the Samples page shows: map."""

from typing import Annotated, Literal

import typer

from dashboard.cli.opening import workspace
from dashboard.cli.output import Json, json_line, say, table

PANEL = "Explain and hand out"


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("map", rich_help_panel=PANEL, epilog="Example:  stillhouse map --of answer --points 50000")(map_)


def map_(
    context: typer.Context,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version, or the beginning of its name.")
    ] = "head",
    of: Annotated[Literal["prompt", "answer"], typer.Option("--of", help="Which text is drawn.")] = "prompt",
    method: Annotated[
        Literal["meaning", "wording"] | None,
        typer.Option(
            "--by",
            help="Alike in meaning (the sentence model of the extra `embed`) or in wording (no model).",
            show_default="meaning where the model is installed",
        ),
    ] = None,
    points: Annotated[
        int, typer.Option("--points", min=10, max=50_000, help="At most so many samples, drawn by chance.")
    ] = 20_000,
    seed: Annotated[int, typer.Option("--seed", help="Which samples are drawn, and how the picture turns out.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw the samples of a version as a map: what is alike lies together, in named clusters. Made once, then kept."""
    from curation.atlas.drawing import best_method, draw_map, words_of
    from curation.store.maps import MapWanted
    from dashboard.cli.progress import shown

    with workspace(context) as opened, shown() as progress:
        found = opened.store.versions.resolve(version)
        wanted = MapWanted(version=found, of=of, method=method or best_method(), points=points, seed=seed)
        made = draw_map(opened.store, wanted, progress)
    rows = [c.model_dump() for c in made.facts.clusters]
    if as_json:
        json_line({"map": wanted.key, **made.facts.model_dump(mode="json")})
        return
    say(words_of(made.facts))
    table(rows, ["number", "size", "name"])
    say("Next: stillhouse dashboard, page Samples, Map")
