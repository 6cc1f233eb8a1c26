"""Callers of the API, each with a token, and pictures made in memory."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pillow

from tests import counts


@pytest.fixture(autouse=True)
def fresh_limits():
    """Forget what other tests counted; the counts of this process too."""
    counts.forget()


@pytest.fixture
def calls():
    """Make a client that calls as a person, by token; without a person a visitor."""
    from rest_framework.test import APIClient

    from retrieval.services.people import accounts

    def make(user=None, scope="write"):
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Token {accounts.issue_token(user, scope=scope)[0]}")
        return client

    return make


@pytest.fixture
def owner(db):
    """Somebody with a collection."""
    from tests.factories import UserFactory

    return UserFactory(username="owner")


@pytest.fixture
def stranger(db):
    """Somebody else."""
    from tests.factories import UserFactory

    return UserFactory(username="stranger")


@pytest.fixture
def collection(owner):
    """The owner's private collection."""
    from tests.factories import CollectionFactory

    return CollectionFactory(owner=owner, name="Birds")


@pytest.fixture
def picture():
    """Make a small file in memory; another colour gives other bytes."""

    def make(colour=(200, 30, 30), kind="PNG", size=(24, 16)):
        file = io.BytesIO()
        Pillow.new("RGB", size, colour).save(file, kind)
        file.seek(0)
        file.name = f"red.{kind.lower()}"
        return file

    return make
