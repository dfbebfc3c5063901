"""What happens to one vote inside its write transaction: whose it is, whether it fits, and how it is kept."""

import sqlalchemy as sa
from pydantic import JsonValue

from curation.errors import InputError, UnknownRecord
from curation.store.database import now
from curation.store.review_records import CHOICES, Design, Said, Span
from curation.store.review_tables import ACTS, DETAILS, ITEMS, OWN, SERVED, SHOWN, STUDIES, VOTES, in_one_order, number

_OWN_SHOWN = (
    sa.select(SHOWN, ITEMS, STUDIES.c.closed, STUDIES.c.kind, STUDIES.c.overlap, OWN.label("own"))
    .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
    .join(STUDIES, ITEMS.c.study == STUDIES.c.name)
    .where(SHOWN.c.token == sa.bindparam("token"), SHOWN.c.rater == sa.bindparam("rater"))
    .with_for_update(of=SHOWN)
)
_GIVEN = sa.select(
    sa.func.count(),
    number(SHOWN.c.swap == sa.bindparam("swap")),
).where(SHOWN.c.item == sa.bindparam("item"), SHOWN.c.state == "done")
"""How many votes an item has, and how many of them in one order."""
_ACTED = sa.select(ACTS.c.act).where(ACTS.c.act == sa.bindparam("act"))
_TURNS = sa.select(sa.func.count()).where(VOTES.c.token == sa.bindparam("token"))
_DIGESTS = sa.select(SERVED.c.shown).where(SERVED.c.token == sa.bindparam("token"))


def own_shown(connection: sa.Connection, token: str, rater: str) -> sa.RowMapping:
    """A presentation with its item and study, locked; UnknownRecord when it was never shown to this rater."""
    found = connection.execute(_OWN_SHOWN, {"token": token, "rater": rater}).mappings().first()
    if found is None:
        raise UnknownRecord("this token was not shown to this rater; reload the page to get new items")
    return found


def acted(connection: sa.Connection, act: str | None, token: str) -> bool:
    """Whether this very act was recorded before; a new one is remembered."""
    if act is None:
        return False
    if connection.execute(_ACTED, {"act": act}).first():
        return True
    connection.execute(ACTS.insert().values(act=act, token=token))
    return False


def check_fits(shown: sa.RowMapping, design: Design, said: Said) -> None:
    """Raise InputError for a choice the study does not offer, or for details that do not fit what was shown."""
    kind, details = shown["kind"], said.details
    if said.choice not in CHOICES[kind]:
        raise InputError(f"no choice {said.choice!r} here. Known: {', '.join(CHOICES[kind])}")
    points = {c.name: len(c.anchors) for c in design.criteria}
    for name, score in details.scores.items():
        if not 1 <= score <= points.get(name, 0):
            known = ", ".join(f"{n} 1 to {p}" for n, p in points.items()) or "none"
            raise InputError(f"{name} {score} is no score of this study. Known: {known}")
    if said.choice == "edit" and (not details.edit or details.edit == shown["first"]):
        raise InputError("an edited answer differs from the one shown and is not empty")
    if said.choice == "marked" and not details.spans:
        raise InputError("nothing is marked; mark something, or say that the text is clean")
    for span in details.spans:
        _check_span(shown, design, span)


def _check_span(shown: sa.RowMapping, design: Design, span: Span) -> None:
    a, b = ("second", "first") if shown["swap"] else ("first", "second")
    text = shown[{"prompt": "prompt", "a": a, "b": b}[span.pane]]
    if text is None or span.end > len(text):
        raise InputError(f"a span ends at character {span.end} of pane {span.pane}, which has {len(text or '')}")
    if design.tags and span.tag not in design.tags:
        raise InputError(f"no tag {span.tag!r} here. Known: {', '.join(design.tags)}")


def is_full(connection: sa.Connection, shown: sa.RowMapping) -> bool:
    """Whether the item, one of the study's own, has all its votes, or all in this order, without this one."""
    if not shown["own"]:
        return False
    done, in_this = tuple(connection.execute(_GIVEN, {"item": shown["item"], "swap": shown["swap"]}).one())
    return done >= shown["overlap"] or in_this >= in_one_order(shown["kind"], shown["overlap"])


def append_vote(connection: sa.Connection, shown: sa.RowMapping, said: Said | None) -> int:
    """Append a vote, or with None that it is taken back; its row id."""
    turn = int(connection.execute(_TURNS, {"token": shown["token"]}).scalar_one()) + 1
    values = {
        "token": shown["token"],
        "turn": turn,
        "choice": said.choice if said else None,
        "reason": said.reason if said else None,
        "dwell_ms": said.dwell_ms if said else 0,
    }
    made = connection.execute(VOTES.insert().values(**values, at=now(connection)))
    return int((made.inserted_primary_key or (0,))[0])


def keep_details(connection: sa.Connection, vote: int, shown: sa.RowMapping, design: Design, said: Said) -> None:
    """Keep what came with a vote, the guideline in force, and the digests of what was shown."""
    digests = connection.execute(_DIGESTS, {"token": shown["token"]}).scalar()
    values = {"details": said.details.model_dump(mode="json", exclude_defaults=True), "guideline": design.guideline}
    connection.execute(DETAILS.insert().values(vote=vote, shown=digests or {}, **values))


def event_of(shown: sa.RowMapping) -> dict[str, JsonValue]:
    """What the ledger says about a vote, or one taken back."""
    samples = [shown["first_sample"], shown["second_sample"]]
    return {"study": shown["study"], "presentation": shown["token"], "samples": samples, "swap": shown["swap"]}
