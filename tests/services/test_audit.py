"""The audit finds each kind of damage, and nothing in a sound system; the repair mends what is safe."""

from __future__ import annotations

import io
import json
import os
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection

from retrieval import conf, encoders
from retrieval.ingest import files
from retrieval.models import (
    ArchiveImport,
    Embedding,
    EmbeddingCount,
    EmbeddingJob,
    Encoder,
    Image,
    JobEvent,
    JobState,
    UserUsage,
)
from retrieval.search import indexes as room
from retrieval.services import audit, images, indexes, jobs
from tests.factories import CollectionFactory, EncoderFactory
from tests.powers import as_operator
from tests.search.rows import index
from tests.services.test_jobs import ColourEncoder, png

pytestmark = pytest.mark.django_db


@pytest.fixture
def sound(monkeypatch):
    """Three ready pictures."""
    EncoderFactory(dimension=3)
    monkeypatch.setattr(encoders, "for_row", lambda row: ColourEncoder())
    collection = CollectionFactory()
    for number in range(3):
        upload = images.Upload(io.BytesIO(png((number, 50, 90))), f"{number}.png")
        images.add(upload, user=collection.owner, collection=collection)
    jobs.embed()
    return Image.objects.order_by("pk").first()


def codes():
    return {finding.code for check in audit.checks() for finding in check.run()}


