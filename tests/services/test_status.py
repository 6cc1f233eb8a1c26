"""The state of things as one person may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from retrieval.ingest.protection import FLOOR
from retrieval.models import Embedding, Heartbeat, JobState
from retrieval.services.operations import status
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory, job

pytestmark = pytest.mark.django_db


def test_the_counts_are_of_visible_pictures_by_state():
    encoder = EncoderFactory(dimension=3)
    collection = CollectionFactory()
    ready, failed, _ = ImageFactory.create_batch(3, collection=collection)
    Embedding.objects.create(
        image=ready, encoder=encoder, collection=collection, vector=[1, 0, 0], length=1, centred_length=1
    )
    job(failed, encoder, state=JobState.FAILED, error_code="x")
    ImageFactory()
    overview = status.overview(collection.owner)
    assert overview.images == {"total": 3, "pending": 1, "ready": 1, "failed": 1}
    assert overview.pending == 1
    assert status.overview(UserFactory()).images["total"] == 0


def test_a_worker_is_up_while_its_sign_of_life_is_fresh():
    status.beat("only-here", kind="worker")
    assert status.services()["worker"]
    assert not status.services()["scheduler"]
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=5))
    assert not status.services()["worker"]


def test_the_broker_is_asked(monkeypatch):
    assert status.services()["broker"]
    monkeypatch.setattr(status.broker, "client", lambda: Redis(port=1, socket_connect_timeout=0.2))
    assert not status.services()["broker"]


def test_signs_of_life_are_written_seldom(monkeypatch):
    monkeypatch.setattr(status, "_beaten", {})
    for _ in range(3):
        status.beat("busy", kind="worker")
        Heartbeat.objects.filter(name="busy").update(kind="seen")
    assert Heartbeat.objects.get(name="busy").kind == "seen"
    monkeypatch.setattr(status, "BEAT_EVERY", 0.0)
    status.beat("busy", kind="worker")
    assert Heartbeat.objects.get(name="busy").kind == "worker"


def test_before_the_first_encoder_there_is_a_state_too():
    overview = status.overview(UserFactory())
    assert (overview.encoder, overview.trained, overview.recall, overview.recall_at) == (None, False, None, None)


def test_how_the_decoder_is_kept_apart_is_for_staff():
    assert status.overview(UserFactory()).decoder is None
    found = status.overview(UserFactory(is_staff=True)).decoder
    assert set(found) == {"protected", "held", "guards"}
    assert found["protected"] == all(found["held"][name] for name in FLOOR)
