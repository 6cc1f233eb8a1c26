"""A backup holds everything, a restore brings it back, and neither is fooled by damage."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import tarfile
import uuid
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from imagesearch import servers
from retrieval import conf, live_encoders
from retrieval.errors import Conflict, InvalidInput, StorageFull, Unavailable
from retrieval.ingest import files
from retrieval.models import (
    ArchiveImport,
    Collection,
    CopyDecision,
    Decided,
    Embedding,
    EmbeddingJob,
    Evaluation,
    Image,
)
from retrieval.services.copies import decisions
from retrieval.services.images import archives, collections, images, purging
from retrieval.services.operations import audit, backup, backup_file
from retrieval.work import jobs, long_jobs
from tests.factories import CollectionFactory, EncoderFactory
from tests.services.test_jobs import ColourEncoder, png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def full(owner, settings, tmp_path):
    """Beside the pictures an encoder with weights, and an archive that waits."""
    weights = tmp_path / "weights"
    weights.mkdir()
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, weights_dir=weights)
    (weights / "own.safetensors").write_bytes(bytes(range(256)) * 9)
    sha256 = hashlib.sha256((weights / "own.safetensors").read_bytes()).hexdigest()
    EncoderFactory(state="draft", weights_name="own.safetensors", weights_sha256=sha256)
    files.receive(io.BytesIO(zipped()), conf.get().incoming / "full.zip", most=10**6)
    collection = Collection.objects.get()
    yield ArchiveImport.objects.create(user=owner, collection=collection, name="f", file="full.zip", total=1)
    files.remove([conf.get().incoming / "full.zip", conf.get().data_dir / backup.MARK])


def quiet(what, done, total):
    """Show no progress."""


@pytest.fixture
def owner(monkeypatch):
    """Somebody with three ready pictures."""
    EncoderFactory(dimension=3)
    monkeypatch.setattr(live_encoders, "for_row", lambda row: ColourEncoder())
    collection = CollectionFactory(name="Holidays")
    for number in range(3):
        upload = images.Upload(io.BytesIO(png((80 * number, 70, 90))), f"{number}.png")
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
    pair = list(Image.objects.order_by("pk").values_list("pk", flat=True)[:2])
    [decided] = decisions.decide([pair], decision=Decided.DIFFERENT, user=owner)
    (tmp_path / "all.tar.partial").touch(mode=0o644)  # of one that was killed
    made = backup.backup(file, progress=quiet)
    assert (made.images, file.exists()) == (3, True)
    assert file.stat().st_mode & 0o777 == 0o600
    wipe()
    out = io.StringIO()
    call_command("restore", str(file), stdout=out)
    assert nearest() == before
    [kept] = CopyDecision.objects.all()
    assert (kept.one_id, kept.other_id, kept.decision) == (*pair, "different")
    assert (kept.pk, kept.user, kept.decided_at) == (decided.pk, owner, decided.decided_at)
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


def state():
    """Everything that a restore could change: every file of the data folder, and how many rows each table has."""
    settings = conf.get()
    folders = [settings.originals.parent, settings.weights_dir, settings.data_dir]
    paths = {path for folder in folders[:2] for path in folder.rglob("*")} | set(folders[2].glob("*"))
    sums = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()}
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        counted = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counted[table] = cursor.fetchone()[0]
    return sums, counted


def members(source):
    with tarfile.open(source) as archive:
        return [(entry, archive.extractfile(entry).read()) for entry in archive]


def written(target, entries):
    with tarfile.open(target, "w") as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def changed(name, change):
    """Pass the first member whose name begins so through ``change``: (entry, data) -> a list of such."""

    def alter(source, target):
        entries = members(source)
        at = next(number for number, (entry, _) in enumerate(entries) if entry.name.startswith(name))
        entries[at : at + 1] = change(*entries[at])
        written(target, entries)

    return alter


def bit(name, share=0.5):
    """Turn one bit of a member."""

    def flip(entry, data):
        at = int(len(data) * share)
        return [(entry, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])]

    return changed(name, flip)


def renamed(name, to):
    def rename(entry, data):
        entry.name = to
        return [(entry, data)]

    return changed(name, rename)


def exchanged(folder):
    """Exchange what two members of a folder hold."""

    def alter(source, target):
        entries = members(source)
        there = [number for number, (entry, _) in enumerate(entries) if entry.name.startswith(folder)]
        one, two = next((a, b) for a in there for b in there if entries[a][1] != entries[b][1])
        (first, a), (second, b) = entries[one], entries[two]
        entries[one], entries[two] = (first, b), (second, a)
        written(target, entries)

    return alter


def linked(source, target):
    entries = members(source)
    link = tarfile.TarInfo("weights/evil")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    written(target, [entries[0], (link, b""), *entries[1:]])


def raw(position):
    """Turn one bit of the file at a place that depends on where a thumbnail's member lies."""

    def alter(source, target):
        with tarfile.open(source) as archive:
            entry = next(each for each in archive if each.name.startswith("thumbnails/") and each.size % 512)
        data = bytearray(source.read_bytes())
        data[position(entry, len(data))] ^= 1
        target.write_bytes(data)

    return alter


