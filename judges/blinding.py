"""Asks raters at the end of a study whether two answers come from the same model, to learn whether blinding held."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from curation.errors import InputError
from curation.people import OWNER, Person
from curation.records import draw
from curation.store.review_guesses import WORDS, Answer, DrawnPair, Guesses, GuessPair, Word
from curation.store.review_imports import ReviewItems
from curation.store.reviews import Ballot, Item, Reviews, Study
from curation.store.store import Store
from judges.review import ReviewService

MOST_PAIRS = 10


class Rated(NamedTuple):
    """An answer a rater voted on, what it answers, and who wrote it."""

    at: Answer
    teacher: str
    prompt: str
    text: str


class BlindingService:
    """Draws the pairs, takes the guesses. Nothing that leaves it names a source or says what is right."""

    def __init__(self, store: Store, who: Person = OWNER) -> None:
        self._store = store
        self._who = who
        self._guesses = Guesses(store.state)

    def pairs(self, study: str, rater: str) -> list[GuessPair]:
        """The pairs this rater has yet to guess about: none before they voted on all they can, none once it is closed.

        Drawn once: up to ten pairs of answers to different prompts, half of them by one model. Empty in a study that
        does not ask, and where the answers they rated make no such pairs.
        """
        self._who.require("rate", study, rater)
        reviews = Reviews(self._store.state)
        found = reviews.study(study)
        if found.closed is not None or not reviews.design(study).guesses:
            return []
        if not self._guesses.drawn(study, rater):
            if not self._is_through(study, rater):
                return []
            mine = [b for b in reviews.ballots(study) if b.rater == rater and not b.passed]
            drawn = draw_pairs(found, rater, rated_by(mine, ReviewItems(self._store.state).of(study)))
            self._guesses.keep(study, rater, drawn)
        return self._guesses.open(study, rater)

    def guess(self, token: str, rater: str, word: str) -> bool:
        """Record a guess; False where this pair holds one already.

        InputError for a word that is none of WORDS or a closed study, UnknownRecord for a pair of somebody else.
        """
        self._who.require("rate", self._guesses.study_of(token, rater), rater)
        known: dict[str, Word] = {w: w for w in WORDS}
        if word not in known:
            raise InputError(f"no guess {word!r}. Known: {', '.join(WORDS)}")
        return self._guesses.guess(token, rater, known[word], self._store.ledger)

    def _is_through(self, study: str, rater: str) -> bool:
        progress = ReviewService(self._store, self._who).progress(study, rater)
        return progress.done > 0 and progress.left == 0 and progress.practice_left == 0


def rated_by(ballots: Sequence[Ballot], items: Sequence[Item]) -> list[Rated]:
    """The answers that votes are about, of teachers known by name."""
    found: list[Rated] = []
    for ballot in ballots:
        item = items[ballot.position]
        found.append(Rated(Answer(position=ballot.position, side="first"), item.first_teacher, item.prompt, item.first))
        if item.second is not None:
            second = Answer(position=ballot.position, side="second")
            found.append(Rated(second, item.second_teacher or "", item.prompt, item.second))
    return [answer for answer in found if answer.teacher]


def draw_pairs(study: Study, rater: str, answers: Sequence[Rated], most: int = MOST_PAIRS) -> list[DrawnPair]:
    """Up to `most` pairs of different answers to different prompts, as many by one teacher as by two, in drawn order.

    No answer comes twice. It depends on the seed, the rater and what they rated alone.
    """

    def chance(what: str, *of: Answer) -> float:
        names = [f"{a.position}{a.side}" for a in of]
        return draw(study.seed, "guess", what, study.name, rater, *names)

    left = sorted(answers, key=lambda r: chance("answer", r.at))
    found: list[DrawnPair] = []
    while len(found) + 2 <= most:
        two = _matching(left, (True, False))
        if two is None:
            break
        used = {id(x) for pair in two for x in pair}
        left = [x for x in left if id(x) not in used]
        for (x, y), same in zip(two, (True, False), strict=True):
            a, b = (x.at, y.at) if chance("order", x.at, y.at) < 0.5 else (y.at, x.at)
            found.append(DrawnPair(a=a, b=b, same=same))
    return sorted(found, key=lambda p: chance("place", p.a, p.b))


def _matching(left: Sequence[Rated], wanted: Sequence[bool]) -> list[tuple[Rated, Rated]] | None:
    """A pair of each kind, no answer twice, those first whose teacher has the most left; None where one cannot be made.

    So teachers run out together, and as many pairs are found as there can be.
    """
    found: list[tuple[Rated, Rated]] = []
    free = list(left)
    for same in wanted:
        many = Counter(x.teacher for x in free)
        free.sort(key=lambda x: -many[x.teacher])
        pair = next(((x, y) for k, x in enumerate(free) for y in free[k + 1 :] if _fits(x, y, same=same)), None)
        if pair is None:
            return None
        found.append(pair)
        free = [x for x in free if x is not pair[0] and x is not pair[1]]
    return found


def _fits(x: Rated, y: Rated, *, same: bool) -> bool:
    return x.prompt != y.prompt and x.text != y.text and (x.teacher == y.teacher) == same
