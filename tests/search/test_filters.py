"""Whatever the people, rights and filters: exactly the visible matches, min(k, matches) of them, in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.models import Membership, Visibility
from retrieval.search.query import Question, nearest
from retrieval.search.scope import Filters
from retrieval.search.words import Words
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import DIMENSION, asked, clustered, index, put

pytestmark = pytest.mark.django_db

TAGS, GROUPS, NAMES = ("red", "old", "sea"), ("", "", "a", "b"), ("castle", "hill", "城堡")
PEOPLE = 3


@dataclass(frozen=True)
class Picture:
    """One picture as the oracle sees it."""

    collection: int
    tags: tuple[str, ...]
    group: str
    title: str


@dataclass(frozen=True)
class World:
    """Collections as (owner, visibility, members), and pictures in them."""

    collections: tuple[tuple[int, str, frozenset[int]], ...]
    pictures: tuple[Picture, ...]

    def sees(self, person: int, collection: int, *, public: bool) -> bool:
        owner, visibility, members = self.collections[collection]
        if person == PEOPLE:
            return visibility == "public" and public
        return owner == person or visibility == "public" or (visibility == "shared" and person in members)


@dataclass(frozen=True)
class Asked:
    """One search: who, and with what filters."""

    person: int
    public: bool
    collections: tuple[int, ...] | None
    tags: tuple[str, ...]
    title: str | None
    excluded: frozenset[int]
    groups: tuple[str, ...]
    k: int

    def matches(self, world: World, number: int) -> bool:
        picture = world.pictures[number]
        return (
            world.sees(self.person, picture.collection, public=self.public)
            and (self.collections is None or picture.collection in self.collections)
            and set(self.tags) <= set(picture.tags)
            and (self.title is None or self.title == picture.title)
            and number not in self.excluded
            and picture.group not in self.groups
        )


people = st.integers(0, PEOPLE - 1)
few_tags = st.lists(st.sampled_from(TAGS), unique=True, max_size=2).map(tuple)
collections = st.lists(
    st.tuples(people, st.sampled_from(Visibility.values), st.frozensets(people)), min_size=1, max_size=5
).map(tuple)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    drawn = draw(collections)
    picture = st.builds(
        Picture, st.integers(0, len(drawn) - 1), few_tags, st.sampled_from(GROUPS), st.sampled_from(NAMES)
    )
    return World(drawn, tuple(draw(st.lists(picture, min_size=1, max_size=60))))


searches = st.builds(
    Asked,
    st.integers(0, PEOPLE),
    st.booleans(),
    st.none() | st.lists(st.integers(0, 4), unique=True).map(tuple),
    few_tags,
    st.none() | st.sampled_from(NAMES),
    st.frozensets(st.integers(0, 59), max_size=4),
    st.lists(st.sampled_from(("a", "b")), unique=True).map(tuple),
    st.integers(1, 60),
)


@pytest.mark.parametrize("limit", [0, 10_000], ids=["index", "exact"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(), search=searches)
def test_a_filtered_search_finds_what_the_oracle_finds(limit, world, search, request):
    fixture = request.getfixturevalue("settings")
    fixture.IMAGESEARCH = replace(fixture.IMAGESEARCH, exact_candidates=limit, public_search=search.public)
    with transaction.atomic():
        check(world, search)
        transaction.set_rollback(True)


def check(world: World, search: Asked) -> None:
    encoder = EncoderFactory(dimension=DIMENSION)
    users = [*UserFactory.create_batch(PEOPLE), AnonymousUser()]
    rows = make_collections(world, users)
    raw = clustered(len(world.pictures), seed=len(world.pictures))
    images = []
    for number, picture in enumerate(world.pictures):
        fields = {"tags": list(picture.tags), "group_key": picture.group, "title": picture.title}
        images += put(rows[picture.collection], raw[number : number + 1], encoder=encoder, each=[fields])
    index(encoder)
    filters = Filters(
        collections=None
        if search.collections is None
        else tuple(rows[each].pk for each in search.collections if each < len(rows)),
        tags=search.tags,
        words=Words.of(search.title) if search.title else None,
        exclude=tuple(images[each].pk for each in search.excluded if each < len(images)),
        exclude_groups=search.groups,
    )
    got = nearest(Question(encoder, asked(raw[0]), filters=filters, k=search.k), user=users[search.person])
    matching = [number for number in range(len(images)) if search.matches(world, number)]
    near = raw @ raw[0] / np.linalg.norm(raw, axis=1)
    expected = sorted(matching, key=lambda number: -near[number])[: search.k]
    assert [hit.image_id for hit in got.hits] == [images[number].pk for number in expected]
    assert len(got.hits) == min(search.k, len(matching))


def make_collections(world: World, users: list) -> list:
    rows = []
    for owner, visibility, members in world.collections:
        rows.append(CollectionFactory(owner=users[owner], visibility=visibility))
        Membership.objects.bulk_create(Membership(collection=rows[-1], user=users[each]) for each in members - {owner})
    return rows