def told_otherwise(**fields):
    """Change what the manifest says, and leave its digest."""
    return changed(backup_file.MANIFEST, lambda entry, data: [(entry, json.dumps(json.loads(data) | fields).encode())])


def cut(share):
    return lambda source, target: target.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])


def compressed(source, target):
    target.write_bytes(gzip.compress(source.read_bytes()))


ALTERATIONS = {
    "a bit of weights": bit("weights/"),
    "a bit of an original": bit("originals/"),
    "a bit of a thumbnail": bit("thumbnails/"),
    "a bit of an archive that waits": bit("incoming/"),
    "the first bit of the dump": bit(backup_file.DUMP, 0),
    "a bit of the dump's table of contents": bit(backup_file.DUMP, 0.05),
    "a bit of the dump's data": bit(backup_file.DUMP, 0.9),
    "a bit of the sums": bit(backup_file.SUMS),
    "a bit of the manifest": bit(backup_file.MANIFEST),
    "two thumbnails exchanged": exchanged("thumbnails/"),
    "two originals exchanged": exchanged("originals/"),
    "weights gone": changed("weights/", lambda entry, data: []),
    "an original gone": changed("originals/", lambda entry, data: []),
    "a thumbnail gone": changed("thumbnails/", lambda entry, data: []),
    "the dump gone": changed(backup_file.DUMP, lambda entry, data: []),
    "the sums gone": changed(backup_file.SUMS, lambda entry, data: []),
    "the manifest gone": changed(backup_file.MANIFEST, lambda entry, data: []),
    "a thumbnail empty": changed("thumbnails/", lambda entry, data: [(entry, b"")]),
    "a thumbnail cut": changed("thumbnails/", lambda entry, data: [(entry, data[:-1])]),
    "a thumbnail twice": changed("thumbnails/", lambda entry, data: [(entry, data), (entry, data)]),
    "a thumbnail under another name": renamed("thumbnails/", "thumbnails/aa/other.jpg"),
    "a name that leads elsewhere": renamed("thumbnails/", "thumbnails/../../evil"),
    "a name from the root": renamed("thumbnails/", "/tmp/evil"),
    "a folder of no backup": renamed("thumbnails/", "secret_key"),
    "a link": linked,
    "something behind the end": lambda source, target: written(target, [*members(source), members(source)[1]]),
    "another format": told_otherwise(format=1),
    "another number of pictures": told_otherwise(images=4),
    "another date": told_otherwise(created_at="2020-01-01T00:00:00+00:00"),
    "a bit of a member's header": raw(lambda entry, size: entry.offset + 5),
    "a bit between members": raw(lambda entry, size: entry.offset_data + entry.size),
    "the last bit": raw(lambda entry, size: size - 1),
    "cut off in the middle": cut(0.5),
    "cut off at the end": cut(0.97),
    "nothing": cut(0),
    "packed": compressed,
}


def test_a_damaged_backup_is_refused_and_nothing_is_changed(owner, full, tmp_path, subtests, figure):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    before, refused = state(), 0
    for name, alter in ALTERATIONS.items():
        with subtests.test(name):
            altered = tmp_path / "altered.tar"
            alter(tmp_path / "all.tar", altered)
            with pytest.raises(InvalidInput) as caught:
                backup.restore(altered, progress=quiet)
            assert "file" in caught.value.fields
            assert state() == before
            refused += 1
    figure(f"{refused} of {len(ALTERATIONS)} alterations refused, rows and files as before")


def test_any_bit_is_looked_at(owner, full, tmp_path):
    """Bits at random places, tar headers and all."""
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    data, places = (tmp_path / "all.tar").read_bytes(), random.Random(4)
    for _ in range(60):
        altered = bytearray(data)
        altered[places.randrange(len(data))] ^= 1 << places.randrange(8)
        (tmp_path / "altered.tar").write_bytes(altered)
        with pytest.raises(InvalidInput), backup_file.opened(tmp_path / "altered.tar", progress=quiet):
            pass


def test_without_the_digests_an_altered_file_is_let_in(owner, full, tmp_path, monkeypatch):
    """The control: what the test of alterations stands on."""
    monkeypatch.setattr(backup_file, "_compare", lambda *_: None)
    backup.backup(tmp_path / "all.tar", progress=quiet)
    exchanged("thumbnails/")(tmp_path / "all.tar", tmp_path / "altered.tar")
    with backup_file.opened(tmp_path / "altered.tar", progress=quiet) as checked:
        assert checked.manifest.images == 3


@pytest.mark.parametrize("step", ["--list", "--clean"])
def test_a_dump_that_the_database_refuses_leaves_no_file(owner, full, tmp_path, monkeypatch, step):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    before, really = state(), backup._run

    def run(tool, *words):
        if step in words:
            raise Unavailable("pg_restore failed: it was told to")
        return really(tool, *words)

    monkeypatch.setattr(backup, "_run", run)
    with pytest.raises(Unavailable):
        backup.restore(tmp_path / "all.tar", progress=quiet)
    assert state() == before


