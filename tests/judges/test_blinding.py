"""Raters who are through guess which answers share a model; the index is 0 where blinding held, and so it says."""

import json
from collections import Counter

import numpy as np
import pytest

from curation.errors import Forbidden, InputError, UnknownRecord
from curation.people import Person
from curation.store.review_guesses import Answer, Guess, Guesses
from curation.store.review_records import Design
from curation.store.reviews import Study
from judges.blinding import BlindingService, Rated, draw_pairs
from judges.blinding_index import Counts, bang, blinding
from judges.review import ReviewService
from tests.judges.disputes import BOTH, rate, sealed_on
from tests.judges.houses import TEACHERS, sealed

ASKED = Design(guesses=True)


@pytest.fixture
def store(tmp_path):
    with sealed(tmp_path, 20) as opened:
        yield opened


def opened(store, kind="pairwise", n=12, design=ASKED, overlap=2):
    ReviewService(store).create("tone", kind=kind, n=n, overlap=overlap, seed=3, design=design)
    return BlindingService(store)


def teachers(store):
    """Who wrote each answer."""
    return {row["answer"]: row["teacher"] for row in store.versions.samples("head").to_dicts()}


# --- what is asked -------------------------------------------------------------------------------------------------


def test_nobody_is_asked_before_they_are_through_or_in_a_study_that_does_not_ask(store):
    service = opened(store)
    assert service.pairs("tone", "ana") == []
    for shown in ReviewService(store).next("tone", "ana", 11):
        ReviewService(store).vote(shown.token, "ana", "tie")
    assert service.pairs("tone", "ana") == []
    rate(store, "tone", "ana", lambda _: "tie")
    assert len(service.pairs("tone", "ana")) == 10
    ReviewService(store).create("plain", n=4, overlap=2)
    rate(store, "plain", "ana", lambda _: "tie")
    assert service.pairs("plain", "ana") == []


@pytest.mark.parametrize("kind", ["pairwise", "single"])
def test_half_of_the_pairs_are_by_one_teacher_and_no_pair_answers_one_prompt(store, kind):
    service = opened(store, kind, n=24)
    rate(store, "tone", "ana", lambda _: "tie" if kind == "pairwise" else "accept")
    pairs = service.pairs("tone", "ana")
    wrote = teachers(store)
    same = [wrote[p.a] == wrote[p.b] for p in pairs]
    assert (len(pairs), sum(same)) == (10, 5)
    numbers = [(p.a.split()[1], p.b.split()[1]) for p in pairs]
    assert not [pair for pair in numbers if pair[0] == pair[1]]
    texts = [text for p in pairs for text in (p.a, p.b)]
    assert len(set(texts)) == 20
    assert same != sorted(same)


def test_only_two_texts_and_a_random_token_reach_the_rater(store):
    service = opened(store)
    rate(store, "tone", "ana", lambda _: "tie")
    pairs = service.pairs("tone", "ana")
    assert set(pairs[0].model_dump()) == {"token", "a", "b"}
    text = json.dumps([p.model_dump() for p in pairs])
    ids = store.versions.samples("head")["id"].to_list()
    assert not [name for name in (*TEACHERS, *ids, "same", "request") if name in text]
    assert {len(p.token) for p in pairs} == {32}
    assert len({p.token for p in pairs}) == 10


def test_a_rater_sees_only_answers_they_voted_on(store):
    service = opened(store, n=12)
    voted = set()
    while batch := ReviewService(store).next("tone", "ana", 1):
        shown = batch[0]
        passed = len(voted) >= 8
        ReviewService(store).vote(shown.token, "ana", "skip" if passed else "a", "cannot tell" if passed else None)
        voted |= set() if passed else {shown.a, shown.b}
    pairs = service.pairs("tone", "ana")
    assert pairs
    assert {text for p in pairs for text in (p.a, p.b)} <= voted


def answers(*names):
    return [Rated(Answer(position=k), teacher, f"prompt {k}", f"text {k}") for k, teacher in enumerate(names)]


def test_fewer_answers_make_fewer_pairs_and_always_as_many_of_either_kind():
    study = Study(
        name="s", version="v", kind="single", question="?", overlap=1, seed=4, raters=None, items=9, opened=""
    )
    assert draw_pairs(study, "ana", answers("x", "x", "x", "x")) == []
    assert draw_pairs(study, "ana", answers("x", "y", "z")) == []
    found = draw_pairs(study, "ana", answers("x", "x", "x", "y", "y", "z"))
    assert Counter(p.same for p in found) == {True: 1, False: 1}
    assert found == draw_pairs(study, "ana", answers("x", "x", "x", "y", "y", "z"))
    many = answers(*["x", "y"] * 30)
    drawn = {tuple(p.a.position for p in draw_pairs(study, rater, many)) for rater in ("ana", "ben")}
    assert len(drawn) == 2


