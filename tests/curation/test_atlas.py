"""A map puts what is alike together, names what lies together, and comes out the same when it is drawn again."""

import numpy as np
import pytest

from curation.atlas import clusters, hashed, plane
from curation.atlas.drawing import draw_map, words_of
from curation.errors import StoreBusy
from curation.store.maps import HowFar, Maps, MapWanted
from curation.store.store import Store
from tests.dashboard import many_samples

KINDS = {
    "parcel": "my parcel with number {n} is late and nobody knows where the parcel is",
    "refund": "please send the money for invoice {n} back, I was charged twice for it",
    "login": "the password is refused since the update and I cannot log in as user {n}",
}
TEXTS = [text.format(n=1000 + n) for n in range(40) for text in KINDS.values()]
KIND = np.array([k for _ in range(40) for k in range(3)])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store.open(many_samples.build(tmp_path_factory.mktemp("map"), 1_500, chunk=1_000)) as opened:
        yield opened


def test_texts_of_one_kind_share_a_cluster_named_by_words_of_theirs():
    found = clusters.clusters(hashed.vectors(TEXTS), 3)
    named = clusters.names(TEXTS, found)
    for kind, text in enumerate(KINDS.values()):
        (cluster,) = set(found[kind == KIND])
        assert set(named[cluster].split(", ")) <= clusters.words_of(text)


def test_texts_of_one_kind_lie_nearer_to_one_another_than_to_others_on_the_plane():
    at = plane.placed(hashed.vectors(TEXTS))
    middles = np.stack([at[kind == KIND].mean(axis=0) for kind in range(3)])
    near = np.linalg.norm(at[:, None] - middles[None], axis=2).argmin(axis=1)
    assert (near == KIND).mean() > 0.95
    assert np.abs(at).max() == pytest.approx(1)


@pytest.mark.parametrize(
    "texts", [["alone"], ["", ""], ["same", "same", "same", "same", "same"], ["a", "bb", "荷物は"]]
)
def test_few_or_equal_or_empty_texts_still_have_a_place_and_a_cluster(texts):
    rows = hashed.vectors(texts)
    at, found = plane.placed(rows), clusters.clusters(rows, 2)
    assert (at.shape, len(found)) == ((len(texts), 2), len(texts))
    assert np.isfinite(at).all()
    assert len(clusters.names(texts, found)) == found.max() + 1


def test_a_map_drawn_twice_is_the_same_and_holds_so_many_samples_as_were_wanted(store):
    wanted = MapWanted(version=store.versions.head(), points=400)
    first = draw_map(store, wanted)
    assert (first.facts.drawn, first.points.height) == (400, 400)
    assert first.facts.total == 1_500
    assert sum(c.size for c in first.facts.clusters) == 400
    for path in (store.layout.house / "maps").glob(f"{wanted.key}.*"):
        path.unlink()
    again = draw_map(store, wanted)
    assert again.facts == first.facts
    assert again.points.equals(first.points)
    assert "400 of 1,500, drawn by chance" in words_of(first.facts)
    assert "no model was asked" in words_of(first.facts)


def test_a_map_is_drawn_once_and_then_read(store):
    wanted = MapWanted(version=store.versions.head(), points=100)
    maps = Maps(store.layout)
    assert maps.find(wanted) is None
    draw_map(store, wanted)
    with maps.drawing(wanted):  # whoever draws it anew would be refused
        assert draw_map(store, wanted).facts.drawn == 100
    assert wanted in [f.wanted for f in maps.of_version(wanted.version)]


def test_answers_that_never_came_are_not_on_the_map(store):
    made = draw_map(store, MapWanted(version=store.versions.head(), of="answer", points=2_000))
    answered = store.versions.samples()["answer"].count()
    assert (made.facts.drawn, made.facts.total) == (answered, answered)
    assert "the answer of a sample" in words_of(made.facts)


def test_a_map_somebody_is_drawing_is_not_drawn_by_another_and_says_how_far_it_is(store):
    wanted, maps = MapWanted(version=store.versions.head(), points=50), Maps(store.layout)
    with maps.drawing(wanted):
        maps.tell(wanted, HowFar(what="places", done=10, of=200))
        assert maps.being_drawn(wanted)
        assert maps.told(wanted) == HowFar(what="places", done=10, of=200)
        with pytest.raises(StoreBusy):
            draw_map(store, wanted)
    assert not maps.being_drawn(wanted)


def test_a_damaged_map_counts_as_none(store):
    wanted, maps = MapWanted(version=store.versions.head(), points=60), Maps(store.layout)
    draw_map(store, wanted)
    (store.layout.house / "maps" / f"{wanted.key}.parquet").write_bytes(b"no parquet")
    assert maps.find(wanted) is None
    assert draw_map(store, wanted).facts.drawn == 60


def test_texts_alike_in_meaning_lie_together_where_the_sentence_model_is_installed():
    from curation.llm import embed

    if gone := embed.missing():
        pytest.skip(f"embed: {', '.join(gone)} not installed")
    heard = []
    rows = embed.embedded(
        ["where is my parcel", "has the package shipped", "reset my password"], lambda *f: heard.append(f)
    )
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert heard == [(3, 3)]
