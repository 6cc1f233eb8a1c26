"""Review: the number in the bar, what of it one sees, and the queries of a batch decided from the page."""

from __future__ import annotations

from uuid import uuid4

import pytest

from retrieval.models import Alert, Batch, BatchRow, CopyDecision, CopyPair, Watch
from tests.factories import CollectionFactory, ImageFactory, UserFactory

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