# --- what is said --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("postgres", BOTH)
def test_a_guess_is_taken_once_and_reaches_the_report(tmp_path, postgres):
    with sealed_on(postgres, tmp_path, 20) as store:
        service = opened(store)
        wrote = teachers(store)
        for rater in ("ana", "ben"):
            rate(store, "tone", rater, lambda _: "tie")
        for pair in service.pairs("tone", "ana"):
            right = "same" if wrote[pair.a] == wrote[pair.b] else "different"
            assert service.guess(pair.token, "ana", right)
            assert not service.guess(pair.token, "ana", "do not know")
        for pair in service.pairs("tone", "ben")[:4]:
            service.guess(pair.token, "ben", "do not know")
        assert service.pairs("tone", "ana") == []
        assert len(service.pairs("tone", "ben")) == 6
        assert len(store.ledger.events("vote_source_guess")) == 14
        assert store.ledger.verify() == []
        found = ReviewService(store).close("tone")["blinding"]
        assert (found["raters"]["ana"]["index"], found["raters"]["ana"]["n"], found["raters"]["ana"]["held"]) == (
            1.0, 10, False,
        )  # fmt: skip
        assert found["n"] == 14
        assert found["arms"]["same"]["unsure"] + found["arms"]["different"]["unsure"] == 4
        assert service.pairs("tone", "ben") == []


def test_a_pair_of_somebody_else_an_unknown_word_and_a_closed_study_are_refused(store):
    service = opened(store)
    for rater in ("ana", "ben"):
        rate(store, "tone", rater, lambda _: "tie")
    pair = service.pairs("tone", "ana")[0]
    with pytest.raises(UnknownRecord, match="not shown to this rater"):
        service.guess(pair.token, "ben", "same")
    with pytest.raises(InputError, match="Known: same, different, do not know"):
        service.guess(pair.token, "ana", "alder")
    ben = BlindingService(store, Person(name="ben", roles=frozenset({"reviewer"}), study="tone"))
    with pytest.raises(Forbidden):
        ben.guess(pair.token, "ana", "same")
    with pytest.raises(Forbidden):
        ben.pairs("tone", "ana")
    ReviewService(store).close("tone")
    with pytest.raises(InputError, match="closed"):
        service.guess(pair.token, "ana", "same")
    assert Guesses(store.state).of("tone") == []


def test_a_study_that_asked_nobody_says_so(store):
    opened(store, design=Design())
    rate(store, "tone", "ana", lambda _: "tie")
    found = ReviewService(store).close("tone")["blinding"]
    assert (found["index"], found["n"], found["why"]) == (None, 0, "nobody was asked to guess the sources")


# --- the index -----------------------------------------------------------------------------------------------------


def test_the_index_of_one_arm_is_bangs():
    # 82 right, 27 wrong and 170 that do not know: the index of the formula in Bang, Ni and Davis (2004)
    found = bang(Counts(right=82, wrong=27, unsure=170))
    assert found.value == pytest.approx((2 * 82 / 109 - 1) * 109 / 279)
    right, wrong, n = 82 / 279, 27 / 279, 279
    wald = 1.96 * ((right * (1 - right) + wrong * (1 - wrong) + 2 * right * wrong) / n) ** 0.5
    assert found.interval == pytest.approx((found.value - wald, found.value + wald), abs=0.005)
    assert bang(Counts(0, 0)) is None


def test_raters_with_one_word_for_everything_tell_nothing_and_have_an_index_of_zero():
    for word in ("same", "different", "do not know"):
        found = blinding([Guess(rater="ana", same=same, word=word) for same in (True, False) * 5])
        assert (found["index"], found["held"]) == (0, True)
        assert found["ci"][0] < 0 < found["ci"][1]


def test_ten_right_guesses_are_enough_to_see_that_blinding_broke_and_the_interval_is_not_a_point():
    found = blinding(
        [Guess(rater="ana", same=same, word="same" if same else "different") for same in (True, False) * 5]
    )
    assert (found["index"], found["held"]) == (1, False)
    assert 0 < found["ci"][0] < 1


@pytest.mark.parametrize("skill", [0.0, 0.4])
def test_the_interval_over_raters_holds_the_true_index_as_often_as_it_says(skill):
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        guesses = []
        for rater in range(5):
            leaning = rng.beta(2, 2)  # how readily this rater says `same`, whatever they see
            for same in (True, False) * 5:
                told = rng.random() < skill
                word = (
                    ("same" if same else "different") if told else ("same" if rng.random() < leaning else "different")
                )
                guesses.append(Guess(rater=str(rater), same=same, word=word))
        low, high = blinding(guesses)["ci"]
        held += low <= skill <= high
    assert held / 400 > 0.93
