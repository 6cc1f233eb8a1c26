"""Turns of work on pictures: in order, once each, given up when time or the worker ends."""

from __future__ import annotations

import pytest

from retrieval.models import Image
from retrieval.work import ending, turns
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(monkeypatch):
    """Five pictures, taken two at a time."""
    monkeypatch.setattr(turns, "BATCH", 2)
    collection = CollectionFactory()
    return sorted(ImageFactory(collection=collection).pk for _ in range(5))


def lacking():
    return Image.objects.filter(title="").order_by("pk")


@pytest.fixture(autouse=True)
def untitled(images):
    Image.objects.update(title="")


def named(image):
    Image.objects.filter(pk=image.pk).update(title="done")
    return True


def test_all_are_done_in_the_order_of_their_ids(images):
    seen = []
    assert turns.take(lacking, lambda image: seen.append(image.pk) or named(image), event="named") is False
    assert seen == images


def test_what_is_left_for_later_is_passed_and_nothing_is_begun_again_for_it(images):
    seen = []
    assert turns.take(lacking, lambda image: bool(seen.append(image.pk)), event="named") is False
    assert seen == images


def test_more_is_left_where_something_was_done(images):
    assert turns.take(lacking, lambda image: image.pk == images[0] and named(image), event="named") is True


def test_a_turn_ends_with_its_time_or_with_the_worker(images, monkeypatch):
    seen = []
    monkeypatch.setattr(ending, "comes", lambda: len(seen) == 3)
    assert turns.take(lacking, lambda image: seen.append(image.pk) or named(image), event="named") is True
    assert seen == images[:3]
    monkeypatch.setattr(ending, "comes", lambda: False)
    monkeypatch.setattr(turns, "SECONDS", 0.0)
    turns.take(lacking, lambda image: seen.append(image.pk) or named(image), event="named")
    assert seen == images[:3]
