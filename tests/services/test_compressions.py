"""Compression inside the product: asked for, measured, stopped, broken off, adopted, removed; what is adopted finds."""

from __future__ import annotations

import hashlib
import io
import itertools
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from retrieval import conf, live_encoders, tasks
from retrieval.compression import storing
from retrieval.embedding import checkpoint
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.ingest import files, sandbox
from retrieval.management import scenes
from retrieval.models import AuditEvent, Compression, Encoder, Image, Labels, RunState
from retrieval.services.encoders import compression, compressions, indexes
from retrieval.services.encoders import encoders as life
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import CompressionRequest
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.labelled import CollectionLabels
from retrieval.services.images import collections, lines
from retrieval.services.operations import audit_files
from retrieval.services.searching import search
from retrieval.services.searching.search_request import SearchRequest
from retrieval.work import jobs, leases
from tests import tables
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed
from tests.web.library import put

pytestmark = pytest.mark.django_db

WANTED = Wanted(dimensions=(), int8=True)


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path, weights_dir=tmp_path / "weights")


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def collection(admin):
    row = CollectionFactory(owner=admin)
    tables.labelled(row)
    return row


@pytest.fixture
def whole():
    return EncoderFactory(name="whole", spec=tables.TINY.to_dict(), dimension=64, trained=True)


@pytest.fixture
def asked(collection, whole):
    return CompressionRequest("whole", collection, wanted=WANTED)


@pytest.fixture
def row(asked, admin, monkeypatch):
    """One in line; its measuring is quick."""
    monkeypatch.setattr(compression, "run", tables.canned)
    return compressions.start(asked, user=admin)


def held_by(row, worker, *, minutes=0):
    Compression.objects.filter(pk=row.pk).update(
        state=RunState.RUNNING, worker=worker, heard_at=timezone.now() - timedelta(minutes=minutes)
    )


def dead():
    host, boot, pid, _ = leases.worker_name().rsplit("/", 3)
    return f"{host}/{boot}/{pid}/1"


def kept(row):
    folder = compressions.folder_of(row.pk)
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_from_line_to_table_and_weights(row, whole, admin):
    assert (row.state, compressions.unfinished()) == (RunState.QUEUED, [row.pk])
    assert compressions.run(row.pk)
    found = compressions.get(row.pk, user=admin)
    assert (found.state, found.error_text, found.attempts, found.stage) == (RunState.DONE, "", 1, "measuring int8")
    table = compressions.table(found)
    assert [each.name for each in table.rows] == ["full", "half", "int8"]
    assert table.calibrated_on == f"collection {row.collection_id}"
    assert kept(row) == ["int8.safetensors"]
    whole.refresh_from_db()
    assert list(whole.scores) == [f"collection {row.collection_id} by tags"]  # to compare what is adopted with
    assert AuditEvent.objects.filter(action="compression.started", object_id=str(row.pk)).exists()
    assert not compressions.run(row.pk)


def test_what_was_asked_for_is_what_is_measured(admin, whole, collection, monkeypatch):
    other = ImageFactory(collection=CollectionFactory(owner=admin)).collection
    wanted = Wanted(dimensions=(5, 3), int8=False, keep=1.0, steps=7)
    ImageFactory.create_batch(5, collection=other)
    Image.objects.filter(collection=collection).update(group_key="one")
    asked = CompressionRequest("whole", collection, Labels.GROUP_KEY, other, wanted)
    row, seen = compressions.start(asked, user=admin), []
    monkeypatch.setattr(compression, "run", lambda *a, **k: seen.append((a, k)) or tables.canned(*a, **k))
    compressions.run(row.pk)
    (((encoder,), said),) = seen
    assert (encoder, said["source"]) == (whole, CollectionLabels(collection, admin, by="group_key"))
    assert said["wanted"] == replace(wanted, calibration=CollectionLabels(other, admin))
    assert compressions.table(compressions.get(row.pk, user=admin)).calibrated_on == f"collection {other.pk}"


