"""Searches for the same thing: verified ones first, in the collections that keep local features."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageOps

from retrieval import live_encoders
from retrieval.errors import InvalidInput, Unavailable
from retrieval.ingest import files, fingerprint, sandbox
from retrieval.models import ImageFeatures
from retrieval.search import stored, vectors
from retrieval.services.images import collections
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.searching import search
from retrieval.services.searching.search import Region, SearchRequest
from retrieval.work import features
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.matching.conftest import details_once, scene  # noqa: F401  # a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("details_once")]


class Colours:
    """Encodes a picture as its mean colour, so that a vector says little."""

    def encode(self, images):
        return np.array([image.reshape(-1, 3).mean(axis=0) + 1 for image in images], dtype=np.float32)


@pytest.fixture(autouse=True)
def encoder(db, monkeypatch):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Colours())
    return EncoderFactory(dimension=3, name="colours", trained=True)


@pytest.fixture
def collection():
    return CollectionFactory(local_features=True)


def data_of(picture):
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def kept(collection, encoder, picture, **fields):
    """A stored picture with its vector, its features not yet found."""
    image = ImageFactory(collection=collection, width=picture.width, height=picture.height, **fields)
    path = files.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data_of(picture))
    (vector,) = vectors.one_by_one(Colours().encode([np.asarray(picture)]))
    stored.put(encoder, {image.pk: vector}, places={image.pk: collection.pk})
    return image


@pytest.fixture
def gallery(collection, encoder):
    """An original among strangers, all looked at."""
    found = [kept(collection, encoder, scene(seed), title=f"scene {seed}") for seed in range(50, 56)]
    features.work()
    return found


def ask(user, **fields):
    return search.run(SearchRequest(mode="same", **fields), user=user)


def crop(picture):
    return picture.crop((90, 70, 270, 210))


def test_a_copy_comes_first_with_what_was_done_to_it(gallery, collection):
    answer = ask(collection.owner, file=data_of(ImageOps.mirror(crop(scene(53)))))
    first, *rest = answer.hits
    assert (first.image, first.rank) == (gallery[3], 1)
    assert (first.judgement.verdict, set(first.judgement.edit)) == ("same_image", {"cropped", "mirrored"})
    np.testing.assert_allclose(sorted(x for x, _ in first.judgement.outline), np.repeat([90, 270], 2) / 320, atol=0.02)
    assert [hit.judgement for hit in rest] == [None] * 5
    assert (answer.mode, answer.compared) == ("same", 6)


def test_what_stands_in_a_part_of_the_query_is_found(gallery, collection):
    page = Pictures.new("RGB", (1000, 1200), "white")
    page.paste(scene(52), (600, 800))
    first = ask(collection.owner, file=data_of(page)).hits[0]
    assert (first.image, first.judgement.edit) == (gallery[2], ("pasted",))
    corner = first.judgement.query_outline[0]
    np.testing.assert_allclose(corner, (0.6, 800 / 1200), atol=0.02)


def test_the_part_of_the_query_may_bring_in_what_the_whole_does_not(gallery, collection, encoder, monkeypatch):
    monkeypatch.setattr("retrieval.services.searching.same.SHORTLIST", 1)
    page = Pictures.new("RGB", (1000, 1200), "white")
    page.paste(scene(52), (600, 800))
    white = kept(collection, encoder, Pictures.new("RGB", (60, 60), "white"), title="white")
    answer = ask(collection.owner, file=data_of(page))
    assert [hit.image for hit in answer.hits] == [gallery[2], white]
    assert answer.hits[0].score < answer.hits[1].score < 1.001


def test_the_same_bytes_are_the_same_file_even_without_features(collection, encoder):
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(local_features=False))
    data = data_of(scene(53))
    image = kept(collection, encoder, scene(53))
    image.sha256 = fingerprint.sha256(data)
    image.save()
    answer = ask(collection.owner, file=data)
    assert (answer.hits[0].judgement.verdict, answer.compared) == ("same_file", 0)


def test_a_stored_picture_and_a_part_of_it_are_asked_in_detail(gallery, collection, encoder):
    copy = kept(collection, encoder, ImageOps.mirror(scene(53)), title="mirrored")
    features.work()
    whole = ask(collection.owner, images=(copy.pk,), exclude=(copy.pk,))
    part = ask(collection.owner, images=(copy.pk,), region=Region(0.2, 0.2, 0.6, 0.6), exclude=(copy.pk,))
    assert (whole.hits[0].image, whole.hits[0].judgement.edit) == (gallery[3], ("mirrored",))
    assert (part.hits[0].image, set(part.hits[0].judgement.edit)) == (gallery[3], {"cropped", "mirrored"})


def test_a_collection_that_turned_it_off_is_not_compared(gallery, collection):
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(local_features=False))
    answer = ask(collection.owner, file=data_of(crop(scene(53))))
    assert (answer.compared, {hit.judgement for hit in answer.hits}) == (0, {None})


def test_what_one_may_not_see_is_not_found(gallery, collection):
    CollectionFactory(owner=(stranger := UserFactory()))
    answer = ask(stranger, file=data_of(scene(53)))
    assert (answer.hits, answer.compared) == ([], 0)


def test_pages_follow_one_another_without_gaps(gallery, collection):
    asked = {"file": data_of(crop(scene(53)))}
    whole = [hit.image for hit in ask(collection.owner, **asked).hits]
    pages = [[hit.image for hit in ask(collection.owner, k=2, offset=first, **asked).hits] for first in (0, 2, 4, 6)]
    assert pages == [whole[0:2], whole[2:4], whole[4:6], []]


@pytest.mark.parametrize("fields", [{"text": "red"}, {"file": b"any", "mode": "sideways"}])
def test_it_takes_one_picture_and_a_known_mode(collection, fields):
    with pytest.raises(InvalidInput) as raised:
        search.run(SearchRequest(**{"mode": "same", **fields}), user=collection.owner)
    assert "mode" in raised.value.fields


def test_features_are_found_once_where_they_are_wanted(collection, encoder):
    wanted = kept(collection, encoder, scene(50))
    elsewhere = kept(CollectionFactory(), encoder, scene(51))
    assert features.work() is False
    assert list(ImageFeatures.objects.values_list("image_id", flat=True)) == [wanted.pk]
    assert not features.lacking().exists()
    turned_on = CollectionChanges(local_features=True)
    collections.edit(elsewhere.collection, user=elsewhere.collection.owner, changes=turned_on)
    features.work()
    assert ImageFeatures.objects.filter(image=elsewhere).exists()


@pytest.mark.parametrize("data", [b"no picture", None])
def test_what_cannot_be_read_has_none_for_good(collection, encoder, data):
    image = kept(collection, encoder, scene(50))
    path = files.original(image.sha256)
    path.write_bytes(data) if data else path.unlink()
    features.work()
    assert not features.lacking().exists()
    answer = ask(collection.owner, file=data_of(scene(50)))
    assert (answer.compared, answer.hits[0].judgement) == (1, None)


def test_what_a_decoder_had_no_time_for_is_left(collection, encoder, monkeypatch):
    def busy(*_args, **_options):
        raise Unavailable("later", code="decoders_busy")

    kept(collection, encoder, scene(50))
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "pixels", busy)
        assert features.work() is False
    assert features.lacking().exists()
    features.work()
    assert not features.lacking().exists()


def test_what_is_verified_is_never_nothing(gallery, collection, encoder):
    from retrieval.models import Encoder
    from tests.web.test_bands import calibration

    Encoder.objects.update(calibration=calibration(nothing_below=2.0))
    seen_from_elsewhere = scene(53).transform(
        (320, 240), Pictures.Transform.QUAD, (20, 10, 0, 240, 320, 215, 300, 40), Pictures.Resampling.BICUBIC
    )
    answer = ask(collection.owner, file=data_of(seen_from_elsewhere))
    assert (answer.hits[0].judgement.verdict, answer.match) == ("same_thing", "likely")
    assert ask(collection.owner, file=data_of(scene(60))).match == "none"
