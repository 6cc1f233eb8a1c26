"""Searches that look further: in the order of the measured steps, by what one may see, with the plain score."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.errors import InvalidInput
from retrieval.matching import Calibration, Exemplar, Further, Moments
from retrieval.models import Encoder
from retrieval.search import vectors
from retrieval.services.searching import further, search
from retrieval.services.searching.search import SearchRequest
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import DIMENSION, clustered, put

pytestmark = pytest.mark.django_db

LIKELY = {
    "strangers": {"x": [0.6, 0.9], "y": [0.0, -3.0]},
    "right": {"x": [-3.0, 0.0], "y": [1.0, 0.0]},
    "growth": 0.0,
    "nothing_below": -1.0,
    "fitted_on": {},
}


@pytest.fixture
def encoder(db):
    return EncoderFactory(name="tiny", dimension=DIMENSION, trained=True, calibration=LIKELY)


@pytest.fixture
def collection():
    return CollectionFactory()


RAW = clustered(40, seed=4)
UNITS = vectors.unit(RAW).vectors


@pytest.fixture
def gallery(collection, encoder):
    return put(collection, RAW, encoder=encoder)


def ask(user, image, **fields):
    return search.run(SearchRequest(images=(image.pk,), exclude=(image.pk,), expand=True, **fields), user=user)


def measured(place):
    """The order that the measured steps give, of the same vectors."""
    exemplar = Exemplar.of(Moments.of(UNITS))
    looker = Further(UNITS, UNITS, exemplar, Calibration.from_dict(LIKELY), itself=True)
    order = np.argsort(-looker.scores(slice(place, place + 1))[0], kind="stable")
    return [each for each in order if each != place]


@pytest.mark.parametrize("place", [0, 7, 23])
def test_it_ranks_as_it_was_measured(gallery, collection, place):
    answer = ask(collection.owner, gallery[place], k=39)
    assert [hit.image for hit in answer.hits] == [gallery[each] for each in measured(place)]
    assert (answer.expand, answer.exact, answer.candidates) == (True, True, 39)
    plain = search.similar(gallery[place].pk, user=collection.owner, k=39).hits
    assert [hit.image for hit in answer.hits] != [hit.image for hit in plain]
    assert answer.hits[0].image == plain[0].image
    scores = {hit.image.pk: (hit.score, hit.distance) for hit in plain}
    assert {hit.image.pk: (hit.score, hit.distance) for hit in answer.hits} == scores


def test_pages_follow_one_another(gallery, collection):
    whole = [hit.image for hit in ask(collection.owner, gallery[0], k=39).hits]
    pages = [ask(collection.owner, gallery[0], k=10, offset=first) for first in (0, 10, 20, 30, 40)]
    assert [hit.image for page in pages for hit in page.hits] == whole
    assert [hit.rank for hit in pages[1].hits] == list(range(11, 21))


def test_there_is_nothing_after_the_shortlist(gallery, collection, monkeypatch):
    monkeypatch.setattr(further.expansion, "SHORTLIST", 12)
    assert 12 <= len(ask(collection.owner, gallery[0], k=39).hits) <= 13


def test_what_others_hide_changes_nothing(gallery, collection, encoder):
    before = [hit.image for hit in ask(collection.owner, gallery[3], k=39).hits]
    put(CollectionFactory(), clustered(50, seed=8), encoder=encoder)
    assert [hit.image for hit in ask(collection.owner, gallery[3], k=39).hits] == before


def test_neighbours_that_are_not_likely_do_not_move_the_query(gallery, collection, monkeypatch):
    moved = []
    expanded = further.expansion.expanded
    spy = SimpleNamespace(**{name: getattr(further.expansion, name) for name in further.expansion.__dict__})
    spy.expanded = lambda query, near, **options: moved.append(len(near)) or expanded(query, near, **options)
    monkeypatch.setattr(further, "expansion", spy)
    ask(collection.owner, gallery[0])
    Encoder.objects.update(calibration=LIKELY | {"right": {"x": [-3.0, 0.0], "y": [0.1, 0.0]}})
    ask(collection.owner, gallery[0])
    assert moved == [3, 0]


def test_filters_and_least_scores_hold(gallery, collection):
    least = ask(collection.owner, gallery[0], k=39, min_score=0.9).hits
    assert least
    assert all(hit.score >= 0.9 for hit in least)
    assert ask(collection.owner, gallery[0], tags=("nowhere",)).hits == []


def test_a_file_is_asked_with_too(gallery, collection, monkeypatch):
    from retrieval import live_encoders
    from tests.web.library import png

    live = SimpleNamespace(encode=lambda images: np.repeat(RAW[:1], len(images), axis=0))
    monkeypatch.setattr(live_encoders, "for_row", lambda row: live)
    found = search.run(SearchRequest(file=png(), expand=True), user=collection.owner).hits
    assert found[0].image == gallery[0]


@pytest.mark.parametrize(
    "beside", [{"text": "red"}, {"mode": "same"}, {"measure": "euclidean"}, {"negative_words": ("x",)}]
)
def test_it_takes_one_picture_and_cosine(gallery, collection, beside):
    with pytest.raises(InvalidInput) as raised:
        ask(collection.owner, gallery[0], **beside)
    assert "expand" in raised.value.fields


def test_without_a_calibration_it_says_so(gallery, collection):
    Encoder.objects.update(calibration={})
    with pytest.raises(InvalidInput) as raised:
        ask(collection.owner, gallery[0])
    assert "expand" in raised.value.fields


def test_a_stranger_finds_nothing(gallery, encoder):
    mine = CollectionFactory(owner=(stranger := UserFactory()))
    (own,) = put(mine, RAW[:1], encoder=encoder)
    assert ask(stranger, own).hits == []
