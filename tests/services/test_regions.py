"""Searches for parts of pictures: their regions where collections keep them, by the same rights, filters, exactness."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pictures

from retrieval import live_encoders
from retrieval.errors import InvalidInput, Unavailable
from retrieval.ingest import files, sandbox
from retrieval.matching import boxes
from retrieval.models import Measure, RegionEmbedding
from retrieval.search import stored
from retrieval.services.images import collections
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.searching import search
from retrieval.services.searching.search import Region, SearchRequest
from retrieval.work import regions
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.services.test_same import Colours, data_of, kept

pytestmark = pytest.mark.django_db

RED, GREEN, BLUE = (230, 40, 10), (20, 220, 60), (30, 10, 240)


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Colours())
    return EncoderFactory(dimension=3, name="colours", trained=True)


@pytest.fixture
def collection():
    return CollectionFactory(regions=True)


def picture(*colours):
    """Four squares of these colours, by rows."""
    made = Pictures.new("RGB", (64, 64))
    for place, colour in enumerate(colours):
        made.paste(colour, (place % 2 * 32, place // 2 * 32, place % 2 * 32 + 32, place // 2 * 32 + 32))
    return made


@pytest.fixture
def gallery(collection, encoder):
    """One with red in a corner, one that is reddish all over, one without."""
    corner = kept(collection, encoder, picture(GREEN, BLUE, BLUE, RED), group_key="a", tags=["t"])
    reddish = kept(collection, encoder, picture(*[(150, 70, 60)] * 4), group_key="a")
    without = kept(collection, encoder, picture(GREEN, BLUE, GREEN, BLUE))
    assert regions.work() is False
    return corner, reddish, without


def ask(collection, **fields):
    fields = {"file": data_of(picture(RED, RED, RED, RED)), "regions": True, **fields}
    return search.run(SearchRequest(**fields), user=collection.owner)


def test_a_part_is_found_and_where_it_is(gallery, collection):
    corner, reddish, without = gallery
    plain = ask(collection, regions=False)
    assert ([hit.image for hit in plain.hits], plain.regions) == ([reddish, corner, without], False)
    assert {hit.region for hit in plain.hits} == {None}
    answer = ask(collection)
    assert (answer.hits[0].image, answer.regions, answer.exact) == (corner, True, True)
    assert answer.candidates == 3
    assert not answer.calibrated
    found = answer.hits[0].region
    assert min(found.x, found.y) >= 0.5
    assert answer.hits[0].score == pytest.approx(1, abs=1e-3)


def literal(part, query, measure):
    if measure == "euclidean":
        return np.linalg.norm(part - query)
    if measure == "pearson":
        part, query = part - part.mean(), query - query.mean()
    return 1 - part @ query / np.linalg.norm(part) / np.linalg.norm(query)


@pytest.mark.parametrize("measure", Measure.values)
def test_each_picture_is_as_far_as_the_nearest_of_all_its_parts(gallery, collection, measure):
    query = Colours().encode([np.asarray(picture(RED, RED, RED, GREEN))])[0]
    answer = ask(collection, file=data_of(picture(RED, RED, RED, GREEN)), measure=measure)
    for hit in answer.hits:
        pixels = np.asarray(Pictures.open(files.original(hit.image.sha256)))
        parts = Colours().encode([pixels, *(box.cut(pixels) for box in boxes(64, 64))])
        assert hit.distance == pytest.approx(min(literal(part, query, measure) for part in parts), rel=1e-2, abs=1e-2)
    assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)


def test_a_cut_query_looks_for_parts_by_itself(gallery, collection):
    cut = {"file": data_of(picture(GREEN, BLUE, RED, RED)), "region": Region(0.05, 0.6, 0.9, 0.35), "regions": None}
    assert ask(collection, **cut).hits[0].image == gallery[0]
    assert ask(collection, **cut).regions
    assert not ask(collection, **{**cut, "regions": False}).regions
    assert not ask(collection, regions=None).regions


def test_rights_filters_groups_and_pages_are_those_of_whole_pictures(gallery, collection):
    corner, reddish, without = gallery
    assert ask(CollectionFactory(owner=UserFactory(), regions=True)).hits == []
    assert [hit.image for hit in ask(collection, tags=("t",)).hits] == [corner]
    assert [hit.image for hit in ask(collection, exclude=(corner.pk,)).hits] == [reddish, without]
    assert [hit.image for hit in ask(collection, group=True).hits] == [corner, without]
    whole = [hit.image for hit in ask(collection).hits]
    assert [ask(collection, k=1, offset=place).hits[0].image for place in range(3)] == whole
    stored.place(corner.pk, None)
    assert corner not in [hit.image for hit in ask(collection).hits]


def test_where_a_collection_stops_keeping_them_they_do_not_count(gallery, collection):
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(regions=False))
    answer = ask(collection)
    assert (answer.regions, answer.hits[0].image) == (False, gallery[1])
    elsewhere = CollectionFactory(owner=collection.owner, regions=True)
    assert ask(collection, collections=(collection.pk, elsewhere.pk)).hits[0].image == gallery[1]


def test_they_are_made_once_for_collections_that_keep_them(gallery, collection, encoder):
    elsewhere = kept(CollectionFactory(), encoder, picture(RED, RED, RED, RED))
    assert not regions.lacking().exists()
    assert RegionEmbedding.objects.filter(image=gallery[0]).count() == 1 + len(boxes(64, 64))
    collections.edit(elsewhere.collection, user=elsewhere.collection.owner, changes=CollectionChanges(regions=True))
    assert list(regions.lacking()) == [elsewhere]
    stored.remove(encoder.pk, [gallery[0].pk])
    assert not RegionEmbedding.objects.filter(image=gallery[0]).exists()


@pytest.mark.parametrize("data", [b"no picture", None])
def test_what_cannot_be_read_has_none_for_good(collection, encoder, data):
    image = kept(collection, encoder, picture(RED, RED, RED, RED))
    path = files.original(image.sha256)
    path.write_bytes(data) if data else path.unlink()
    assert regions.work() is False
    assert not regions.lacking().exists()
    assert ask(collection).hits[0].region is None


def test_a_decoder_without_time_leaves_it_for_the_next_turn(collection, encoder, monkeypatch):
    image = kept(collection, encoder, picture(RED, RED, RED, RED))

    def busy(*_args, **_options):
        raise Unavailable("busy", code=next(iter(sandbox.PASSING)))

    monkeypatch.setattr(sandbox, "pixels", busy)
    regions.work()
    assert list(regions.lacking()) == [image]


@pytest.mark.parametrize("fields", [{"file": None, "text": "red"}, {"expand": True}])
def test_parts_take_a_picture_and_do_not_look_further(collection, fields):
    with pytest.raises(InvalidInput) as raised:
        ask(collection, **fields)
    assert "regions" in raised.value.fields


def test_parts_have_no_bands(gallery, collection):
    with pytest.raises(InvalidInput) as raised:
        ask(collection, min_band="alike")
    assert "min_band" in raised.value.fields
