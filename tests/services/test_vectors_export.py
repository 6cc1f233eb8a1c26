"""The vectors of a collection as a file that NumPy reads, part by part."""

from __future__ import annotations

import io

import numpy as np
import pytest

from retrieval.errors import NotFound, Unavailable
from retrieval.models import AuditEvent, Embedding
from retrieval.services.images import vectors_export
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

pytestmark = pytest.mark.django_db


def opened(collection):
    stream = vectors_export.stream(collection, user=collection.owner)
    return np.load(io.BytesIO(b"".join(stream)), allow_pickle=False)


def test_ids_and_vectors_of_the_active_encoder(monkeypatch):
    monkeypatch.setattr(vectors_export, "AT_ONCE", 2)
    encoder, collection = EncoderFactory(dimension=3, weights_sha256="ab" * 32), CollectionFactory()
    rows = ImageFactory.create_batch(5, collection=collection)
    raw = np.arange(1, 16, dtype=np.float32).reshape(5, 3)
    embed(rows, encoder=encoder, raw=raw)
    ImageFactory(collection=collection)  # has none yet
    embed([ImageFactory()], encoder=encoder, raw=raw[:1])  # elsewhere
    found = opened(collection)
    assert (str(found["encoder"]), str(found["digest"])) == (encoder.name, "ab" * 32)
    order = {str(row.pk): place for place, row in enumerate(rows)}
    assert sorted(found["ids"]) == sorted(order)
    assert (found["vectors"].dtype, found["vectors"].shape) == (np.float32, (5, 3))
    np.testing.assert_allclose(found["vectors"], raw[[order[name] for name in found["ids"]]], rtol=2e-3)
    (line,) = AuditEvent.objects.filter(action="vectors.exported")
    assert (line.detail, line.object_id) == ({"count": 5, "encoder": encoder.name}, str(collection.pk))


def test_a_vector_that_goes_meanwhile_leaves_no_number():
    encoder, collection = EncoderFactory(dimension=3), CollectionFactory()
    rows = ImageFactory.create_batch(2, collection=collection)
    embed(rows, encoder=encoder, raw=np.ones((2, 3), np.float32))
    stream = vectors_export.stream(collection, user=collection.owner)
    Embedding.objects.filter(image=rows[0]).delete()
    found = np.load(io.BytesIO(b"".join(stream)))
    gone = found["ids"] == str(rows[0].pk)
    assert np.isnan(found["vectors"][gone]).all()
    assert not np.isnan(found["vectors"][~gone]).any()


def test_who_does_not_see_the_collection_and_a_site_without_an_encoder_get_none():
    collection = CollectionFactory()
    with pytest.raises(NotFound):
        vectors_export.stream(collection, user=UserFactory())
    with pytest.raises(Unavailable):
        vectors_export.stream(collection, user=collection.owner)
    EncoderFactory(dimension=3)
    assert opened(collection)["vectors"].shape == (0, 3)
