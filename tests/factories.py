"""Rows for tests, as small as they may be; pictures have no files unless a test goes through the service."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import factory
from django.contrib.auth import get_user_model

from retrieval.models import Collection, EmbeddingJob, Encoder, Image

_numbers = itertools.count(1)


class UserFactory(factory.django.DjangoModelFactory):
    """A person with the password ``secret-pass-1``."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password("secret-pass-1")


class CollectionFactory(factory.django.DjangoModelFactory):
    """A private collection of somebody new."""

    class Meta:
        model = Collection

    name = factory.Sequence(lambda n: f"Collection {n}")
    owner = factory.SubFactory(UserFactory)


class EncoderFactory(factory.django.DjangoModelFactory):
    """An encoder row in the active state; its weights do not exist."""

    class Meta:
        model = Encoder

    name = factory.Sequence(lambda n: f"encoder-{n}")
    spec = factory.LazyFunction(lambda: {"backbone": "resnet18", "pooling": "avg", "image_size": 32})
    dimension = 512
    state = "active"


class ImageFactory(factory.django.DjangoModelFactory):
    """A picture row of 4 x 3 pixels in somebody's collection."""

    class Meta:
        model = Image

    collection = factory.SubFactory(CollectionFactory)
    uploader = factory.SelfAttribute("collection.owner")
    title = factory.Sequence(lambda n: f"Picture {n}")
    width = 4
    height = 3
    format = "PNG"
    bytes = 100
    sha256 = factory.LazyFunction(lambda: hashlib.sha256(str(next(_numbers)).encode()).hexdigest())


def job(image: Image, encoder: Encoder, **fields: Any) -> EmbeddingJob:
    """Put a job for the picture into the ledger."""
    return EmbeddingJob.objects.create(image=image, encoder=encoder, owner_id=image.uploader_id, **fields)