def aged(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def test_a_sound_system_has_no_findings(sound):
    assert codes() == set()


def test_reading_every_picture_shows_how_far_it_is(sound):
    seen = []
    for check in audit.checks(progress=lambda *step: seen.append(step)):
        list(check.run())
    assert seen == [("pictures", 1, 3), ("pictures", 2, 3), ("pictures", 3, 3)]


def break_no_work(image):
    Embedding.objects.filter(image=image).delete()
    EmbeddingJob.objects.filter(image=image).delete()


def break_vector_missing(image):
    Embedding.objects.filter(image=image).delete()


def break_dead_lease(image):
    Embedding.objects.filter(image=image).delete()
    EmbeddingJob.objects.filter(image=image).update(state=JobState.RUNNING, lease_until="2020-01-01T00:00:00Z")


def break_failed_without_reason(image):
    Embedding.objects.filter(image=image).delete()
    EmbeddingJob.objects.filter(image=image).update(state=JobState.FAILED)


def break_vector(image):
    Embedding.objects.filter(image=image).update(vector=np.array([3.0, 0.0, 0.0]))


def break_original(image):
    files.original(image.sha256).write_bytes(b"something else")


def break_event(image):
    event = JobEvent.objects.filter(image=image, kind="done").get()
    JobEvent.objects.create(
        image=image, encoder_id=event.encoder_id, lease_token=uuid.uuid4(), kind="done",
        round=event.round, attempt=1, worker="x",
    )  # fmt: skip


@pytest.fixture
def indexed(sound, settings):
    """The same pictures, enough of them for an index, which is there."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=2)
    index(Encoder.objects.active())
    return Encoder.objects.active()


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def spoil(name, column="indisvalid"):
    """Mark an index as a killed build leaves it."""
    as_operator(f"UPDATE pg_index SET {column} = false WHERE indexrelid = '{name}'::regclass")


def beside(encoder):
    """What a broken rebuild leaves: an index of the same kind under another name."""
    name = room.name_of(encoder.pk) + "_ccnew"
    run(room.statement(encoder).replace(" CONCURRENTLY", "").replace(room.name_of(encoder.pk), name))
    spoil(name)
    return name


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (indexes.drop, "index_missing"),
        (lambda encoder: spoil(room.name_of(encoder.pk)), "index_invalid"),
        (lambda encoder: spoil(room.name_of(encoder.pk), "indisready"), "index_invalid"),
        (beside, "index_invalid"),
        (lambda encoder: spoil("image_tags"), "index_invalid"),
    ],
)
def test_each_damage_of_an_index_is_found_and_mended(indexed, damage, code, monkeypatch):
    assert codes() == set()
    damage(indexed)
    assert codes() == {code}
    monkeypatch.setattr(room, "build", lambda encoder, rows: (room.drop(encoder.pk), index(encoder)))
    audit.repair([finding for check in audit.checks() for finding in check.run()])
    assert codes() == set()


def test_a_half_built_index_is_named_once_whatever_its_table(indexed):
    spoil(room.name_of(indexed.pk))
    spoil("image_tags")
    found = [finding.subject for check in audit.checks() for finding in check.run()]
    assert found == [room.name_of(indexed.pk), "image_tags"]


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (break_no_work, "no_work"),
        (break_dead_lease, "no_work"),
        (break_failed_without_reason, "no_work"),
        (break_vector_missing, "vector_missing"),
        (break_vector, "vector_unsound"),
        (break_original, "original_changed"),
        (lambda image: files.original(image.sha256).unlink(), "original_missing"),
        (lambda image: files.thumbnail(image.pk, image.sha256, size=320).unlink(), "thumbnail_missing"),
        (lambda image: Image.objects.filter(pk=image.pk).update(deleted_at="2026-01-01T00:00:00Z"), "vector_visible"),
        (break_event, "committed_twice"),
        (lambda image: UserUsage.objects.update(images=99), "usage_wrong"),
        (lambda image: EmbeddingCount.objects.update(images=99), "count_wrong"),
    ],
)
def test_each_damage_is_found(sound, damage, code):
    damage(sound)
    assert code in codes()


def test_an_archive_that_waits_to_be_taken_apart_is_no_leftover(sound):
    path = aged(conf.get().incoming / "waiting.zip")
    ArchiveImport.objects.create(
        user=sound.uploader, collection=sound.collection, name="a.zip", file=path.name, state="queued"
    )
    try:
        assert codes() == set()
    finally:
        path.unlink()


def test_an_old_extension_is_found(sound, monkeypatch):
    monkeypatch.setattr(audit, "KNOWN_GOOD_EXTENSION", (99,))
    assert codes() == {"extension_old"}


def test_stray_files_are_found_and_fresh_ones_are_left_in_peace(sound):
    settings = conf.get()
    strays = [
        aged(settings.originals / "aa" / ("aa" + "0" * 62)),
        aged(settings.thumbnails / "aa" / f"{uuid.uuid4()}-320.jpg"),
        aged(settings.incoming / "left-over"),
    ]
    fresh = settings.originals / "aa" / ("ab" + "0" * 62)
    fresh.write_bytes(b"x")
    try:
        assert codes() == {"stray_original", "stray_thumbnail", "old_temporary_file"}
        call_command("audit", "--repair", "--strict", stdout=io.StringIO())
        assert not any(path.exists() for path in strays)
        assert fresh.exists()
    finally:
        files.remove([*strays, fresh])


@pytest.mark.parametrize(
    "damage",
    [
        break_no_work,
        break_vector_missing,
        lambda image: UserUsage.objects.update(images=99),
        lambda image: EmbeddingCount.objects.update(images=99),
    ],
)
def test_the_repair_mends_what_is_safe(sound, damage):
    damage(sound)
    audit.repair([finding for check in audit.checks() for finding in check.run()])
    jobs.embed()
    assert codes() == set()


def test_a_lost_original_is_never_papered_over(sound):
    files.original(sound.sha256).unlink()
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "--strict", "--repair", "--json", stdout=out)
    assert ended.value.code == 1
    assert [finding["code"] for finding in json.loads(out.getvalue())["findings"]] == ["original_missing"]


def test_without_strict_the_command_only_tells(sound):
    UserUsage.objects.update(images=99)
    out = io.StringIO()
    call_command("audit", stdout=out)
    assert "usage_wrong: 1" in out.getvalue()
    assert connection.is_usable()