def test_one_that_somebody_alive_has_is_left_alone(row):
    held_by(row, leases.worker_name())
    assert not compressions.run(row.pk)


def test_one_whose_worker_died_begins_anew(row):
    held_by(row, dead())
    stale = compressions.folder_of(row.pk) / "old.safetensors"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half a file")
    assert compressions.unfinished() == [row.pk]
    assert compressions.run(row.pk)
    row.refresh_from_db()
    assert (row.state, kept(row)) == (RunState.DONE, ["int8.safetensors"])


def test_one_that_ends_its_worker_every_time_fails(row):
    Compression.objects.update(attempts=lines.ATTEMPTS)
    held_by(row, dead())
    half = compressions.folder_of(row.pk) / "int8.safetensors"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a file")
    tasks.purge()
    assert kept(row) == ["int8.safetensors"]
    assert not compressions.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code) == (RunState.FAILED, "worker_ended")
    tasks.purge()
    assert kept(row) == []


def test_one_is_stopped_while_it_is_measured(row, admin, monkeypatch):
    monkeypatch.setattr(lines, "TELL_EVERY", -1.0)
    real = compressions._Notes.__call__

    def meanwhile(notes, *step):
        real(notes, *step)
        compressions.cancel(row, user=admin)

    monkeypatch.setattr(compressions._Notes, "__call__", meanwhile)
    assert compressions.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.result, kept(row)) == (RunState.CANCELLED, {}, [])


def test_one_in_line_is_stopped_at_once(row, admin):
    compressions.cancel(row, user=admin)
    row.refresh_from_db()
    assert (row.state, compressions.unfinished()) == (RunState.CANCELLED, [])


def test_a_lost_attempt_changes_nothing(row, monkeypatch):
    def overtaken(*args, **said):
        Compression.objects.update(attempts=2)
        return tables.canned(*args, **said)

    monkeypatch.setattr(compression, "run", overtaken)
    assert compressions.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.result) == (RunState.RUNNING, 2, {})


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.DONE, RunState.QUEUED])
def test_a_lost_attempt_leaves_the_weights_of_the_other(row, monkeypatch, state):
    def overtaken(*args, **said):
        found = tables.canned(*args, **said)
        Compression.objects.update(attempts=2, state=state)
        return found

    monkeypatch.setattr(compression, "run", overtaken)
    assert compressions.run(row.pk)
    assert kept(row) == ["int8.safetensors"]


def test_an_attempt_whose_row_is_gone_leaves_nothing(row, monkeypatch):
    def gone(*args, **said):
        found = tables.canned(*args, **said)
        Compression.objects.all().delete()
        return found

    monkeypatch.setattr(compression, "run", gone)
    assert compressions.run(row.pk)
    assert kept(row) == []


def test_what_cannot_be_measured_fails_with_a_sentence(row, collection):
    collection.owner = UserFactory()
    collection.save()
    compressions.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error_code, kept(row)) == (RunState.FAILED, "not_found", [])


def test_a_row_becomes_a_draft_encoder(row, admin):
    compressions.run(row.pk)
    done = compressions.get(row.pk, user=admin)
    assert compressions.suggested(compressions.table(done)) == {"int8": "whole-int8"}
    made = compressions.adopt(done, "int8", called="", user=admin)
    assert (made.name, made.state, made.dimension) == ("whole-int8", "draft", 64)
    assert made.origin["compression"] == str(row.pk)
    assert made.scores[f"collection {row.collection_id} by tags"]["map"] == 0.897
    assert live_encoders.weights_path(made.weights_name).is_file()
    assert compressions.adopted(done) == {"int8": "whole-int8"}
    assert compressions.suggested(compressions.table(done)) == {"int8": "whole-int8-2"}
    assert AuditEvent.objects.filter(action="encoder.adopted", object_id=str(made.pk)).exists()


