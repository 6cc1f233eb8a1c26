"""Watches: what fires in the commit that makes a picture ready, for whom, once; the past; what a webhook is sent."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.ingest import fetch
from retrieval.models import Alert, AuditEvent, Delivery, Membership, Watch, Way
from retrieval.search import vectors
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import Clicks
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import alerts, deliveries, trying, watches
from retrieval.services.watching.alerts import AlertFilters
from retrieval.services.watching.deliveries import Answered
from retrieval.services.watching.notify import Notify
from retrieval.services.watching.watches import Least, WatchRequest
from retrieval.work import ledger, watching
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import put

pytestmark = pytest.mark.django_db

RAW = np.eye(4, dtype=np.float32) + 0.01
HOOK = Notify(webhook="https://example.org/hook")
SILENT = Notify()
SURE = Least(score=0.9)


@pytest.fixture
def encoder(db):
    return EncoderFactory(dimension=4)


@pytest.fixture
def library(encoder):
    collection = CollectionFactory(visibility="shared")
    return collection, put(collection, RAW, encoder=encoder)


def watch(image, *, person=None, notify=SILENT, active=True, least=0.9, **search):
    asked = SearchRequest(images=(image.pk,), **search)
    request = WatchRequest("Like it", asked, Least(score=least), notify, active)
    return watches.create(request, user=person or image.uploader)


def arrives(collection, raw, *, encoder, **fields):
    """A picture becomes ready, as a worker has it."""
    image = ImageFactory(collection=collection, **fields)
    claim = ledger.begin(encoder, [image.pk])
    assert ledger.finish(claim, dict(zip([image.pk], vectors.one_by_one(np.atleast_2d(raw)), strict=True))) == 1
    return image


def test_a_picture_that_is_near_enough_fires_once_with_what_it_fired_by(library, encoder):
    collection, images = library
    row = watch(images[0])
    near = arrives(collection, RAW[0], encoder=encoder)
    arrives(collection, RAW[1], encoder=encoder)
    alert = Alert.objects.get()
    assert (alert.watch, alert.image, alert.encoder, alert.threshold) == (row, near, encoder.name, 0.9)
    assert alert.score > 0.99
    assert watching.write(encoder, [watching.Fired(row.pk, near.pk, 1.0)]) == 0
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("change", [{"active": False}, {"least": Least(score=1.0)}])
def test_a_change_is_known_to_the_next_picture(library, encoder, change):
    collection, images = library
    row = watch(images[0])
    arrives(collection, RAW[0] + RAW[1] / 4, encoder=encoder)
    watches.change(row.pk, change, user=collection.owner)
    arrives(collection, RAW[0] + RAW[1] / 4, encoder=encoder)
    assert Alert.objects.count() == 1


@pytest.mark.parametrize(
    ("search", "fields", "fires"),
    [
        ({"tags": ("red",)}, {"tags": ["red", "round"]}, True),
        ({"tags": ("red",)}, {"tags": ["round"]}, False),
        ({"group_key": "a"}, {"group_key": "a"}, True),
        ({"group_key": "a"}, {"group_key": "b"}, False),
        ({"collections": ()}, {}, False),
    ],
)
def test_filters_are_asked_of_each_picture(library, encoder, search, fields, fires):
    collection, images = library
    watch(images[0], **search)
    arrives(collection, RAW[0], encoder=encoder, **fields)
    assert Alert.objects.exists() is fires


def test_nobody_is_told_of_a_picture_that_they_may_not_see(library, encoder):
    collection, images = library
    member = UserFactory()
    role = Membership.objects.create(collection=collection, user=member, role="viewer")
    watch(images[0], person=member)
    arrives(CollectionFactory(), RAW[0], encoder=encoder)
    assert not Alert.objects.exists()
    arrives(collection, RAW[0], encoder=encoder)
    assert alerts.unseen(member) == 1
    role.delete()
    assert alerts.unseen(member) == 0
    arrives(collection, RAW[0], encoder=encoder)
    assert Alert.objects.count() == 1


def test_a_closed_account_is_told_nothing(library, encoder):
    collection, images = library
    watch(images[0])
    collection.owner.is_active = False
    collection.owner.save()
    arrives(collection, RAW[0], encoder=encoder)
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    "broken", [{"direction": b"abc"}, {"direction": b"\xff" * 16}, {"asked": []}, {"asked": {"tags": 3}}]
)
def test_a_broken_watch_keeps_no_picture_and_no_other_watch_from_anything(library, encoder, broken):
    collection, images = library
    good, bad = watch(images[0]), watch(images[0])
    Watch.objects.filter(pk=bad.pk).update(**broken, version=1)
    image = arrives(collection, RAW[0], encoder=encoder)
    assert image.embeddings.exists()
    assert [alert.watch for alert in Alert.objects.all()] == [good]


def test_a_picture_deleted_on_its_way_fires_nothing(library, encoder):
    collection, images = library
    watch(images[0])
    arrives(collection, RAW[0], encoder=encoder, deleted_at=timezone.now())
    assert not Alert.objects.exists()


def test_repeats_are_counted_with_the_first(library, encoder):
    collection, images = library
    row = watch(images[0], notify=Notify(webhook=HOOK.webhook, gather=timedelta(hours=1)))
    for _ in range(3):
        arrives(collection, RAW[0], encoder=encoder)
    (only,) = alerts.listing(collection.owner)
    assert (only.repeats, Alert.objects.filter(watch=row).count(), Delivery.objects.count()) == (2, 3, 1)
    Alert.objects.update(fired_at=timezone.now() - timedelta(hours=2))
    arrives(collection, RAW[0], encoder=encoder)
    assert alerts.listing(collection.owner).count() == 2


def test_alerts_are_marked_by_their_person_alone(library, encoder):
    collection, images = library
    watch(images[0])
    arrives(collection, RAW[0], encoder=encoder)
    row = alerts.mark(Alert.objects.get().pk, user=collection.owner, seen=True, verdict="wrong")
    assert (row.seen, row.verdict) == (True, "wrong")
    assert not alerts.listing(collection.owner, filters=AlertFilters(seen=False))
    with pytest.raises(InvalidInput):
        alerts.mark(row.pk, user=collection.owner, verdict="maybe")
    stranger = UserFactory(is_staff=True, is_superuser=True)
    for act in (
        lambda: alerts.mark(row.pk, user=stranger, seen=False),
        lambda: watches.get(row.watch_id, user=stranger),
        lambda: watches.remove(row.watch_id, user=stranger),
        lambda: trying.tried(row.watch_id, user=stranger),
        lambda: trying.ask_backfill(row.watch_id, user=stranger),
        lambda: deliveries.test(row.watch_id, user=stranger),
    ):
        with pytest.raises(NotFound):
            act()


def test_the_past_is_tried_and_nothing_fires(library, encoder):
    collection, images = library
    put(collection, np.stack([RAW[0], RAW[0] + RAW[1], RAW[1]]), encoder=encoder)
    trial = trying.tried(watch(images[0], least=0.6).pk, user=collection.owner)
    assert [found.score > 0.99 for found in trial.results] == [True, False]
    assert (trial.fired, trial.threshold, trial.at_least) == (2, 0.6, False)
    assert {step.threshold: step.fired for step in trial.steps}[0.9] == 1
    later = trying.tried(Watch.objects.get().pk, user=collection.owner, since=timezone.now())
    assert later.fired == 0
    assert not Alert.objects.exists()


def test_older_pictures_are_looked_at_on_request_batch_by_batch(library, encoder, monkeypatch):
    collection, images = library
    old = put(collection, np.stack([RAW[0]] * 5), encoder=encoder)
    row = watch(images[0])
    assert not trying.waiting()
    trying.ask_backfill(row.pk, user=collection.owner)
    monkeypatch.setattr(trying, "BATCH", 2)
    assert not trying.backfill()
    assert set(Alert.objects.values_list("image_id", flat=True)) == {image.pk for image in old}
    trying.ask_backfill(row.pk, user=collection.owner)
    assert not trying.backfill()
    assert Alert.objects.count() == 5


def test_another_encoder_is_fitted_by_itself_and_what_cannot_be_says_why(library, encoder):
    collection, images = library
    kept, lost = watch(images[0]), watch(images[1])
    encoder.state = "retired"
    encoder.save()
    other = EncoderFactory(dimension=4)
    put(collection, RAW[:1], encoder=other)
    images[0].embeddings.create(encoder=other, collection=collection, vector=[0, 0, 0, 1], length=1, centred_length=1)
    early = arrives(collection, np.array([0, 0, 0, 1], np.float32), encoder=other)
    assert not Alert.objects.exists()
    assert watches.refresh() == 2
    assert Alert.objects.get().image == early
    kept.refresh_from_db()
    lost.refresh_from_db()
    assert (kept.encoder, kept.trouble) == (other, "")
    assert (lost.direction, lost.trouble) == (None, "image_pending")
    assert watches.refresh() == 0
    near = arrives(collection, np.array([0, 0, 0, 1], np.float32), encoder=other)
    assert {alert.image for alert in Alert.objects.all()} == {early, near}


def test_a_watch_is_for_a_concept_or_for_something_else(library):
    collection, images = library
    taught = concepts.create("Hat", Clicks([images[0].pk], [images[1].pk]), user=collection.owner)
    asked = SearchRequest(images=(images[2].pk,), concept=taught.pk)
    with pytest.raises(InvalidInput) as caught:
        watches.create(WatchRequest("Both", asked, Least(score=0.5)), user=collection.owner)
    assert "concept" in caught.value.fields


def test_a_concept_that_is_taught_more_is_watched_for_as_it_is_now(library, encoder):
    collection, images = library
    taught = concepts.create("Hat", Clicks([images[0].pk], [images[1].pk]), user=collection.owner)
    row = watches.create(WatchRequest("Hats", SearchRequest(concept=taught.pk)), user=collection.owner)
    before = bytes(row.direction)
    assert watches.refresh() == 0
    concepts.teach(taught.pk, Clicks([images[2].pk]), user=collection.owner)
    assert watches.refresh() == 1
    assert bytes(Watch.objects.get().direction) != before


def of(least=SURE, notify=SILENT, name="x", **search):
    """What makes a request for a picture."""
    return lambda pk: WatchRequest(name, SearchRequest(**({"images": (pk,)} | search)), least, notify)


@pytest.mark.parametrize(
    ("field", "request_"),
    [
        ("min_score", of(Least())),
        ("min_score", of(Least(probability=0.5))),
        ("min_score", of(Least(score=2))),
        ("min_score", of(Least("alike", score=0.5))),
        ("min_band", of(Least("weak"))),
        ("name", of(name=" ")),
        ("mode", of(mode="same")),
        ("exclude_group", of(exclude_group=True)),
        ("text", of(text="hat", images=())),
        ("text", of(text="hat")),
        ("negatives", of(negative_words=("hat",))),
        ("notify", of(notify=Notify(quiet_from=time(1)))),
        ("url", of(notify=Notify(webhook="ftp://x"))),
    ],
)
def test_what_cannot_be_watched_for_is_refused(library, field, request_):
    with pytest.raises(InvalidInput) as caught:
        watches.create(request_(library[1][0].pk), user=library[0].owner)
    assert list(caught.value.fields) == [field]


@pytest.fixture
def receiver(monkeypatch):
    """What a webhook gets, and what it answers: statuses in turn, the last for ever."""
    got, answers = [], [204]

    def post(url, body, *, headers, rules):
        got.append((url, body, headers[deliveries.HEADER]))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(fetch, "post", post)
    return got, answers


@pytest.fixture
def fired(library, encoder):
    collection, images = library
    row = watch(images[0], notify=HOOK)
    arrives(collection, RAW[0], encoder=encoder)
    return row


def test_an_alert_is_sent_signed_and_once_it_is_taken_no_more(fired, receiver):
    got, _ = receiver
    assert not deliveries.send_due(Way.WEBHOOK)
    assert not deliveries.send_due(Way.WEBHOOK)
    ((url, body, header),) = got
    at, signed = (part.partition("=")[2] for part in header.split(","))
    assert signed == hmac.new(fired.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    said = json.loads(body)
    assert (url, said["id"], said["watch"]) == (fired.webhook, str(Alert.objects.get().pk), str(fired.pk))
    assert Delivery.objects.get().state == "sent"


@pytest.mark.parametrize("answer", [500, 301, InvalidInput.of("url", "gone", code="url_unreachable")])
def test_a_receiver_that_fails_is_tried_again_with_growing_gaps_then_given_up(fired, receiver, answer):
    got, answers = receiver
    answers[:] = [answer]
    gaps = []
    for _ in range(deliveries.MOST_ATTEMPTS + 1):
        deliveries.send_due(Way.WEBHOOK)
        row = Delivery.objects.get()
        gaps.append(row.due_at - timezone.now())
        Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    assert len(got) == deliveries.MOST_ATTEMPTS
    assert gaps[0] < gaps[1] < gaps[2] <= deliveries.LONGEST_WAIT
    assert (row.state, row.error) == ("dead", f"http_{answer}" if isinstance(answer, int) else "url_unreachable")


def test_while_fetching_is_off_nothing_is_sent_and_nothing_lost(fired, receiver, settings):
    got, _ = receiver
    usual = settings.IMAGESEARCH
    settings.IMAGESEARCH = replace(usual, fetch=False)
    deliveries.send_due(Way.WEBHOOK)
    row = Delivery.objects.get()
    assert (got, row.state, row.error) == ([], "waiting", "fetching_off")
    settings.IMAGESEARCH = usual
    Delivery.objects.update(due_at=timezone.now())
    deliveries.send_due(Way.WEBHOOK)
    assert (len(got), Delivery.objects.get().state) == (1, "sent")


def test_one_that_fails_holds_nobody_elses_up(fired, library, encoder, receiver):
    collection, images = library
    got, answers = receiver
    answers[:] = [500, 204]
    arrives(collection, RAW[0], encoder=encoder)
    watch(images[1], notify=Notify(webhook="https://example.org/other"))
    arrives(collection, RAW[1], encoder=encoder)
    deliveries.send_due(Way.WEBHOOK)
    assert [url.rsplit("/", 1)[1] for url, *_ in got] == ["hook", "other"]


def test_of_a_picture_that_is_hidden_meanwhile_nothing_is_sent(fired, receiver):
    Alert.objects.get().image.collection.images.update(deleted_at=timezone.now())
    deliveries.send_due(Way.WEBHOOK)
    assert (receiver[0], Delivery.objects.get().state) == ([], "dead")


@pytest.mark.parametrize(
    ("start", "end", "at", "until"),
    [
        (time(22), time(7), datetime(2026, 1, 1, 23, tzinfo=UTC), datetime(2026, 1, 2, 7, tzinfo=UTC)),
        (time(22), time(7), datetime(2026, 1, 1, 3, tzinfo=UTC), datetime(2026, 1, 1, 7, tzinfo=UTC)),
        (time(22), time(7), datetime(2026, 1, 1, 12, tzinfo=UTC), None),
        (time(9), time(17), datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 17, tzinfo=UTC)),
        (time(9), time(17), datetime(2026, 1, 1, 17, tzinfo=UTC), None),
    ],
)
def test_quiet_hours_hold_back_until_they_end(start, end, at, until):
    assert deliveries._held_back(Watch(quiet_from=start, quiet_until=end), Way.MAIL, now=at) == until


def test_no_more_than_so_many_are_sent_in_an_hour_and_none_is_lost(library, encoder, receiver):
    collection, images = library
    watch(images[0], notify=Notify(webhook=HOOK.webhook, most_an_hour=2))
    for _ in range(3):
        arrives(collection, RAW[0], encoder=encoder)
    deliveries.send_due(Way.WEBHOOK)
    assert len(receiver[0]) == 2
    Delivery.objects.filter(state="sent").update(sent_at=timezone.now() - timedelta(hours=1, seconds=1))
    Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    deliveries.send_due(Way.WEBHOOK)
    assert len(receiver[0]) == 3


def test_the_test_button_sends_what_is_no_alert(fired, receiver):
    assert deliveries.test(fired.pk, user=fired.user) == Answered(status=204)
    assert json.loads(receiver[0][0][1]) == {"test": True, "watch": str(fired.pk)}


def test_made_changed_and_removed_it_is_on_the_trail_and_its_alerts_go_with_it(fired):
    watches.change(fired.pk, {"name": "Other"}, user=fired.user)
    watches.remove(fired.pk, user=fired.user)
    assert not Alert.objects.exists()
    trail = AuditEvent.objects.filter(kind="watch").order_by("at")
    assert [event.action for event in trail] == ["watch.create", "watch.change", "watch.remove"]


def test_a_watch_that_is_gone_at_this_moment_takes_no_picture_with_it(library, encoder):
    assert watching.write(encoder, [watching.Fired(uuid4(), library[1][0].pk, 1.0)]) == 0
