"""Receipts: what they say, that an altered one is noticed, whose they are, and what running one again tells."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.core.management import CommandError, call_command

from retrieval.errors import Conflict, InvalidInput, NotFound
from retrieval.models import AuditEvent, Receipt
from retrieval.services.searching import receipts, search
from retrieval.services.searching.search import Region, SearchRequest
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import clustered, put

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    encoder, collection = EncoderFactory(dimension=8, weights_sha256="c" * 64), CollectionFactory()
    return collection, put(collection, clustered(20, seed=51), encoder=encoder), encoder


@pytest.fixture
def kept(world):
    collection, images, _ = world
    request = SearchRequest(images=(images[0].pk,), k=5, tags=(), exclude=(images[0].pk,))
    return receipts.searched(request, user=collection.owner)


def test_it_says_what_was_asked_by_what_and_what_was_found(world, kept):
    collection, images, encoder = world
    answer, row = kept
    said = Receipt.objects.get().document
    assert answer.receipt == row.pk
    assert (said["person"], said["measure"], said["exact"], said["candidates"]) == (
        collection.owner.username, "cosine", True, 19,
    )  # fmt: skip
    assert said["query"] == {"kind": "image", "files": [], "images": {str(images[0].pk): images[0].sha256}}
    assert said["encoder"] == {"name": encoder.name, "weights_sha256": "c" * 64}
    assert (said["calibration"], said["index"]) == (None, None)
    assert (said["asked"]["k"], said["asked"]["exclude"]) == (5, [str(images[0].pk)])
    assert [(hit["rank"], hit["image"], hit["distance"]) for hit in said["hits"]] == [
        (hit.rank, str(hit.image.pk), hit.distance) for hit in answer.hits
    ]


def test_of_a_file_the_digest_is_kept_and_no_byte(world, monkeypatch):
    collection, images, _ = world
    data = b"a picture"
    real = search.run

    def without_the_file(request, **named):
        assert request.file == data
        return real(SearchRequest(images=(images[0].pk,)), **named)

    monkeypatch.setattr(search, "run", without_the_file)
    _, row = receipts.searched(SearchRequest(file=data, region=Region(0, 0, 0.5, 1)), user=collection.owner)
    assert row.document["query"]["files"] == [hashlib.sha256(data).hexdigest()]
    assert "a picture" not in json.dumps(row.document)
    assert row.document["asked"]["region"] == {"x": 0, "y": 0, "w": 0.5, "h": 1}
    assert receipts.repeat(row.pk, user=collection.owner, files=[data]).none
    for others in ([], [b"another"], [data, data]):
        with pytest.raises(InvalidInput):
            receipts.repeat(row.pk, user=collection.owner, files=others)


@pytest.fixture
def file(kept, tmp_path):
    row = Receipt.objects.get()
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps({"id": str(row.pk), "document": row.document, "signature": row.signature}))
    return path


def test_an_unaltered_file_is_proved(file, capsys):
    call_command("verify_receipt", file)
    assert capsys.readouterr().out.startswith("Unaltered: ")


@pytest.mark.parametrize(
    "alter",
    [
        lambda said: said["document"]["hits"][0].update(distance=0.0),
        lambda said: said["document"].update(person="somebody"),
        lambda said: said["document"].update(more=1),
        lambda said: said["document"]["hits"].pop(),
        lambda said: said.update(signature="0" * 64),
    ],
)
def test_an_altered_file_is_refused(file, alter):
    said = json.loads(file.read_text())
    alter(said)
    file.write_text(json.dumps(said))
    with pytest.raises(CommandError, match="Altered"):
        call_command("verify_receipt", file)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"document": {}, "signature": "x"}'])
def test_what_is_no_receipt_is_said_to_be_none(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(CommandError, match="no receipt"):
        call_command("verify_receipt", path)


def test_another_secret_signs_otherwise(kept, settings):
    row = Receipt.objects.get()
    assert receipts.is_unaltered(row.document, row.signature)
    settings.SECRET_KEY = "another"
    assert not receipts.is_unaltered(row.document, row.signature)


def test_run_again_it_says_what_changed(world, kept):
    collection, _, encoder = world
    row = Receipt.objects.get()
    assert receipts.repeat(row.pk, user=collection.owner).none
    first = kept[0].hits[0].image
    first.embeddings.update(collection=None)
    encoder.weights_sha256 = "d" * 64
    encoder.save()
    changes = receipts.repeat(row.pk, user=collection.owner)
    assert changes.gone == [first.pk]
    assert len(changes.new) == 1
    assert changes.moved[kept[0].hits[1].image.pk] == (2, 1)
    assert changes.settings["candidates"] == (19, 18)
    assert changes.settings["encoder"][1]["weights_sha256"] == "d" * 64


def test_an_altered_row_is_not_run_again(world, kept):
    row = Receipt.objects.get()
    row.document["hits"].pop()
    row.save()
    with pytest.raises(Conflict) as caught:
        receipts.repeat(row.pk, user=world[0].owner)
    assert caught.value.code == "receipt_altered"


def test_it_is_its_persons_alone_and_on_the_trail(world, kept):
    row, stranger = kept[1], UserFactory(is_staff=True, is_superuser=True)
    for act in (receipts.get, receipts.remove, receipts.repeat):
        with pytest.raises(NotFound):
            act(row.pk, user=stranger)
    assert not receipts.listing(stranger)
    receipts.remove(row.pk, user=world[0].owner)
    assert not Receipt.objects.exists()
    assert [event.action for event in AuditEvent.objects.filter(kind="receipt").order_by("at")] == [
        "receipt.keep",
        "receipt.remove",
    ]


def test_it_goes_with_its_person(world, kept):
    Receipt.objects.update(user=UserFactory())
    Receipt.objects.get().user.delete()
    assert not Receipt.objects.exists()
