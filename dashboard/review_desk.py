"""What passes between a rater's browser and the review service: deeds come in, and a queue and own figures go out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from curation.people import Person
from curation.store.review_guesses import GuessPair
from curation.store.review_own import OwnWork
from curation.store.review_records import Design, Details, Draft, Kind, Presentation, Study
from curation.store.store import Store
from judges.blinding import BlindingService
from judges.review import ReviewService

PREFETCH = 10
REFILL = 5
"""A queue is asked for anew once so few are left in it,"""
FRESH_SECONDS = 60.0
"""or once it is so old: others may have been given what this rater's lease no longer holds."""
MIN_DWELL_MS = 400
"""A verdict sooner than this after an item appeared is a slip of the key and is not taken."""
GUESS_QUESTION = "Did the same model write both answers?"


class Act(BaseModel):
    """One thing a rater did, as the browser states it; untrusted, so every field is bounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    kind: Literal["vote", "undo", "draft", "guess"]
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    choice: Annotated[str, Field(max_length=20)] = ""
    reason: Annotated[str, Field(max_length=100)] = ""
    dwell_ms: Annotated[int, Field(ge=0, le=86_400_000)] = 0
    details: Details = Details()


class Wants(BaseModel):
    """What a rater wants to see, as the browser states it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    history: bool = False
    paused: bool = False
    tick: Annotated[int, Field(ge=0)] = 0
    """Sent back as it is, so that an answer that says nothing new arrives all the same."""


@dataclass(frozen=True)
class Hand:
    """The items a rater was handed, without those answered since."""

    items: tuple[Presentation, ...]
    since: float = field(default_factory=time.monotonic)

    @property
    def lasts(self) -> bool:
        """Whether there is enough of it, and it is not old."""
        return len(self.items) > REFILL and time.monotonic() - self.since < FRESH_SECONDS

    def without(self, token: str) -> "Hand":
        """What is left once one is answered."""
        return replace(self, items=tuple(item for item in self.items if item.token != token))


