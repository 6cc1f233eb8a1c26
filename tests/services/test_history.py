"""One's own history of searches: what is written down, what never is, and how much."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser

from retrieval.services.searching import history
from retrieval.services.searching.search import Region, SearchRequest
from tests.factories import UserFactory

LIKED, AVOIDED = uuid4(), uuid4()


@pytest.fixture
def person(db):
    return UserFactory()


def test_a_search_is_written_as_the_api_takes_it_and_its_picture_is_not(person):
    history.note(SearchRequest(file=b"secret", text="red", tags=("bird",)), user=person, url="https://example.org/x")
    row = history.listing(person).get()
    assert (row.asked, row.files, row.url) == ({"text": "red", "tags": ["bird"]}, 1, "https://example.org/x")


def test_what_stays_at_its_default_is_not_there():
    wanted = SearchRequest(
        images=(LIKED,), negatives=(AVOIDED,), negative_words=("cat",), region=Region(0.1, 0, 0.5, 1)
    )
    assert history.asked(wanted) == {
        "positives": [str(LIKED)],
        "negatives": [str(AVOIDED), "cat"],
        "region": {"x": 0.1, "y": 0, "w": 0.5, "h": 1},
    }


def test_the_same_again_is_one_search_and_further_pages_are_none(person):
    for request in (SearchRequest(text="red"), SearchRequest(text="red"), SearchRequest(text="red", offset=24)):
        history.note(request, user=person)
    history.note(SearchRequest(text="red"), user=AnonymousUser())
    assert history.listing(person).count() == 1


def test_the_oldest_are_forgotten_and_others_are_not_touched(person, monkeypatch):
    monkeypatch.setattr(history, "MOST", 2)
    other = UserFactory()
    history.note(SearchRequest(text="theirs"), user=other)
    for text in ("one", "two", "three"):
        history.note(SearchRequest(text=text), user=person)
    assert [row.asked["text"] for row in history.listing(person)] == ["three", "two"]
    history.clear(person)
    assert (history.listing(person).count(), history.listing(other).count()) == (0, 1)