def test_a_backup_without_room_for_its_files_is_refused(owner, full, tmp_path, monkeypatch):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    before = state()
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(StorageFull):
        backup.restore(tmp_path / "all.tar", progress=quiet)
    assert state() == before


def test_a_restore_that_was_broken_off_is_gone_on_with(owner, full, tmp_path, monkeypatch):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    with monkeypatch.context() as broken:
        broken.setattr(backup, "_place", lambda contents: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backup.restore(tmp_path / "all.tar", progress=quiet)
    assert Image.objects.count() == 3
    backup.restore(tmp_path / "all.tar", progress=quiet)
    assert found_by_audit() == set()
    with pytest.raises(Conflict):
        backup.restore(tmp_path / "all.tar", progress=quiet)


def found_by_audit():
    return {finding.code for check in audit.checks() for finding in check.run()}


def in_the_middle_of_everything(owner, incoming):
    """What a snapshot of a busy site shows: jobs, an archive and long work in hands that will be gone."""
    past = timezone.now() - timedelta(hours=1)
    image = Image.objects.order_by("pk").first()
    EmbeddingJob.objects.filter(image=image).update(state="running", attempts=1, lease_until=past)
    Embedding.objects.filter(image=image).delete()
    files.receive(io.BytesIO(zipped()), incoming / "waits.zip", most=10**6)
    place = {"user": owner, "collection": image.collection}
    held = {"lease_token": uuid.uuid4(), "heartbeat_at": past}
    ArchiveImport.objects.create(**place, name="a", file="waits.zip", state="running", total=1, **held)
    ArchiveImport.objects.create(**place, name="b", file="was-done-meanwhile.zip", state="running", total=1, **held)
    Evaluation.objects.create(**place, encoders=["x"], state="running", worker="gone/1/2/3", heartbeat_at=past)
    gone = images.add(images.Upload(io.BytesIO(png((9, 9, 90))), "g.png"), user=owner, collection=image.collection)
    images.delete(gone.image, user=owner)
    Image.objects.filter(pk=gone.image.pk).update(deleted_at=past)


def zipped():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in-archive.png", png((200, 100, 50)))
    return packed.getvalue()


def test_a_backup_of_a_busy_site_comes_back_whole(owner, full, tmp_path):
    in_the_middle_of_everything(owner, conf.get().incoming)
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    files.remove([conf.get().incoming / "waits.zip"])
    call_command("restore", str(tmp_path / "all.tar"), stdout=(out := io.StringIO()))
    assert "Nothing is wrong." in out.getvalue()
    assert Evaluation.objects.get().state == "queued"
    assert EmbeddingJob.objects.filter(state="running").count() == 0
    states = dict(ArchiveImport.objects.values_list("file", "state"))
    assert states == {"waits.zip": "queued", "full.zip": "queued", "": "failed"}
    long_jobs.run(archives.KIND, ArchiveImport.objects.get(file="waits.zip").pk)
    jobs.embed()
    assert Image.objects.filter(title="in-archive").exists()
    files.remove([conf.get().incoming / "full.zip"])


def test_without_going_back_in_line_a_good_backup_ends_in_findings(owner, full, tmp_path, monkeypatch):
    """The control of the busy site."""
    monkeypatch.setattr(backup, "_settle", lambda: None)
    in_the_middle_of_everything(owner, conf.get().incoming)
    backup.backup(tmp_path / "all.tar", progress=quiet)
    wipe()
    with pytest.raises(SystemExit):
        call_command("restore", str(tmp_path / "all.tar"), stdout=io.StringIO())


@pytest.mark.parametrize("kind", ["original", "thumbnail", "weights"])
def test_what_is_damaged_stops_the_backup(owner, full, tmp_path, kind):
    image = Image.objects.first()
    path = {
        "original": files.original(image.sha256),
        "thumbnail": files.thumbnail(image.pk, image.sha256, size=320),
        "weights": conf.get().weights_dir / "own.safetensors",
    }[kind]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidInput, match="is damaged"):
        backup.backup(tmp_path / "all.tar", progress=quiet)
    assert not (tmp_path / "all.tar").exists()


def test_archives_are_held_where_the_media_lie_on_a_disk_of_their_own(owner, full, tmp_path, monkeypatch):
    media, link = conf.get().incoming.parent, os.link

    def within_a_disk(source, target):
        if media not in Path(target).parents:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, target)

    monkeypatch.setattr(os, "link", within_a_disk)
    backup.backup(tmp_path / "all.tar", progress=quiet)
    with tarfile.open(tmp_path / "all.tar") as archive:
        assert "incoming/full.zip" in archive.getnames()
    assert not list(media.glob("backup-*"))


def test_a_backup_is_read_by_common_tools(owner, full, tmp_path):
    backup.backup(tmp_path / "all.tar", progress=quiet)
    subprocess.run(["tar", "xf", "all.tar"], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
