"""A search by another encoder, and two answers beside each other, held to a slow literal version."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from retrieval.errors import AdministratorsOnly, InvalidInput
from retrieval.models import EncoderState
from retrieval.services.encoders import beside
from retrieval.services.searching import search
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import watches
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import embed, put

pytestmark = pytest.mark.django_db
RAW = np.random.default_rng(5).normal(0, 1, (2, 40, 8)).astype(np.float32)


@pytest.fixture
def boss(db):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def second(db):
    return EncoderFactory(name="second", dimension=8, state=EncoderState.BUILDING)


@pytest.fixture
def pictures(boss, second):
    """Forty pictures of which the last five are hidden from the boss, each with a vector by both encoders."""
    first, mine = EncoderFactory(name="first", dimension=8), CollectionFactory(owner=boss)
    rows = put(mine, RAW[0, :35], encoder=first) + put(CollectionFactory(), RAW[0, 35:], encoder=first)
    embed(rows, encoder=second, raw=RAW[1])
    return rows


def nearest(pictures, which):
    """The first 24 by brute force: every visible picture but the query, by the cosine of one encoder's vectors."""
    unit = RAW[which] / np.linalg.norm(RAW[which], axis=1, keepdims=True)
    order = sorted(range(1, 35), key=lambda row: -float(unit[row] @ unit[0]))
    return [pictures[row].pk for row in order[:24]]


def test_both_answers_ranks_and_overlaps_are_those_of_a_literal_comparison(pictures, boss):
    wanted = SearchRequest(images=(pictures[0].pk,), exclude=(pictures[0].pk,), k=3, offset=2)
    found, orders = beside.run(wanted, other="second", user=boss), [nearest(pictures, 0), nearest(pictures, 1)]
    for (answer, places), mine, theirs in zip(found.columns, orders, reversed(orders), strict=True):
        assert [place.hit.image.pk for place in places] == mine
        assert [place.there for place in places] == [theirs.index(pk) + 1 if pk in theirs else None for pk in mine]
        assert (answer.candidates, answer.exact) == (34, True)
    assert [answer.encoder for answer, _ in found.columns] == ["first", "second"]
    assert found.overlaps == [(len({*orders[0][:n]} & {*orders[1][:n]}), n) for n in (10, 24)]


def test_fewer_pictures_are_counted_as_they_are(pictures, boss):
    few = tuple(image.pk for image in pictures[4:35])
    wanted = SearchRequest(images=(pictures[0].pk,), exclude=(pictures[0].pk, *few))
    assert beside.run(wanted, other="second", user=boss).overlaps == [(3, 3)]


def test_what_is_still_being_built_cannot_be_chosen(pictures, boss, second):
    EncoderFactory(name="draft", dimension=8, state=EncoderState.DRAFT)
    assert beside.choices(user=boss) == [second]
    put(CollectionFactory(owner=boss), RAW[0, :1], encoder=EncoderFactory(name="old", dimension=8, state="retired"))
    assert [row.name for row in beside.choices(user=boss)] == ["old"]
    with pytest.raises(InvalidInput) as refused:
        beside.run(SearchRequest(images=(pictures[0].pk,)), other="second", user=boss)
    assert "beside" in refused.value.fields


@pytest.mark.parametrize(("name", "more"), [("nothing", {}), ("draft", {}), ("second", {"concept": uuid4()})])
def test_an_encoder_that_cannot_answer_is_refused_by_name(pictures, boss, name, more):
    EncoderFactory(name="draft", dimension=8, state=EncoderState.DRAFT)
    with pytest.raises(InvalidInput) as refused:
        search.run(SearchRequest(images=(pictures[0].pk,), encoder=name, **more), user=boss)
    assert "encoder" in refused.value.fields


def test_only_administrators_choose_and_a_watch_never_does(pictures, boss):
    wanted = SearchRequest(images=(pictures[0].pk,), encoder="second")
    with pytest.raises(AdministratorsOnly):
        search.run(wanted, user=pictures[0].collection.owner.__class__.objects.create(username="other"))
    with pytest.raises(AdministratorsOnly):
        beside.choices(user=UserFactory(is_staff=True))
    with pytest.raises(InvalidInput) as refused:
        watches._check_search(wanted)
    assert "encoder" in refused.value.fields
