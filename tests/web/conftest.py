"""People with a browser each, and a small library to look at."""

from __future__ import annotations

import pytest

from tests import counts


@pytest.fixture(autouse=True)
def fresh_limits():
    """Forget what other tests counted."""
    counts.forget()


@pytest.fixture
def sees():
    """Make a browser in which a person is signed in; without a person a visitor's."""
    from django.test import Client

    def make(person=None, **options):
        client = Client(**options)
        if person:
            client.force_login(person)
        return client

    return make


@pytest.fixture
def owner(db):
    from tests.factories import UserFactory

    return UserFactory(username="owner")


@pytest.fixture
def stranger(db):
    from tests.factories import UserFactory

    return UserFactory(username="stranger")


@pytest.fixture
def page(sees, owner):
    """The owner's browser."""
    return sees(owner)


@pytest.fixture
def encoder(db, monkeypatch):
    """The active encoder: a picture's vector is its mean colour."""
    from retrieval import live_encoders
    from tests.factories import EncoderFactory
    from tests.web.library import MeanColour

    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    return EncoderFactory(name="colours", dimension=3, trained=True)


@pytest.fixture
def collection(owner):
    """The owner's private collection."""
    from tests.factories import CollectionFactory

    return CollectionFactory(owner=owner, name="Birds")


@pytest.fixture
def four(collection, encoder):
    """One ready picture of each colour, by name."""
    from tests.web.library import put

    return {name: put(collection, name, encoder=encoder, tags=[name]) for name in ("red", "pink", "green", "blue")}
