"""The life of an encoder: building, comparing, switching, rolling back, dropping."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from retrieval import live_encoders
from retrieval.errors import Conflict, Forbidden, NotFound, WeightsError
from retrieval.models import AuditEvent, Embedding, Encoder, EncoderState, JobState
from retrieval.services.encoders import encoders, indexes
from tests.factories import EncoderFactory, ImageFactory, UserFactory, job

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def current():
    return EncoderFactory(dimension=3)


def embed(image, encoder):
    return Embedding.objects.create(
        image=image, encoder=encoder, collection=image.collection, vector=[1, 0, 0], length=1, centred_length=1
    )


def candidate(**fields):
    return EncoderFactory(dimension=3, state=EncoderState.BUILDING, **fields)


def test_only_administrators_change_encoders(current):
    user, other = UserFactory(), candidate()
    for call in (encoders.build, encoders.activate, encoders.drop):
        with pytest.raises(Forbidden):
            call(other, user=user)


def test_there_is_never_a_second_active_encoder(current):
    with pytest.raises(IntegrityError), transaction.atomic():
        EncoderFactory(dimension=3)


def test_an_unknown_encoder_is_not_found():
    with pytest.raises(NotFound):
        encoders.get("0190a0a0-0000-7000-8000-000000000000")


def test_building_begins_once_and_not_for_the_active_one(admin, current):
    other = EncoderFactory(dimension=3, state=EncoderState.DRAFT)
    assert encoders.build(other, user=admin).state == EncoderState.BUILDING
    assert encoders.build(other, user=admin).state == EncoderState.BUILDING
    assert AuditEvent.objects.filter(action="encoder.building").count() == 1
    with pytest.raises(Conflict) as caught:
        encoders.build(current, user=admin)
    assert caught.value.code == "encoder_active"


def test_progress_counts_living_pictures_only():
    other = candidate()
    done, failed, _, deleted = ImageFactory.create_batch(4)
    embed(done, other)
    job(failed, other, state=JobState.FAILED)
    deleted.deleted_at = timezone.now()
    deleted.save()
    progress = encoders.progress(other)
    assert (progress.done, progress.failed, progress.total, progress.complete) == (1, 1, 3, False)


def test_an_encoder_that_is_not_done_is_not_activated(admin, current):
    other = candidate()
    ImageFactory()
    with pytest.raises(Conflict) as caught:
        encoders.activate(other, user=admin)
    assert caught.value.code == "encoder_incomplete"
    assert Encoder.objects.active() == current


def test_a_switch_is_one_commit_and_leaves_a_trail(admin, current):
    other = candidate()
    embed(ImageFactory(), other)
    encoders.activate(other, user=admin)
    current.refresh_from_db()
    assert Encoder.objects.active() == other
    assert current.state == EncoderState.RETIRED
    assert current.retired_at is not None
    assert AuditEvent.objects.get(action="encoder.activated").detail["before"] == current.name


def test_going_back_needs_no_building(admin, current):
    other = candidate()
    embed(ImageFactory(), other)
    encoders.activate(other, user=admin)
    current.refresh_from_db()
    encoders.activate(current, user=admin)
    assert Encoder.objects.active() == current


def test_activating_the_active_one_changes_nothing(admin, current):
    encoders.activate(current, user=admin)
    assert not AuditEvent.objects.filter(action__startswith="encoder.").exists()


@pytest.mark.parametrize(
    ("new", "old", "refused"),
    [
        ({"pets": {"map": 0.70, "digest": "a"}}, {"pets": {"map": 0.80, "digest": "a"}}, True),
        ({"pets": {"map": 0.798, "digest": "a"}}, {"pets": {"map": 0.80, "digest": "a"}}, False),
        ({"pets": {"map": 0.70, "digest": "b"}}, {"pets": {"map": 0.80, "digest": "a"}}, False),
        ({}, {"pets": {"map": 0.80, "digest": "a"}}, False),
        ({"pets": {"map": 0.90, "digest": "a"}}, {"pets": {"map": 0.80, "digest": "a"}}, False),
    ],
)
def test_a_worse_scorecard_is_refused(admin, current, new, old, refused):
    current.scores = old
    current.save()
    other = candidate(scores=new)
    if not refused:
        assert encoders.activate(other, user=admin).state == EncoderState.ACTIVE
        return
    with pytest.raises(Conflict) as caught:
        encoders.activate(other, user=admin)
    assert caught.value.code == "encoder_worse"
    assert "0.7000" in caught.value.message


def test_a_reason_overrides_the_scorecard_and_is_kept(admin, current):
    current.scores = {"pets": {"map": 0.8, "digest": "a"}}
    current.save()
    other = candidate(scores={"pets": {"map": 0.1, "digest": "a"}})
    encoders.activate(other, user=admin, force_reason="Ten times quicker")
    assert Encoder.objects.active().note == "Ten times quicker"


def test_the_active_encoder_is_not_dropped_and_another_goes_with_its_vectors(admin, current):
    with pytest.raises(Conflict):
        encoders.drop(current, user=admin)
    other = candidate()
    embed(ImageFactory(), other)
    encoders.drop(other, user=admin)
    assert not Embedding.objects.exists()
    assert not Encoder.objects.filter(pk=other.pk).exists()


def test_a_retired_encoder_is_kept_for_a_time_and_then_dropped(current):
    fresh = EncoderFactory(dimension=3, state=EncoderState.RETIRED, retired_at=timezone.now())
    EncoderFactory(dimension=3, state=EncoderState.RETIRED, retired_at=timezone.now() - timedelta(days=40))
    assert encoders.drop_expired() == 1
    assert set(Encoder.objects.all()) == {current, fresh}


def test_a_switch_loads_the_encoder_first(admin, current, monkeypatch):
    other, loaded = candidate(trained=True), []
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)

    def load(row):
        loaded.append((row, Encoder.objects.active()))

    monkeypatch.setattr(live_encoders, "for_row", load)
    encoders.activate(other, user=admin)
    assert loaded == [(other, current)]


def test_weights_that_are_gone_change_nothing(admin, current, monkeypatch):
    spec = {"backbone": "resnet18", "projection": "linear", "dimension": 3}
    other = candidate(trained=True, spec=spec, weights_name="gone.safetensors", weights_sha256="0" * 64)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    with pytest.raises(WeightsError):
        encoders.activate(other, user=admin)
    assert Encoder.objects.active() == current