@pytest.mark.parametrize(
    ("name", "called", "error"),
    [("int8", "whole", Conflict), ("int8", "two words", InvalidInput), ("half", "new", InvalidInput)],
)
def test_what_cannot_be_adopted(row, admin, name, called, error):
    compressions.run(row.pk)
    with pytest.raises(error):
        compressions.adopt(compressions.get(row.pk, user=admin), name, called=called, user=admin)
    assert Encoder.objects.count() == 1


def test_nothing_is_adopted_before_the_end(row, admin):
    with pytest.raises(Conflict, match="no table"):
        compressions.adopt(row, "int8", called="x", user=admin)


def test_removed_with_its_weights_but_not_with_what_was_adopted(row, admin, django_capture_on_commit_callbacks):
    with pytest.raises(Conflict):
        compressions.remove(row, user=admin)
    compressions.run(row.pk)
    compressions.adopt(compressions.get(row.pk, user=admin), "int8", called="mine", user=admin)
    with django_capture_on_commit_callbacks(execute=True):
        compressions.remove(row, user=admin)
    assert not Compression.objects.exists()
    assert kept(row) == []
    assert live_encoders.weights_path("mine.safetensors").is_file()


def test_weights_go_after_their_row_went_with_its_collection(row, admin, monkeypatch):
    compressions.run(row.pk)
    assert compressions.strays() == []
    Compression.objects.all().delete()
    monkeypatch.setattr(audit_files, "GRACE", -1)
    assert [finding.code for finding in audit_files.strays() if "compressions" in finding.subject] == ["stray_weights"]
    tasks.purge()
    assert kept(row) == []
    assert compressions.strays() == []


def test_the_tasks(row, asked, admin, settings, monkeypatch):
    second, sent = compressions.start(asked, user=admin), []
    monkeypatch.setattr(tasks, "_publish", lambda task, args: sent.append((task.name, *args)))
    tasks.reconcile()
    assert ("retrieval.tasks.compress", row.pk) in sent
    sent.clear()
    tasks.compress(str(row.pk))
    assert sent == [("retrieval.tasks.compress", second.pk)]
    routes = settings.CELERY_TASK_ROUTES
    assert routes["retrieval.tasks.compress"] == routes["retrieval.tasks.train"]


@pytest.mark.parametrize(
    ("encoder", "change", "field"),
    [
        ("nobody", {}, "encoder"),
        ("whole", {"dimensions": (8,)}, "dimensions"),  # of eight pictures
        ("whole", {"dimensions": (1,)}, "dimensions"),
        ("whole", {"dimensions": (5000,)}, "dimensions"),
        ("whole", {"dimensions": (4, 4)}, "dimensions"),
        ("whole", {"keep": 0.05}, "keep"),
        ("whole", {"keep": 0.5}, "keep"),  # with too few pictures for a fine-tune
        ("other", {"keep": 0.5}, "keep"),
        ("whole", {"steps": 0}, "steps"),
    ],
)
def test_what_cannot_be_made_is_refused_by_field(asked, admin, encoder, change, field):
    EncoderFactory(name="other", state="retired")
    wrong = replace(asked, encoder=encoder, wanted=replace(WANTED, **change))
    with pytest.raises(InvalidInput) as refused:
        compressions.start(wrong, user=admin)
    assert list(refused.value.fields) == [field]
    assert not Compression.objects.exists()


def test_rights(asked, row, admin):
    person, other_admin = UserFactory(), UserFactory(is_staff=True, is_superuser=True)
    for ask in (
        lambda: compressions.start(asked, user=person),
        lambda: compressions.listing(person),
        lambda: compressions.get(row.pk, user=person),
        lambda: compressions.cancel(row, user=person),
        lambda: compressions.remove(row, user=person),
        lambda: compressions.adopt(row, "int8", called="", user=person),
    ):
        with pytest.raises(Forbidden):
            ask()
    bare = ImageFactory(collection=CollectionFactory(owner=admin)).collection
    with pytest.raises(InvalidInput, match="has a tag"):
        compressions.start(replace(asked, collection=bare), user=admin)
    for hidden in (replace(asked), replace(asked, collection=bare, calibration=asked.collection)):
        with pytest.raises(NotFound):
            compressions.start(hidden, user=other_admin)
    with pytest.raises(NotFound):
        compressions.get(row.pk, user=other_admin)
    collections.delete(asked.collection, user=admin)
    assert list(compressions.listing(admin)) == []


