"""Why a picture was found: measures as the search gives them, details, places, and for whom."""

from __future__ import annotations

import pytest
from PIL import ImageOps

from retrieval.errors import Conflict, InvalidInput, NotFound
from retrieval.ingest import files
from retrieval.models import Encoder, Measure
from retrieval.services.searching import search
from retrieval.services.searching.search import Region, SearchRequest
from retrieval.services.searching.why import why
from tests.factories import EncoderFactory, UserFactory
from tests.matching.conftest import scene
from tests.services.test_same import data_of
from tests.web.library import MeanColour, put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch):
    from retrieval import live_encoders

    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    return EncoderFactory(dimension=3, name="colours", trained=True)


@pytest.fixture
def pair(encoder):
    """Two stored pictures of one collection, the second the first in a mirror."""
    from tests.factories import CollectionFactory

    collection, picture = CollectionFactory(), scene(53)
    size = {"width": picture.width, "height": picture.height}
    return [
        put(collection, encoder=encoder, data=data_of(each), **size) for each in (picture, ImageOps.mirror(picture))
    ]


def asked(picture, **fields):
    return SearchRequest(images=(picture.pk,), **fields)


def test_measures_are_those_of_the_search(pair):
    one, other = pair
    found = why(one.pk, asked(other), user=one.collection.owner)
    for measure in Measure:
        (hit,) = search.similar(other.pk, user=one.collection.owner, measure=measure.value).hits
        assert (found.measures[measure].distance, found.measures[measure].score) == (hit.distance, hit.score)


def test_details_tell_although_nobody_keeps_them(pair):
    one, other = pair
    found = why(one.pk, asked(other), user=one.collection.owner)
    assert (found.judgement.verdict, found.judgement.edit) == ("same_image", ("mirrored",))
    assert why(one.pk, asked(one), user=one.collection.owner).judgement.verdict == "same_file"
    sent = why(one.pk, SearchRequest(file=data_of(scene(53))), user=one.collection.owner)
    assert (sent.judgement.verdict, sent.query) == ("same_file", None)
    stranger = why(one.pk, SearchRequest(file=data_of(scene(60))), user=one.collection.owner)
    assert stranger.judgement is None


def test_places_add_up_to_the_cosine(pair):
    one, other = pair
    found = why(one.pk, asked(other, region=Region(0.0, 0.0, 0.5, 1.0)), user=one.collection.owner)
    assert found.exact
    for shares in (found.overlay.query, found.overlay.result):
        assert shares.sum() == pytest.approx(found.overlay.cosine)
    assert found.overlay.cosine == pytest.approx(found.cosine, abs=1e-3)  # as stored, in half precision


def test_an_approximation_is_called_one(pair):
    Encoder.objects.update(spec={"backbone": "resnet18", "pooling": "gem", "image_size": 32})
    assert not why(pair[0].pk, asked(pair[1]), user=pair[0].collection.owner).exact


def test_a_network_without_places_has_no_overlay(pair, monkeypatch):
    def places(*_args):
        raise Conflict("none", code="no_places")

    monkeypatch.setattr(MeanColour, "places", places)
    found = why(pair[0].pk, asked(pair[1]), user=pair[0].collection.owner)
    assert (found.overlay, found.judgement.edit) == (None, ("mirrored",))


def test_nobody_compares_with_what_they_do_not_see(pair):
    one, other = pair
    with pytest.raises(NotFound):
        why(one.pk, asked(other), user=UserFactory())
    with pytest.raises(NotFound):
        why(one.pk, SearchRequest(file=data_of(scene(53))), user=UserFactory())


def test_it_takes_one_picture(pair):
    one, other = pair
    for request in (SearchRequest(text="red"), SearchRequest(images=(one.pk, other.pk)), asked(one, text="red")):
        with pytest.raises(InvalidInput):
            why(one.pk, request, user=one.collection.owner)


def test_what_has_no_vector_or_no_file_says_so(pair, encoder):
    from retrieval.search import stored

    one, other = pair
    files.original(other.sha256).unlink()
    with pytest.raises(Conflict) as missing:
        why(one.pk, asked(other), user=one.collection.owner)
    assert missing.value.code == "original_missing"
    stored.remove(encoder.pk, [one.pk])
    with pytest.raises(Conflict) as pending:
        why(one.pk, SearchRequest(file=data_of(scene(53))), user=one.collection.owner)
    assert pending.value.code == "image_pending"


def test_nothing_is_kept(pair):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        why(pair[0].pk, asked(pair[1]), user=pair[0].collection.owner)
    written = [query["sql"] for query in seen if query["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]
    assert (len(seen) > 0, written) == (True, [])
