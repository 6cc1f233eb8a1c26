"""A backup holds everything, a restore brings it back, and neither is fooled by damage."""

from __future__ import annotations

import io
import json
import tarfile

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from imagesearch import servers
from retrieval import encoders
from retrieval.errors import Conflict, InvalidInput
from retrieval.ingest import files
from retrieval.models import Collection, Embedding, Encoder, Image
from retrieval.services import audit, backup, collections, images, jobs, purging
from tests.factories import CollectionFactory, EncoderFactory
from tests.services.test_jobs import ColourEncoder, png

pytestmark = pytest.mark.django_db(transaction=True)


def quiet(what, done, total):
    """Show no progress."""


@pytest.fixture
def owner(monkeypatch):
    """Somebody with three ready pictures."""
    EncoderFactory(dimension=3)
    monkeypatch.setattr(encoders, "for_row", lambda row: ColourEncoder())
    collection = CollectionFactory(name="Holidays")
    for number in range(3):
        upload = images.Upload(io.BytesIO(png((number, 70, 90))), f"{number}.png")
        images.add(upload, user=collection.owner, collection=collection)
    jobs.embed()
    return collection.owner


def wipe():
    """Leave what a first start leaves."""
    for image in Image.objects.all():
        files.remove([files.original(image.sha256)])
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE retrieval_collection, retrieval_image, retrieval_encoder, auth_user CASCADE")


def nearest():
    rows = Embedding.objects.order_by("image_id")
    return [(row.image_id, [round(float(number), 3) for number in row.vector], row.length) for row in rows]


def test_what_was_backed_up_comes_back(owner, tmp_path):
    before, file = nearest(), tmp_path / "all.tar"
    (tmp_path / "all.tar.partial").touch(mode=0o644)  # of one that was killed
    made = backup.backup(file, progress=quiet)
    assert (made.images, file.exists()) == (3, True)
    assert file.stat().st_mode & 0o777 == 0o600
    wipe()
    out = io.StringIO()
    call_command("restore", str(file), stdout=out)
    assert nearest() == before
    assert Collection.objects.get().owner.username == owner.username
    assert "Nothing is wrong." in out.getvalue()
    assert {finding.code for check in audit.checks() for finding in check.run()} == set()
    upload = images.Upload(io.BytesIO(png((9, 9, 9))), "new.png")
    assert images.add(upload, user=Collection.objects.get().owner, collection=Collection.objects.get()).created


def test_a_machine_that_was_never_started_takes_a_backup(owner, tmp_path):
    before, file = nearest(), tmp_path / "all.tar"
    backup.backup(file, progress=quiet)
    wipe()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        name = connection.settings_dict["NAME"]
    with psycopg.connect(servers.postgres(settings.DATA_DIR).operator_dsn(name)) as operator:
        operator.execute("CREATE EXTENSION vector SCHEMA public")
    try:
        call_command("restore", str(file), stdout=io.StringIO())
        assert nearest() == before
    finally:
        call_command("migrate", verbosity=0)


def test_a_purge_waits_for_the_backup(owner):
    collections.delete(Collection.objects.get(), user=owner)
    Image.objects.update(deleted_at="2026-01-01T00:00:00Z")
    backup_connection = connection.copy()
    with backup_connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [purging.PURGE_LOCK])
        assert purging.purge_deleted() == 0
        cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [purging.PURGE_LOCK])
    backup_connection.close()
    assert purging.purge_deleted() == 3


def test_a_file_that_exists_is_not_overwritten(owner, tmp_path):
    file = tmp_path / "all.tar"
    file.write_bytes(b"precious")
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(file))
    assert file.read_bytes() == b"precious"


def test_a_system_with_pictures_is_not_overwritten(owner, tmp_path):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    with pytest.raises(Conflict):
        backup.restore(tmp_path / "all.tar", progress=quiet)


def test_a_missing_original_stops_the_backup_and_leaves_no_file(owner, tmp_path):
    files.original(Image.objects.first().sha256).unlink()
    with pytest.raises(InvalidInput, match="cannot be written"):
        backup.backup(tmp_path / "all.tar", progress=quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["absent", "file"])
def test_a_backup_needs_a_folder(owner, tmp_path, folder):
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("backup", str(tmp_path / folder / "all.tar"))


def rewritten(source, target, change):
    """Copy a tar file, each member's name and content passed through ``change``; None leaves a member out."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for entry in old:
            changed = change(entry.name, old.extractfile(entry).read())
            if changed:
                entry.name, data = changed
                entry.size = len(data)
                new.addfile(entry, io.BytesIO(data))
    return target


def flip(name, data):
    return (name, bytes([data[0] ^ 1]) + data[1:]) if name.startswith("originals/") else (name, data)


def other_format(name, data):
    return (name, json.dumps({"format": 99}).encode()) if name == backup.MANIFEST else (name, data)


@pytest.mark.parametrize(
    "change",
    [
        flip,
        other_format,
        lambda name, data: None if name == backup.MANIFEST else (name, data),
        lambda name, data: None if name == backup.DUMP else (name, data),
        lambda name, data: None if name.startswith("thumbnails/") else (name, data),
        lambda name, data: (name.replace("thumbnails/", "thumbnails/../../"), data),
    ],
)
def test_a_damaged_backup_is_refused_and_nothing_is_changed(owner, tmp_path, change):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    damaged = rewritten(tmp_path / "all.tar", tmp_path / "damaged.tar", change)
    wipe()
    with pytest.raises(InvalidInput) as caught:
        backup.restore(damaged, progress=quiet)
    assert "file" in caught.value.fields
    assert not Image.objects.exists()
    assert not Encoder.objects.exists()


def test_a_cut_off_backup_is_refused(owner, tmp_path):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    data = (tmp_path / "all.tar").read_bytes()
    (tmp_path / "half.tar").write_bytes(data[: len(data) // 2])
    wipe()
    with pytest.raises(InvalidInput):
        backup.restore(tmp_path / "half.tar", progress=quiet)
