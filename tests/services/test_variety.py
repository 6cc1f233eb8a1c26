"""One of each group, what results have in common, and answers that vary, through the service."""

from __future__ import annotations

import pytest

from retrieval.errors import InvalidInput
from retrieval.services.searching import search, variety
from retrieval.services.searching.search import SearchRequest
from tests.factories import CollectionFactory, EncoderFactory
from tests.search.rows import clustered, put

pytestmark = pytest.mark.django_db

ROWS = 60


@pytest.fixture
def world(db):
    encoder, collection = EncoderFactory(dimension=8), CollectionFactory()
    each = [
        {"group_key": f"g{row % 4}" if row < 40 else "", "tags": ["t"] if row % 3 == 0 else []} for row in range(ROWS)
    ]
    images = put(collection, clustered(ROWS, seed=41), encoder=encoder, each=each)
    put(CollectionFactory(), clustered(5, seed=42), encoder=encoder, each=[{"group_key": "g0"}] * 5)  # another's

    def find(**options):
        return search.run(SearchRequest(images=(images[0].pk,), **options), user=collection.owner)

    return find, images


def test_each_group_tells_how_many_there_are(world):
    find, images = world
    got = find(group=True, k=100, exclude=(images[0].pk,))
    sizes = {hit.image.group_key or str(hit.image.pk): hit.group_size for hit in got.hits}
    assert (sizes["g0"], sizes["g1"]) == (9, 10)  # the query itself is left out; another person's are not counted
    assert sorted(sizes.values()) == [1] * 20 + [9, 10, 10, 10]
    assert {hit.group_size for hit in find().hits} == {None}


def test_filters_count_in_groups_too(world):
    find, images = world
    got = find(group=True, k=100, tags=("t",))
    right = sum(image.group_key == "g1" and "t" in image.tags for image in images)
    assert {hit.group_size for hit in got.hits if hit.image.group_key == "g1"} == {right}


def test_one_group_alone_and_all_but_the_own(world):
    find, _ = world
    assert {hit.image.group_key for hit in find(group_key="g2", k=100).hits} == {"g2"}
    assert "g0" not in {hit.image.group_key for hit in find(exclude_group=True, k=100).hits}


def test_shares_of_tags_and_groups(world):
    find, _ = world
    got = find(k=24)
    tags = sum("t" in hit.image.tags for hit in got.hits)
    assert got.shares.tags == (variety.Share("t", tags, tags / 24),)
    for share in got.shares.groups:
        assert share.count == sum(hit.image.group_key == share.name for hit in got.hits)
    assert [share.count for share in got.shares.groups] == sorted((s.count for s in got.shares.groups), reverse=True)


def test_a_varied_answer_has_the_same_pictures_in_another_order_on_all_pages(world, monkeypatch):
    monkeypatch.setattr(variety, "REORDERED", 20)
    find, _ = world
    plain = [hit.image.pk for hit in find(k=100).hits]
    pages = [[hit.image.pk for hit in find(k=7, offset=offset, diversity=0.7).hits] for offset in range(0, ROWS, 7)]
    together = [pk for page in pages for pk in page]
    assert sorted(together) == sorted(plain)
    assert together[0] == plain[0]
    assert together[:20] != plain[:20]
    assert set(together[:20]) == set(plain[:20])
    assert together[20:] == plain[20:]
    assert [hit.rank for hit in find(k=3, offset=5, diversity=0.7).hits] == [6, 7, 8]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"diversity": 1.5}, "diversity"),
        ({"group_key": "x" * 201}, "group_key"),
        ({"diversity": 0.5, "mode": "same"}, "diversity"),
    ],
)
def test_what_is_out_of_bounds_is_named(world, options, field):
    with pytest.raises(InvalidInput) as caught:
        world[0](**options)
    assert field in caught.value.fields


def test_words_alone_cannot_be_varied(world):
    _, images = world
    with pytest.raises(InvalidInput) as caught:
        search.run(SearchRequest(text="picture", diversity=0.5), user=images[0].collection.owner)
    assert "diversity" in caught.value.fields
