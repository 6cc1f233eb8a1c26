"""Labelled pictures as vectors: real files through the real sandbox, and stored vectors of collections."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from retrieval.errors import InvalidInput
from retrieval.evaluation.protocol import ALONE
from retrieval.ingest import sandbox
from retrieval.models import Embedding
from retrieval.services.evaluation import labelled
from retrieval.services.evaluation.labelled import CollectionLabels, Folder
from retrieval.services.images import decoding
from tests import tables
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory

COLOURS = {
    "red/a.png": (200, 0, 0),
    "red/b.png": (250, 0, 0),
    "blue/case/c.jpg": (0, 0, 250),
    "blue/case/d.webp": (0, 0, 200),
}


class MeanColour:
    """An encoder that can be checked by eye."""

    def encode(self, images):
        return np.stack([image.reshape(-1, 3).mean(axis=0) for image in images]).astype(np.float32)


def silent(*_):
    return None


@pytest.fixture
def folder(tmp_path):
    for name, colour in COLOURS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (16, 12), colour).save(tmp_path / name)
    return tmp_path


def test_a_folder_is_decoded_and_encoded_in_order(folder, monkeypatch):
    monkeypatch.setattr(decoding, "BATCH", 3)
    seen = []
    found = Folder(folder).encode([MeanColour(), MeanColour()], progress=lambda *step: seen.append(step))
    gallery = found.galleries[0]
    assert gallery.items == ("blue/case/c.jpg", "blue/case/d.webp", "red/a.png", "red/b.png")
    assert [gallery.classes[label] for label in gallery.labels] == ["blue", "blue", "red", "red"]
    assert gallery.groups.tolist() == [0, 0, ALONE, ALONE]
    np.testing.assert_allclose(gallery.vectors, [COLOURS[item] for item in gallery.items], atol=4)
    assert len(found.galleries) == 2
    assert found.queries == found.unreadable == ()
    assert seen == [("encoding", 3, 4), ("encoding", 4, 4)]


def test_what_is_no_picture_is_named_and_left_out(folder):
    whole = Folder(folder).encode([MeanColour()], progress=silent)
    (folder / "blue" / "broken.png").write_bytes(b"not a picture")
    found = Folder(folder).encode([MeanColour()], progress=silent)
    assert found.unreadable == ("blue/broken.png",)
    assert found.galleries[0].items == whole.galleries[0].items
    assert found.digest == whole.digest


def test_a_decoder_that_fails_is_not_the_pictures_fault(folder, monkeypatch):
    """A score over whatever happened to be decoded would be a lie."""
    from retrieval.errors import RetrievalError, UnsupportedPicture

    def crash(_data):
        raise UnsupportedPicture("The decoder crashed.", code="decoder_crashed")

    monkeypatch.setattr(sandbox, "query", crash)
    with pytest.raises(RetrievalError, match="crashed"):
        Folder(folder).encode([MeanColour()], progress=silent)


def test_queries_and_gallery_are_two_folders(folder):
    for part in ("query", "gallery"):
        (folder / part).mkdir()
    (folder / "red").rename(folder / "gallery" / "red")
    (folder / "blue").rename(folder / "query" / "blue")
    found = Folder(folder, protocol="query-gallery").encode([MeanColour()], progress=silent)
    assert found.galleries[0].items == ("gallery/red/a.png", "gallery/red/b.png")
    assert found.queries[0].items == ("query/blue/case/c.jpg", "query/blue/case/d.webp")
    assert found.queries[0].classes == found.galleries[0].classes == ("blue", "red")


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no folder"):
        Folder(tmp_path / "absent").encode([MeanColour()], progress=silent)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_bytes(b"?")
    with pytest.raises(InvalidInput, match="can be read"):
        Folder(tmp_path).encode([MeanColour()], progress=silent)


def embed(image, encoder, vector, length=1.0):
    Embedding.objects.create(
        image=image, encoder=encoder, collection=image.collection, vector=vector, length=length, centred_length=1
    )


@pytest.mark.django_db
def test_a_collection_is_read_from_stored_vectors():
    collection, encoder = CollectionFactory(), EncoderFactory(dimension=2)
    first = ImageFactory(collection=collection, tags=["cat", "old"], group_key="case 1")
    second = ImageFactory(collection=collection, tags=["dog"])
    for image, vector in ((first, [1, 0]), (second, [0.6, 0.8])):
        embed(image, encoder, vector, length=5)
    embed(ImageFactory(collection=collection), encoder, [1, 0])
    ImageFactory(collection=collection, tags=["dog"])
    found = CollectionLabels(collection, collection.owner).load([encoder], progress=silent)
    gallery = found.galleries[0]
    assert gallery.items == (str(first.pk), str(second.pk))
    assert [gallery.classes[label] for label in gallery.labels] == ["cat", "dog"]
    assert gallery.groups.tolist() == [0, ALONE]
    np.testing.assert_allclose(gallery.vectors, [[5, 0], [3, 4]], rtol=1e-3)


@pytest.mark.django_db
def test_group_keys_can_be_the_labels():
    collection, encoder = CollectionFactory(), EncoderFactory(dimension=2)
    for key in ("case 1", "case 1", ""):
        embed(ImageFactory(collection=collection, group_key=key), encoder, [1, 0])
    gallery = (
        CollectionLabels(collection, collection.owner, by="group_key").load([encoder], progress=silent).galleries[0]
    )
    assert (gallery.classes, len(gallery), gallery.groups) == (("case 1",), 2, None)


@pytest.mark.django_db
def test_only_pictures_that_every_encoder_knows_are_compared():
    collection = CollectionFactory()
    one, two = EncoderFactory(dimension=2), EncoderFactory(dimension=2, state="building")
    both, only_one = (ImageFactory(collection=collection, tags=["cat"]) for _ in range(2))
    embed(both, one, [1, 0])
    embed(both, two, [0, 1])
    embed(only_one, one, [1, 0])
    found = CollectionLabels(collection, collection.owner).load([one, two], progress=silent)
    assert [gallery.items for gallery in found.galleries] == [(str(both.pk),)] * 2


@pytest.mark.django_db
def test_a_stranger_measures_nothing():
    collection, encoder = CollectionFactory(), EncoderFactory(dimension=2)
    embed(ImageFactory(collection=collection, tags=["cat"]), encoder, [1, 0])
    with pytest.raises(InvalidInput, match="No embedded picture"):
        CollectionLabels(collection, UserFactory()).load([encoder], progress=silent)


@pytest.mark.django_db
def test_a_part_that_was_drawn_is_not_called_like_the_whole(monkeypatch):
    """Its figures would stand in for those of the whole, and a worse encoder would be compared with nothing."""
    collection = CollectionFactory()
    tables.labelled(collection)
    source = CollectionLabels(collection, collection.owner)
    whole = source.encode([MeanColour()], progress=silent)
    monkeypatch.setattr(labelled, "MOST_DECODED", 4)
    part = source.encode([MeanColour()], progress=silent)
    assert whole.name == f"collection {collection.pk} by tags"
    assert (part.name, len(part.galleries[0])) == (f"{whole.name} (4 drawn)", 4)


@pytest.mark.django_db
def test_vectors_are_read_in_parts_and_only_those_that_are_asked_for(monkeypatch):
    collection, encoder = CollectionFactory(), EncoderFactory(dimension=2)
    rows = [ImageFactory(collection=collection, tags=["cat"]) for _ in range(5)]
    for number, image in enumerate(rows):
        embed(image, encoder, [0, 1], length=number + 1)
    embed(ImageFactory(collection=collection), encoder, [1, 0])
    monkeypatch.setattr(labelled, "READ_AT_ONCE", 2)
    monkeypatch.setattr(labelled, "MOST_BYTES", 5 * 2 * 4)
    found = CollectionLabels(collection, collection.owner).load([encoder], progress=silent)
    assert found.galleries[0].vectors.tolist() == [[0, number + 1] for number in range(5)]
    monkeypatch.setattr(labelled, "MOST_BYTES", 5 * 2 * 4 - 1)
    with pytest.raises(InvalidInput, match="of memory") as refused:
        CollectionLabels(collection, collection.owner).load([encoder], progress=silent)
    assert list(refused.value.fields) == ["encoders"]
