"""Watches and alerts on pages: kept off from a search, tried, set, switched on, looked back with; alerts judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from uuid import uuid4

import pytest
from django.core import mail

from retrieval.ingest import fetch
from retrieval.models import Alert, Delivery, Watch
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import watches
from retrieval.services.watching.watches import Least, WatchRequest
from tests.search.rows import thirty

pytestmark = pytest.mark.django_db
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def library(db):
    return thirty()


@pytest.fixture
def client(sees, library):
    return sees(library[0])


@pytest.fixture
def watch(library):
    person, images = library
    return watches.create(WatchRequest("Like it", SearchRequest(images=(images[0].pk,)), Least(score=-1)), user=person)


def fired(watch, image):
    return Alert.objects.create(id=uuid4(), watch=watch, image=image, score=0.9, threshold=-1, encoder="x")


def test_a_watch_begins_off_and_says_what_it_would_have_found(client, library):
    _, images = library
    assert 'action="/watches/"' in client.get(f"/pictures/{images[0].pk}/").content.decode()
    said = {"name": "Like it", "image": str(images[0].pk), "tag": "", "collection": str(images[0].collection_id)}
    url = client.post("/watches/", said).url
    row = Watch.objects.get()
    assert (row.active, row.asked["collections"]) == (False, [str(images[0].collection_id)])
    page = client.get(url).content.decode()
    assert "would have fired 10 times" in page  # nothing is calibrated here: from the tenth nearest on
    client.post(f"{url}change/", {"least": "0.1"})
    client.post(f"{url}change/", {"active": "on"})
    client.post(f"{url}change/", {"name": "Other"})
    client.post(f"{url}back/")
    row.refresh_from_db()
    assert (row.active, row.min_score, row.name) == (True, 0.1, "Other")
    assert row.backfill_from is not None
    assert "Other" in client.get("/watches/").content.decode()
    client.post(f"{url}remove/")
    assert not Watch.objects.exists()


def test_what_cannot_be_watched_is_refused(client, library):
    for said in ({"image": "x"}, {}, {"image": str(library[1][0].pk), "varied": "on"}):
        assert client.post("/watches/", {"name": "Like it", **said}).status_code == 400
    assert not Watch.objects.exists()


def test_alerts_wait_until_they_are_judged_or_seen(client, library, watch):
    one, two, three = (fired(watch, image) for image in library[1][1:4])
    page = client.get("/alerts/").content.decode()
    assert all(text in page for text in (library[1][1].title, "Like it", "0.90", "3 wait for you"))
    told = client.post("/alerts/mark/", {f"is-{one.pk}": "wrong"}, **JSON).json()
    assert ("2 wait for you" in told["said"], told["next"]) == (True, "")
    told = client.post("/alerts/mark/", {f"is-{two.pk}": "seen", "more": "on"}, **JSON).json()
    assert (str(three.pk) in told["next"], str(one.pk) in told["next"]) == (True, False)
    one.refresh_from_db()
    assert (one.seen, one.verdict) == (True, "wrong")
    client.post("/alerts/see/", {"watch": str(watch.pk)})
    assert "Nothing waits" in client.get("/alerts/").content.decode()
    assert str(one.pk) in client.get("/alerts/", {"all": "on", "watch": str(watch.pk)}).content.decode()


def test_how_alerts_are_told_is_set_on_the_page_of_the_watch(client, watch, settings, monkeypatch):
    page = client.get(f"/watches/{watch.pk}/").content.decode()
    assert ("No mail server is set here." in page, "Send a test" in page) == (True, False)
    refused = client.post(f"/watches/{watch.pk}/notify/", {"mail": "daily", "gather": "600"}, follow=True)
    assert "No mail server is set here." in refused.content.decode()
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, mail_from="site@example.org")
    assert "This account has no address of mail" in client.get(f"/watches/{watch.pk}/").content.decode()
    type(watch.user).objects.filter(pk=watch.user_id).update(email="ada@example.org")
    said = {"mail": "daily", "gather": "600", "most_an_hour": "5", "quiet_from": "22:00", "quiet_until": "06:30"}
    client.post(f"/watches/{watch.pk}/notify/", {**said, "webhook": "https://example.org/hook"})
    watch.refresh_from_db()
    assert (watch.mail, watch.gather, watch.most_an_hour) == ("daily", timedelta(minutes=10), 5)
    assert (watch.quiet_from, watch.quiet_until, watch.webhook) == (time(22), time(6, 30), "https://example.org/hook")
    page = client.get(f"/watches/{watch.pk}/").content.decode()
    shown = ("ada@example.org", '<option value="daily" selected>', '<option value="600" selected>', 'value="22:00"')
    assert all(text in page for text in (*shown, watch.secret))
    monkeypatch.setattr(fetch, "post", lambda *_, **__: 204)
    told = client.post(f"/watches/{watch.pk}/test/", follow=True).content.decode()
    assert all(text in told for text in ("The webhook answered 204.", "A mail is on its way to ada@example.org."))
    assert len(mail.outbox) == 1


def test_the_page_says_what_could_not_be_sent(client, library, watch):
    for error, state in (("http_500", "dead"), ("mail_unreachable", "waiting")):
        alert = fired(watch, library[1][1])
        Delivery.objects.create(alert=alert, state=state, error=error)
        page = client.get(f"/watches/{watch.pk}/").content.decode()
    assert "1 alert waits to be sent. 1 was given up after many tries." in page
    assert "The mail server takes no mail just now." in page


def test_nobody_elses_alerts_are_marked(sees, stranger, library, watch):
    alert = fired(watch, library[1][1])
    other = sees(stranger)
    assert other.post("/alerts/mark/", {f"is-{alert.pk}": "wrong"}).status_code == 404
    other.post("/alerts/see/")
    alert.refresh_from_db()
    assert not alert.seen
