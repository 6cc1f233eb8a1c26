"""The audit finds each kind of damage, and nothing in a sound system; the repair mends what is safe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import struct
import uuid
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from retrieval import conf, live_encoders
from retrieval.ingest import files
from retrieval.models import ArchiveImport, Embedding, EmbeddingDigest, Encoder, Image, UserUsage
from retrieval.search import indexes as room
from retrieval.search import integrity, stored
from retrieval.services.encoders import indexes
from retrieval.services.images import images, purging, thumbnails
from retrieval.services.operations import audit, findings
from retrieval.work import jobs
from tests.factories import CollectionFactory, EncoderFactory
from tests.powers import as_operator
from tests.search.rows import index
from tests.services.plants import PLANTS, aged, run
from tests.services.test_jobs import ColourEncoder, png

pytestmark = pytest.mark.django_db


@pytest.fixture
def sound(monkeypatch, settings, tmp_path):
    """Three ready pictures in a folder of their own: what other tests left is none of this audit's."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path / "data")
    EncoderFactory(dimension=3)
    monkeypatch.setattr(live_encoders, "for_row", lambda row: ColourEncoder())
    collection = CollectionFactory()
    for number in range(3):
        upload = images.Upload(io.BytesIO(png((80 * number, 50, 90))), f"{number}.png")
        images.add(upload, user=collection.owner, collection=collection)
    jobs.embed()
    return Image.objects.order_by("pk").first()


def codes():
    return {finding.code for check in audit.checks() for finding in check.run()}


def test_a_sound_system_has_no_findings(sound):
    assert codes() == set()


def test_reading_every_picture_shows_how_far_it_is(sound):
    seen = []
    for check in audit.checks(progress=lambda *step: seen.append(step)):
        list(check.run())
    assert seen == [("pictures", 1, 3), ("pictures", 2, 3), ("pictures", 3, 3)]


@pytest.fixture
def indexed(sound, settings):
    """The same pictures, enough of them for an index, which is there."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=2)
    index(Encoder.objects.active())
    return Encoder.objects.active()


def spoil(name, column="indisvalid"):
    """Mark an index as a killed build leaves it."""
    as_operator(f"UPDATE pg_index SET {column} = false WHERE indexrelid = '{name}'::regclass")


def beside(encoder):
    """What a broken rebuild leaves: an index of the same kind under another name."""
    name = room.name_of(encoder) + "_ccnew"
    run(room.statement(encoder).replace(" CONCURRENTLY", "").replace(room.name_of(encoder), name))
    spoil(name)
    return name


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (indexes.drop, "index_missing"),
        (lambda encoder: spoil(room.name_of(encoder)), "index_invalid"),
        (lambda encoder: spoil(room.name_of(encoder), "indisready"), "index_invalid"),
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
    spoil(room.name_of(indexed))
    spoil("image_tags")
    found = [finding.subject for check in audit.checks() for finding in check.run()]
    assert found == [room.name_of(indexed), "image_tags"]


@pytest.fixture
def planted(sound, tmp_path):
    """Plant one kind of damage for as long as the context lasts; afterwards rows and files are as before."""
    media = conf.get().originals.parent
    shutil.copytree(media, tmp_path / "media")

    @contextmanager
    def plant(name):
        try:
            with transaction.atomic():
                PLANTS[name][1](sound)
                yield
                transaction.set_rollback(True)
        finally:
            shutil.rmtree(media)
            shutil.copytree(tmp_path / "media", media)

    return plant


# What no command can bring back, or must not decide.
BY_HAND = {*findings.MENDS} - {"size_wrong"}


def test_each_plant_is_found_and_mended_where_that_is_safe(planted, subtests, figure):
    found = 0
    for name, (code, _) in PLANTS.items():
        with subtests.test(name), planted(name):
            said = [finding for check in audit.checks() for finding in check.run()]
            before = {finding.code for finding in said}
            assert code in before
            found += 1
            audit.repair(said)
            if code in BY_HAND:
                assert codes() >= before & BY_HAND
            else:
                jobs.embed()
                assert codes() == set()
    figure(f"{found} of {len(PLANTS)} kinds of damage found")
    assert codes() == set()


def test_what_the_audit_says_of_each_plant_names_what_mends_it():
    assert {code for code, _ in PLANTS.values()} >= findings.MENDS.keys() - {"extension_old"}
    assert all(findings.Finding(code, "", "").mend for code, _ in PLANTS.values())


def test_a_backup_that_is_made_is_no_reason_to_call_the_purge_late(sound):
    PLANTS["picture purged too late"][1](sound)
    reader = connection.copy()
    with reader.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [purging.PURGE_LOCK])
        assert codes() == set()
    reader.close()
    assert codes() == {"purge_overdue"}


def test_a_thumbnail_from_before_digests_were_kept_is_looked_at_as_far_as_can_be(sound):
    Image.objects.update(thumbnail_digests=None)
    assert codes() == set()
    os.truncate(files.thumbnail(sound.pk, sound.sha256, size=320), 100)
    assert codes() == {"thumbnail_changed"}
    assert thumbnails.note_digests(limit=2, seconds=-1) == 0
    assert thumbnails.note_digests(limit=2) == 2
    assert thumbnails.note_digests(limit=2) == 1
    assert thumbnails.note_digests(limit=2) == 0
    assert codes() == {"thumbnail_changed"}
    files.thumbnail(sound.pk, sound.sha256, size=1280).write_bytes(b"x")
    assert len([one for check in audit.checks() for one in check.run()]) == 2


def test_without_digests_exchanged_thumbnails_and_vectors_pass(planted, monkeypatch):
    """The control."""
    monkeypatch.setattr(integrity, "CHANGED", "SELECT 1, 1, true WHERE %s < 0")
    Image.objects.update(thumbnail_digests=None)
    for name in ("two thumbnails exchanged", "another picture's vector"):
        with planted(name):
            assert codes() == set()


def test_a_vectors_digest_is_that_of_the_row_in_the_database(sound):
    """The slow literal version: both sides, byte for byte, from what a reading of the row gives."""
    encoder = Encoder.objects.active()
    for row in Embedding.objects.all():
        halves = np.array(row.vector, ">f2").tobytes()
        lengths = np.array([row.length, row.centred_length], ">f8").tobytes()
        literal = row.image_id.bytes + encoder.pk.bytes + struct.pack(">HH", encoder.dimension, 0) + halves + lengths
        kept = EmbeddingDigest.objects.get(image_id=row.image_id, encoder_id=encoder.pk)
        assert bytes(kept.sha256) == hashlib.sha256(literal).digest() == stored.digest(row)


def test_a_vector_takes_its_digest_along(sound):
    Embedding.objects.filter(image=sound).delete()
    assert not EmbeddingDigest.objects.filter(image_id=sound.pk).exists()
    assert EmbeddingDigest.objects.count() == 2


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
