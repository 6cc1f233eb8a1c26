"""Review: the number in the bar, what of it one sees, and the queries of a batch decided from the page."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as Pictures

from retrieval import conf, live_encoders
from retrieval.models import Alert, Batch, BatchRow, CopyDecision, CopyPair, Watch
from retrieval.services.copies import batches
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed
from tests.services.test_batches import COLOURS, Colours

pytestmark = pytest.mark.django_db
COUNT = "/review/count/"


@pytest.fixture
def home(db):
    return CollectionFactory()


@pytest.fixture
def client(sees, home):
    return sees(home.owner)


def number(client):
    return client.get(COUNT).content.decode().strip()


def pair(home):
    one, other = sorted(ImageFactory.create_batch(2, collection=home), key=lambda image: image.pk)
    return CopyPair.objects.create(one=one, other=other, verdict="same_image")


def test_the_number_counts_what_waits_and_review_leads_there(client, home):
    assert (number(client), client.get("/review/").url) == ("", "/copies/")
    watch = Watch.objects.create(user=home.owner, name="Like it", asked={})
    said = {"watch": watch, "score": 0.9, "threshold": 0.5, "encoder": "x"}
    image = ImageFactory(collection=home)
    alert = Alert.objects.create(id=uuid4(), image=image, **said)
    Alert.objects.create(id=uuid4(), image=ImageFactory(collection=home), gathered_into=alert.pk, **said)
    Alert.objects.create(id=uuid4(), image=ImageFactory(collection=home), seen=True, **said)
    Alert.objects.create(id=uuid4(), image=ImageFactory(), **said)  # of a collection they see no more
    assert (number(client), client.get("/review/").url) == ("1", "/alerts/")
    decided, _open = pair(home), pair(home)
    CopyDecision.objects.create(one=decided.one, other=decided.other, user=home.owner, decision="different")
    assert (number(client), client.get("/review/").url) == ("2", "/copies/")


def test_copies_wait_for_those_who_may_change_both(client, sees, home):
    pair(CollectionFactory(visibility="public"))
    gone = pair(home)
    gone.one.__class__.objects.filter(pk=gone.one_id).update(deleted_at="2026-01-01T00:00Z")
    assert number(client) == ""
    pair(home)
    assert number(client) == "1"
    assert number(sees(UserFactory())) == ""


def test_the_number_is_bounded_and_asks_little(client, home, django_assert_max_num_queries):
    for _ in range(101):
        pair(home)
    with django_assert_max_num_queries(6):
        assert number(client) == "99+"


def test_the_queries_of_a_batch_are_decided_the_doubtful_first(client, home):
    batch = Batch.objects.create(
        user=home.owner, collection=home, against=[home.pk], name="Mine", source="files", state="done", encoder="x"
    )
    hit = {"image": str(ImageFactory(collection=home).pk), "score": 0.5, "band": None, "probability": None}
    for n in (1, 2, 3):
        BatchRow.objects.create(batch=batch, n=n, name=f"q{n}.png", compared=True, results=[hit], doubt=n / 10)
    assert "Mine" in client.get("/batches/").content.decode()
    page = client.get(f"/batches/{batch.pk}/").content.decode()
    assert page.index("q3.png") < page.index("q1.png")
    told = client.post(f"/batches/{batch.pk}/decide/", {"is-3": "match", "more": "on"}, HTTP_ACCEPT="application/json")
    assert "2 queries are open" in told.json()["said"]
    assert "q3.png" not in told.json()["next"]
    assert BatchRow.objects.get(n=3).decision == "match"
    assert b"q3.png,,match" in b"".join(client.get(f"/batches/{batch.pk}/table/"))
    assert client.post(f"/batches/{batch.pk}/decide/", {"is-x": "match"}).status_code == 400
    assert client.post(f"/batches/{batch.pk}/decide/", {"is-9": "match"}).status_code == 404


def png(colour):
    data = io.BytesIO()
    Pictures.new("RGB", (40, 30), colour).save(data, "PNG")
    return SimpleUploadedFile(f"{colour}.png", data.getvalue())


@pytest.fixture
def encoder(db, monkeypatch, settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(live_encoders, "for_row", lambda row: Colours())
    return EncoderFactory(dimension=3)


@pytest.fixture
def catalogue(home, encoder):
    """Pictures named by their colour."""
    rows = [ImageFactory(collection=home, title=name) for name in COLOURS]
    embed(rows, encoder=encoder, raw=np.array(list(COLOURS.values()), np.float32))
    return home


def test_a_batch_is_asked_from_its_page_by_files_and_by_a_collection(client, sees, catalogue):
    page = client.get("/batches/").content.decode()
    assert (f'value="{catalogue.pk}" checked' in page, 'enctype="multipart/form-data"' in page) == (True, True)
    url = client.post("/batches/", {"against": [catalogue.pk], "file": [png("red"), png("blue")]}).url
    batch = Batch.objects.get()
    assert (batch.source, batch.names, batch.against) == ("files", ["red.png", "blue.png"], [catalogue.pk])
    long_jobs.run(batches.KIND, batch.pk)
    page = client.get(url).content.decode()
    assert (f"{url}queries/1/" in page, "red.png" in page) == (True, True)
    answer = client.get(f"{url}queries/1/")
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/jpeg", "private, no-cache")
    assert Pictures.open(io.BytesIO(answer.content)).size == (40, 30)
    assert client.get(f"{url}queries/3/").status_code == 404
    assert sees(UserFactory(is_superuser=True, is_staff=True)).get(f"{url}queries/1/").status_code == 404
    client.post("/batches/", {"against": [catalogue.pk], "asking": catalogue.pk, "name": "All of it"})
    assert Batch.objects.filter(source="collection", asking=catalogue.pk, name="All of it").exists()


def test_what_cannot_be_asked_is_said_on_the_page_and_nothing_begins(client, catalogue, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, image_bytes=100))
    for said, why in (
        ({"against": [catalogue.pk]}, "one of the two"),
        ({"against": [catalogue.pk], "file": png("red"), "asking": catalogue.pk}, "one of the two"),
        ({"against": [catalogue.pk], "file": SimpleUploadedFile("x.png", b"x" * 101)}, "larger"),
        ({"asking": catalogue.pk}, "required"),
        ({"against": [CollectionFactory().pk], "asking": catalogue.pk}, "valid"),
    ):
        answer = client.post("/batches/", said)
        assert (answer.status_code, why in answer.content.decode()) == (400, True), said
    assert not Batch.objects.exists()
