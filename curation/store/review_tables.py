"""The tables of review studies, and the queries that several of their readers share."""

from typing import Any

import sqlalchemy as sa

from curation.store.database import STATE

STUDIES = sa.Table(
    "review_studies",
    STATE,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("raters", sa.JSON(none_as_null=True)),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("opened", sa.String, nullable=False),
    sa.Column("closed", sa.String),
    sa.Column("report", sa.JSON(none_as_null=True)),
)
DESIGNS = sa.Table(
    "review_designs",
    STATE,
    sa.Column("study", sa.ForeignKey("review_studies.name"), primary_key=True),
    sa.Column("design", sa.JSON, nullable=False),
)
GUIDED = sa.Table(
    "review_guided",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("study", sa.ForeignKey("review_studies.name"), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
ITEMS = sa.Table(
    "review_items",
    STATE,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.ForeignKey("review_studies.name"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("second", sa.Text),
    sa.Column("first_sample", sa.String, nullable=False, index=True),
    sa.Column("second_sample", sa.String, index=True),
    sa.Column("first_teacher", sa.String, nullable=False),
    sa.Column("second_teacher", sa.String),
    sa.UniqueConstraint("study", "position"),
)
PLANTS = sa.Table(
    "review_plants",
    STATE,
    sa.Column("item", sa.ForeignKey("review_items.id"), primary_key=True),
    sa.Column("role", sa.String, nullable=False),  # practice | repeat | gold
    sa.Column("of", sa.ForeignKey("review_items.id"), index=True),
    sa.Column("rater", sa.String),  # a repeat is one rater's own
    sa.Column("right", sa.String),
)
SHOWN = sa.Table(
    "review_presentations",
    STATE,
    sa.Column("token", sa.String(32), primary_key=True),
    sa.Column("item", sa.ForeignKey("review_items.id"), nullable=False, index=True),
    sa.Column("rater", sa.String, nullable=False, index=True),
    sa.Column("swap", sa.Boolean, nullable=False),  # whether the second answer was shown as A
    sa.Column("served", sa.String, nullable=False),
    sa.Column("expires", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # open | done | skipped | surplus
    sa.UniqueConstraint("item", "rater"),
)
SERVED = sa.Table(
    "review_served",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),  # the order in which a rater gets them, which hides what is planted
    sa.Column("token", sa.ForeignKey("review_presentations.token"), nullable=False, unique=True),
    sa.Column("shown", sa.JSON, nullable=False),  # pane -> SHA-256 of its text
)
DRAFTS = sa.Table(
    "review_drafts",
    STATE,
    sa.Column("token", sa.ForeignKey("review_presentations.token"), primary_key=True),
    sa.Column("draft", sa.JSON, nullable=False),
    sa.Column("at", sa.String, nullable=False),
)
VOTES = sa.Table(
    "review_votes",
    STATE,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("token", sa.ForeignKey("review_presentations.token"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),  # odd: a vote; even: it was taken back
    sa.Column("choice", sa.String),
    sa.Column("reason", sa.Text),
    sa.Column("dwell_ms", sa.Integer, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.UniqueConstraint("token", "turn"),
)
DETAILS = sa.Table(
    "review_vote_details",
    STATE,
    sa.Column("vote", sa.ForeignKey("review_votes.seq"), primary_key=True),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("guideline", sa.String(64)),
    sa.Column("shown", sa.JSON, nullable=False),
)
ACTS = sa.Table(
    "review_acts",
    STATE,
    sa.Column("act", sa.String, primary_key=True),
    sa.Column("token", sa.ForeignKey("review_presentations.token"), nullable=False),
)

OWN = ITEMS.c.id.not_in(sa.select(PLANTS.c.item))
"""An item that is the study's own, and not planted."""


def live(at: sa.BindParameter[str], shown: sa.FromClause = SHOWN) -> sa.ColumnElement[bool]:
    """A presentation that holds a place: answered, or leased and not expired."""
    return sa.or_(shown.c.state == "done", sa.and_(shown.c.state == "open", shown.c.expires > at))


def number(where: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """How many rows meet a condition, 0 where there are none."""
    return sa.func.coalesce(sa.func.sum(sa.case((where, 1), else_=0)), 0)


def in_one_order(kind: str, overlap: int) -> int:
    """How many of an item's votes may come from raters who saw the same answer first: half of them, rounded up."""
    return (overlap + 1) // 2 if kind == "pairwise" else overlap


def standing() -> sa.Select[Any]:
    """Votes that count and were not taken back: the last turn of every answered presentation, with its item."""
    last = sa.select(sa.func.max(VOTES.c.seq)).group_by(VOTES.c.token).scalar_subquery()
    return (
        sa.select(SHOWN.c.rater, SHOWN.c.swap, VOTES, DETAILS.c.details, DETAILS.c.guideline, DETAILS.c.shown, ITEMS)
        .join(SHOWN, VOTES.c.token == SHOWN.c.token)
        .join(ITEMS, SHOWN.c.item == ITEMS.c.id)
        .join(DETAILS, DETAILS.c.vote == VOTES.c.seq, isouter=True)
        .where(VOTES.c.seq.in_(last), VOTES.c.choice.is_not(None), SHOWN.c.state != "surplus")
        .order_by(ITEMS.c.position, VOTES.c.seq)
    )


def copies(rows: str) -> sa.Select[Any]:
    """The standing votes on planted gold rows of closed studies whose names begin with `rows`, oldest first.

    Not `standing` narrowed down: that goes through every vote there is, and what is planted is a small part of them.
    """
    hidden = (
        sa.select(SHOWN.c.token)
        .join(PLANTS, PLANTS.c.item == SHOWN.c.item)
        .join(ITEMS, ITEMS.c.id == SHOWN.c.item)
        .where(PLANTS.c.role == "gold", ITEMS.c.first_sample.startswith(rows, autoescape=True))
    )
    later = VOTES.alias()
    return (
        sa.select(ITEMS.c.first_sample.label("row"), SHOWN.c.rater, SHOWN.c.swap, VOTES.c.choice, VOTES.c.reason)
        .add_columns(DETAILS.c.shown, STUDIES.c.closed)
        .select_from(VOTES)
        .join(SHOWN, SHOWN.c.token == VOTES.c.token)
        .join(ITEMS, ITEMS.c.id == SHOWN.c.item)
        .join(STUDIES, STUDIES.c.name == ITEMS.c.study)
        .join(DETAILS, DETAILS.c.vote == VOTES.c.seq)
        .where(VOTES.c.token.in_(hidden), VOTES.c.choice.is_not(None), STUDIES.c.closed.is_not(None))
        .where(~sa.exists().where(later.c.token == VOTES.c.token, later.c.seq > VOTES.c.seq))
        .order_by(VOTES.c.seq + 0)  # by the column itself SQLite would go through every vote to spare the sorting
    )
