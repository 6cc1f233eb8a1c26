"""Words read from pictures: kept where a collection has that on, found by search and list, gone where it is off."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pictures

from retrieval import reading
from retrieval.errors import InvalidInput, Unavailable
from retrieval.ingest import files, sandbox
from retrieval.models import Image, ImageText
from retrieval.reading import TextLine
from retrieval.search import Words
from retrieval.services.images import choice, collections, images
from retrieval.services.images.choice import ImageFilters
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.searching import search
from retrieval.services.searching.search import SearchRequest
from retrieval.work import texts
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import DIMENSION, clustered, put

pytestmark = pytest.mark.django_db

LINES = [
    TextLine("GARDENIA BAKERIES (KL)", 0.1, 0.05, 0.6, 0.04, 0.98),
    TextLine("Invoice-No. 7806", 0.1, 0.2, 0.4, 0.04, 0.98),
    TextLine("合计人民币十二元", 0.1, 0.3, 0.4, 0.04, 0.98),
]


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """A reader that finds the same on each picture, and tells how large those were."""
    sizes = []
    monkeypatch.setattr(reading, "is_installed", lambda: True)
    monkeypatch.setattr(reading, "read", lambda pixels: sizes.append(pixels.shape) or LINES)
    return sizes


@pytest.fixture
def collection():
    return CollectionFactory(read_text=True)


def kept(collection, *, size=(60, 40), **fields):
    image = ImageFactory(collection=collection, width=size[0], height=size[1], **fields)
    data = io.BytesIO()
    Pictures.new("RGB", size, "white").save(data, "PNG")
    path = files.original(image.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.getvalue())
    return image


def listed(collection, text):
    return set(choice.listing(collection.owner, filters=ImageFilters(q=text)))


def test_pictures_are_read_where_their_collection_says_so(collection, reader):
    image, elsewhere, trash = kept(collection), kept(CollectionFactory()), kept(collection)
    images.delete(trash, user=collection.owner)
    assert texts.waiting()
    assert texts.work() is False
    assert reader == [(40, 60, 3)]
    row = ImageText.objects.get()
    assert row.image == image
    assert row.text.splitlines() == [line.text for line in LINES]
    assert row.lines[0] == ["GARDENIA BAKERIES (KL)", 0.1, 0.05, 0.6, 0.04]
    assert images.get(image.pk, user=collection.owner).text == row.text
    assert images.get(elsewhere.pk, user=elsewhere.collection.owner).text is None
    assert not texts.waiting()


def test_a_large_picture_is_decoded_smaller_but_larger_than_for_vectors(collection, reader):
    kept(collection, size=(1600, 1500))
    texts.work()
    assert min(reader[0][:2]) == 1024


@pytest.mark.parametrize(
    "text",
    ["gardenia", "BAKER", "bakery", "gardenia kl", "invoice-no", "7806", "人民币", "币", "合计 gardenia",
     '"bakeries kl"', "nothing or gardenia", "castle bakeries", "gardenia -nothing"],
)  # fmt: skip
def test_what_was_read_is_found(collection, text):
    image = kept(collection, title="Castle")
    texts.work()
    assert listed(collection, text) == {image}


@pytest.mark.parametrize(
    "text", ["ardenia", "gardenia nothing", "币人", "合计元", '"kl bakeries"', "-gardenia", "castle -bakeries"]
)
def test_what_was_not_read_is_not_found(collection, text):
    kept(collection, title="Castle")
    texts.work()
    assert listed(collection, text) == set()


def test_what_counts_is_the_switch_and_who_may_see_it(collection):
    image = kept(collection)
    texts.work()
    assert choice.listing(UserFactory(), filters=ImageFilters(q="gardenia")).count() == 0
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(read_text=False))
    assert (listed(collection, "gardenia"), images.get(image.pk, user=collection.owner).text) == (set(), None)
    assert texts.waiting()
    assert texts.work() is False
    assert not ImageText.objects.exists()
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(read_text=True))
    texts.work()
    assert listed(collection, "gardenia") == {image}


def test_a_picture_that_moves_is_read_where_it_goes(collection):
    image = kept(CollectionFactory(owner=collection.owner))
    Image.objects.filter(pk=image.pk).update(collection=collection)
    texts.work()
    assert listed(collection, "gardenia") == {image}


@pytest.mark.parametrize("data", [b"no picture", None])
def test_what_cannot_be_read_has_no_words_for_good(collection, reader, data):
    image = kept(collection)
    path = files.original(image.sha256)
    path.write_bytes(data) if data else path.unlink()
    texts.work()
    assert (ImageText.objects.get().text, reader) == ("", [])
    assert not texts.waiting()
    assert images.get(image.pk, user=collection.owner).text == ""


def test_a_decoder_without_time_leaves_it_for_the_next_turn(collection, monkeypatch):
    image = kept(collection)

    def busy(*_args, **_options):
        raise Unavailable("busy", code=next(iter(sandbox.PASSING)))

    monkeypatch.setattr(sandbox, "pixels", busy)
    assert texts.work() is False
    assert list(texts.lacking()) == [image]


def test_a_wall_of_words_is_kept_up_to_a_bound(collection, monkeypatch):
    monkeypatch.setattr(texts, "MOST_LETTERS", 40)
    kept(collection)
    texts.work()
    assert ImageText.objects.get().text == "GARDENIA BAKERIES (KL)\nInvoice-No. 7806"


def test_without_the_package_nothing_waits_and_nobody_switches_it_on(collection, monkeypatch):
    kept(collection)
    monkeypatch.setattr(reading, "is_installed", lambda: False)
    assert not texts.waiting()
    other = CollectionFactory()
    with pytest.raises(InvalidInput, match="make extras") as raised:
        collections.edit(other, user=other.owner, changes=CollectionChanges(read_text=True))
    assert (raised.value.code, list(raised.value.fields)) == ("reading_missing", ["read_text"])
    collections.edit(collection, user=collection.owner, changes=CollectionChanges(name="Kept on"))


@pytest.fixture
def gallery(collection):
    """One that says it in its title, one on which it stands, one with both, one with neither."""
    encoder = EncoderFactory(dimension=DIMENSION, trained=True)
    each = [{"title": "Gardenia"}, {"title": "A"}, {"title": "Gardenia loaf"}, {"title": "B"}]
    rows = put(collection, clustered(4, seed=1), encoder=encoder, each=each)
    ImageText.objects.bulk_create([texts.row(rows[1], LINES), texts.row(rows[2], LINES), texts.row(rows[3], [])])
    return rows


def test_a_search_says_how_it_found_words(collection, gallery):
    answer = search.run(SearchRequest(text="gardenia"), user=collection.owner)
    assert {hit.image: hit.found_by for hit in answer.hits} == {
        gallery[0]: ("words",), gallery[2]: ("words", "ocr"), gallery[1]: ("ocr",),
    }  # fmt: skip
    assert [hit.image for hit in answer.hits] == [gallery[2], gallery[0], gallery[1]]
    read = [hit.image for hit in search.run(SearchRequest(text="人民币"), user=collection.owner).hits]
    assert set(read) == {gallery[1], gallery[2]}
    mixed = search.run(SearchRequest(text="loaf 7806"), user=collection.owner).hits
    assert [(hit.image, hit.found_by) for hit in mixed] == [(gallery[2], ("words", "ocr"))]


def test_words_that_were_read_can_be_avoided(collection, gallery):
    found = search.run(SearchRequest(text="gardenia -bakeries"), user=collection.owner).hits
    assert [hit.image for hit in found] == [gallery[0]]
    assert Words.of("gardenia").places([gallery[3].pk]) == {gallery[3].pk: (False, False)}


def test_what_is_read_is_stored_as_numbers_of_few_digits():
    row = texts.row(Image(), [TextLine("a", 1 / 3, 0.0, float(np.float32(0.1)), 1.0, 1.0)])
    assert row.lines == [["a", 0.3333, 0.0, 0.1, 1.0]]