@pytest.fixture
def drawn(admin):
    """Twenty-four drawn scenes as files, six of them tagged.

    The six and their tags are chosen so that for each of them those of its own tag and those of the other are far apart
    (cosines differ by at least 0.05, in 8 bits and pruned too), and yet neither tag is found without mistakes: no
    processor's rounding changes the mAP.
    """
    row = CollectionFactory(owner=admin)
    tags = {17: ["dark"], 19: ["dark"], 21: ["dark"], 9: ["light"], 11: ["light"], 14: ["light"]}
    for number, (scene, version) in enumerate(itertools.product(scenes.SCENES, range(4))):
        data = io.BytesIO()
        scenes.draw(scene, version).resize((96, 96)).save(data, "PNG")
        put(row, title=f"p{number}", tags=tags.get(number, []), data=data.getvalue())
    return row


@pytest.fixture
def compact():
    """The encoder that ships with the product, at a size that is quick, run by torch."""
    file = live_encoders.weights_path("compact-v1.safetensors")
    spec = replace(checkpoint.read_spec(file), image_size=32)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return EncoderFactory(
        name="compact", spec=spec.to_dict(), dimension=256, weights_name=file.name, weights_sha256=digest, trained=True
    )


def test_adopted_rows_search_as_the_table_says(admin, drawn, compact, monkeypatch):
    """Measured, adopted, built, activated: stored vectors give the mAP of the table, searches the encoder's order."""
    monkeypatch.setattr("retrieval.embedding.use_quickest", lambda encoder, cache: encoder)
    monkeypatch.setattr(storing, "SEARCHED", 50)
    monkeypatch.setattr(compression, "SPEED_ROUNDS", 1)
    monkeypatch.setattr(indexes, "ensure", lambda _encoder: None)  # not inside a test's transaction
    wanted = Wanted(dimensions=(), keep=0.75, steps=1)
    row = compressions.start(CompressionRequest("compact", drawn, wanted=wanted), user=admin)
    embed(list(Image.objects.all()), encoder=compact, raw=np.ones((24, 256), np.float32))
    assert compressions.run(row.pk)
    row = compressions.get(row.pk, user=admin)
    assert (row.state, row.error_text) == (RunState.DONE, "")
    for name in ("int8", "pruned-75%"):
        made = compressions.adopt(row, name, called="", user=admin)
        life.build(made, user=admin)
        jobs.reconcile()
        jobs.embed()
        life.activate(made, user=admin, force_reason="a test")
        measured = compressions.table(row).row(name).report
        report = evaluation.run([made], source=CollectionLabels(drawn, admin)).reports[0]
        assert report.subject.digest == measured.subject.digest
        assert report.overall["mAP"].mean == pytest.approx(measured.overall["mAP"].mean, abs=1e-4)
        assert report.overall["mAP"].mean < 0.95  # some mistakes, so that the equality says something
        cosines, found = own_cosines(made), found_by_search(admin)
        assert len(found) == len(set(found)) == 24
        assert np.diff([cosines[pk] for pk in found]).max() < 5e-4  # halves: what lies closer may change places


def found_by_search(user):
    """What a search by the first picture finds, nearest first."""
    first = Image.objects.order_by("pk").first()
    answer = search.run(SearchRequest(images=(first.pk,), k=24, exact=True), user=user)
    return [found.image.pk for found in answer.hits]


def own_cosines(row):
    """The cosine of each picture to the first, from pixels, by the encoder alone."""
    pictures = list(Image.objects.order_by("pk"))
    vectors = live_encoders.plain(row).encode([sandbox.pixels(files.original(each.sha256)) for each in pictures])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip([each.pk for each in pictures], units @ units[0], strict=True))