@dataclass
class Desk:
    """One rater before one open study; it hands out nothing but tokens, texts, and the rater's own figures."""

    store: Store
    who: Person
    study: Study
    rater: str
    feedback: dict[str, str] | None = None
    """What is known about the practice item answered last."""
    hand: Hand | None = None
    """What is left of the queue that went out last; None once more happened than a vote."""
    design: Design = field(init=False)
    service: ReviewService = field(init=False)
    blinding: BlindingService = field(init=False)

    def __post_init__(self) -> None:
        self.service = ReviewService(self.store, self.who)
        self.blinding = BlindingService(self.store, self.who)
        self.design = self.service.design(self.study.name)

    # --- in ----------------------------------------------------------------------------------------------------

    def apply(self, act: Act) -> None:
        """Record one deed; doing it again does nothing. Raises StillhouseError where it cannot be taken."""
        hand, self.hand = self.hand, None
        match act.kind:
            case "vote":
                self.vote(act.token, act.choice, act.reason or None, act.dwell_ms, details=act.details, act=act.id)
                self.hand = hand and hand.without(act.token)
            case "undo":
                self.service.undo(act.token, self.rater, act=act.id)
            case "guess":
                self.blinding.guess(act.token, self.rater, act.choice)
            case "draft":
                draft = Draft(**dict(act.details), choice=act.choice or None)
                self.service.draft(act.token, self.rater, draft)

    def vote(
        self,
        token: str,
        choice: str,
        reason: str | None,
        dwell_ms: int,
        *,
        details: Details,
        act: str | None = None,
    ) -> None:
        """Record a vote, and find out what is known about the item where it was one to practise on."""
        self.service.vote(token, self.rater, choice, reason, dwell_ms, details=details, act=act)
        words = self.service.feedback(self.study.name, token, self.rater) if self.design.practice else None
        self.feedback = {"token": token, "words": words} if words else None

    # --- out ---------------------------------------------------------------------------------------------------

    def items(self, limit: int = PREFETCH) -> list[Presentation]:
        """What this rater is to judge now."""
        if self.hand is None or not self.hand.lasts:
            self.hand = Hand(tuple(self.service.next(self.study.name, self.rater, limit)))
        return list(self.hand.items)

    def guesses(self) -> list[GuessPair]:
        """The pairs this rater is asked about once everything is judged."""
        return self.blinding.pairs(self.study.name, self.rater) if self.design.guesses else []

    def closed(self) -> bool:
        """Whether the study was closed meanwhile."""
        return any(s.name == self.study.name and s.closed for s in self.service.studies())

    def pause(self) -> None:
        """Give back what this rater holds."""
        self.hand = None
        self.service.release(self.study.name, self.rater)

    def card(self, wants: Wants) -> dict[str, Any]:
        """Everything the card shows, as the browser gets it."""
        name = self.study.name
        if wants.paused:
            self.pause()
        queue = [] if wants.paused else [_entry(item) for item in self.items()]
        progress = self.service.progress(name, self.rater)
        through = not (queue or wants.paused or progress.left or progress.practice_left)
        pairs = [{"token": p.token, "prompt": "", "a": p.a, "b": p.b} for p in self.guesses()] if through else []
        return {
            "kind": self.study.kind,
            "question": self.study.question,
            "queue": queue or pairs,
            "guessing": bool(pairs),
            "closed": through and self.closed(),
            "paused": wants.paused,
            "tick": wants.tick,
            "done": progress.done + progress.skipped,
            "left": progress.left,
            "practice_left": progress.practice_left,
            "criteria": [c.model_dump(mode="json") for c in self.design.criteria],
            "tags": list(self.design.tags),
            "guideline": self.service.guideline(name),
            "history": self.past() if wants.history else None,
            "feedback": self.feedback,
            "min_dwell_ms": MIN_DWELL_MS,
        }

    def past(self, limit: int = 50) -> list[dict[str, str]]:
        """The rater's own votes, newest first."""
        votes = self.service.history(self.study.name, self.rater, limit)
        return [{"token": v.token, "choice": v.choice, "words": v.words} for v in votes]


def thanks(store: Store, study: Study, rater: str) -> str:
    """What a rater is told once a study is closed: that their votes count, and how many came too late for that."""
    late = OwnWork(store.state, study, ReviewService(store).design(study.name), rater).kept_apart()
    if not late:
        return "Thank you. Your votes count."
    if late == 1:
        return "Thank you. Your votes count, except one that came when its item had all it needed: it is kept apart."
    return f"Thank you. Your votes count, except {late:,} that came when their items had all they needed: kept apart."


def _entry(item: Presentation) -> dict[str, Any]:
    draft = item.draft.model_dump(mode="json", exclude_defaults=True) if item.draft else None
    return {
        "token": item.token,
        "prompt": item.prompt,
        "a": item.a,
        "b": item.b,
        "practice": item.practice,
        "draft": draft,
    }


VERDICTS: Mapping[Kind, tuple[tuple[str, str, str], ...]] = {
    "pairwise": (
        ("1", "a_much", "A is much better"),
        ("2", "a", "A is better"),
        ("3", "tie", "Equally good"),
        ("4", "b", "B is better"),
        ("5", "b_much", "B is much better"),
        ("6", "both_bad", "Both are bad"),
    ),
    "single": (("A", "accept", "Accept"), ("X", "reject", "Reject")),
    "edit": (("A", "accept", "Accept as it is"), ("W", "edit", "Accept my edit"), ("X", "reject", "Reject")),
    "spans": (("A", "clean", "Nothing to mark"), ("W", "marked", "These are all the marks")),
}
"""Key, choice and words of each verdict, by kind of study."""
REASONS: Mapping[str, tuple[str, ...]] = {
    "reject": ("wrong", "incomplete", "not what was asked", "unsafe or personal", "badly written"),
    "skip": ("cannot judge", "not my language", "unclear", "too long", "other"),
    "flag": ("personal data", "unsafe", "broken", "not my language"),
}
"""Why something is rejected or passed on."""
