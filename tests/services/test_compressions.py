"""Compression inside the product: asked for, measured, stopped, broken off, adopted, removed; what is adopted finds."""

from __future__ import annotations

import hashlib
import io
import itertools
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from django.db.models.functions import Right

from retrieval import conf, live_encoders, tasks
from retrieval.compression import measuring, storing
from retrieval.embedding import header
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound
from retrieval.ingest import files, sandbox
from retrieval.management import scenes
from retrieval.models import AuditEvent, Compression, Encoder, Image, Labels, LongJobState
from retrieval.services.encoders import compression, compressions, indexes
from retrieval.services.encoders import encoders as life
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import Adoption, CompressionRequest
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.labelled import CollectionLabels
from retrieval.services.images import collections
from retrieval.services.operations import audit_files, long_work
from retrieval.services.searching import search
from retrieval.services.searching.search_request import SearchRequest
from retrieval.training import loop
from retrieval.work import jobs, long_jobs
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


def run(row):
    return long_jobs.run(compressions.KIND, row.pk)


def get(row, admin):
    return long_work.get(compressions.KIND, row.pk, user=admin)


def kept(row):
    folder = compressions.KIND.folder_of(row)
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_from_line_to_table_and_weights(row, whole, admin):
    assert run(row)
    found = get(row, admin)
    assert (found.state, found.error_text, found.attempts, found.stage) == (LongJobState.DONE, "", 1, "measuring int8")
    table = compressions.table(found)
    assert [each.name for each in table.rows] == ["full", "half", "int8"]
    assert table.calibrated_on == f"collection {row.collection_id}"
    assert kept(row) == ["int8.safetensors"]
    whole.refresh_from_db()
    assert list(whole.scores) == [f"collection {row.collection_id} by tags"]  # to compare what is adopted with
    assert AuditEvent.objects.filter(action="compression.started", object_id=str(row.pk)).exists()
    assert not run(row)


def test_what_was_asked_for_is_what_is_measured(admin, whole, collection, monkeypatch):
    other = ImageFactory(collection=CollectionFactory(owner=admin)).collection
    wanted = Wanted(dimensions=(5, 3), int8=False, keep=1.0, steps=7)
    ImageFactory.create_batch(5, collection=other)
    Image.objects.filter(collection=collection).update(group_key=Right("title", 1))
    asked = CompressionRequest("whole", collection, Labels.GROUP_KEY, other, wanted)
    row, seen = compressions.start(asked, user=admin), []
    monkeypatch.setattr(compression, "run", lambda *a, **k: seen.append((a, k)) or tables.canned(*a, **k))
    run(row)
    (((encoder,), said),) = seen
    assert (encoder, said["source"]) == (whole, CollectionLabels(collection, admin, by="group_key"))
    assert said["wanted"] == replace(wanted, calibration=CollectionLabels(other, admin))
    assert compressions.table(get(row, admin)).calibrated_on == f"collection {other.pk}"


def test_another_attempt_begins_anew(row):
    stale = compressions.KIND.folder_of(row) / "old.safetensors"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half a file")
    assert run(row)
    assert kept(row) == ["int8.safetensors"]


def test_what_failed_leaves_no_weights(row, admin):
    Compression.objects.update(state=LongJobState.RUNNING, attempts=long_jobs.ATTEMPTS)
    half = compressions.KIND.folder_of(row) / "int8.safetensors"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a file")
    tasks.purge()
    assert kept(row) == ["int8.safetensors"]
    assert not run(row)
    tasks.purge()
    assert kept(row) == []


def test_weights_without_a_row_are_found_by_the_audit(row, admin, monkeypatch):
    run(row)
    Compression.objects.all().delete()
    monkeypatch.setattr(audit_files, "GRACE", -1)
    assert [finding.code for finding in audit_files.strays() if "compressions" in finding.subject] == ["stray_weights"]


def test_one_that_is_stopped_leaves_no_weights(row, admin, monkeypatch):
    def stopped(*args, **said):
        long_work.cancel(row, user=admin)
        return tables.canned(*args, **said)

    monkeypatch.setattr(compression, "run", stopped)
    assert run(row)
    row.refresh_from_db()
    assert (row.state, row.result, kept(row)) == (LongJobState.CANCELLED, {}, [])


@pytest.mark.parametrize("state", [LongJobState.RUNNING, LongJobState.DONE, LongJobState.QUEUED])
def test_a_lost_attempt_leaves_the_weights_of_the_other(row, monkeypatch, state):
    def overtaken(*args, **said):
        found = tables.canned(*args, **said)
        Compression.objects.update(lease_token=uuid4(), state=state)
        return found

    monkeypatch.setattr(compression, "run", overtaken)
    assert run(row)
    assert kept(row) == ["int8.safetensors"]


def test_what_cannot_be_measured_fails_with_a_sentence(row, collection):
    collection.owner = UserFactory()
    collection.save()
    run(row)
    row.refresh_from_db()
    assert (row.state, row.error_code, kept(row)) == (LongJobState.FAILED, "not_found", [])


def test_a_row_becomes_a_draft_encoder(row, admin):
    run(row)
    done = get(row, admin)
    assert compressions.suggested(compressions.table(done)) == {"int8": "whole-int8"}
    made = compressions.adopt(done, Adoption("int8"), user=admin)
    assert (made.name, made.state, made.dimension) == ("whole-int8", "draft", 64)
    assert made.origin["compression"] == str(row.pk)
    assert made.scores[f"collection {row.collection_id} by tags"]["map"] == 0.897
    assert live_encoders.weights_path(made.weights_name).is_file()
    assert compressions.adopted(done) == {"int8": "whole-int8"}
    assert compressions.suggested(compressions.table(done)) == {"int8": "whole-int8-2"}
    assert AuditEvent.objects.filter(action="encoder.adopted", object_id=str(made.pk)).exists()


def test_the_same_row_again_asks_first(row, admin):
    run(row)
    done = get(row, admin)
    compressions.adopt(done, Adoption("int8"), user=admin)
    with pytest.raises(Conflict, match="adopted already, as whole-int8") as asked:
        compressions.adopt(done, Adoption("int8"), user=admin)
    assert asked.value.code == "adopted_already"
    assert compressions.adopt(done, Adoption("int8", again=True), user=admin).name == "whole-int8-2"


@pytest.mark.parametrize(
    ("name", "called", "error"),
    [("int8", "whole", Conflict), ("int8", "two words", InvalidInput), ("half", "new", InvalidInput)],
)
def test_what_cannot_be_adopted(row, admin, name, called, error):
    run(row)
    with pytest.raises(error):
        compressions.adopt(get(row, admin), Adoption(name, called), user=admin)
    assert Encoder.objects.count() == 1


def test_nothing_is_adopted_before_the_end(row, admin):
    with pytest.raises(Conflict, match="no table"):
        compressions.adopt(row, Adoption("int8", "x"), user=admin)


def test_removed_with_its_weights_but_not_with_what_was_adopted(row, admin, django_capture_on_commit_callbacks):
    with pytest.raises(Conflict):
        long_work.remove(row, user=admin)
    run(row)
    compressions.adopt(get(row, admin), Adoption("int8", "mine"), user=admin)
    with django_capture_on_commit_callbacks(execute=True):
        long_work.remove(row, user=admin)
    assert not Compression.objects.exists()
    assert kept(row) == []
    assert live_encoders.weights_path("mine.safetensors").is_file()


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
        lambda: long_work.listing(compressions.KIND, user=person),
        lambda: long_work.get(compressions.KIND, row.pk, user=person),
        lambda: long_work.cancel(row, user=person),
        lambda: long_work.remove(row, user=person),
        lambda: compressions.adopt(row, Adoption("int8"), user=person),
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
        long_work.get(compressions.KIND, row.pk, user=other_admin)
    collections.delete(asked.collection, user=admin)
    assert list(long_work.listing(compressions.KIND, user=admin)) == []


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
    spec = replace(header.read_spec(file), image_size=32)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return EncoderFactory(
        name="compact", spec=spec.to_dict(), dimension=256, weights_name=file.name, weights_sha256=digest, trained=True
    )


def test_adopted_rows_search_as_the_table_says(admin, drawn, compact, monkeypatch):
    """Measured, adopted, built, activated: stored vectors give the mAP of the table, searches the encoder's order."""
    monkeypatch.setattr("retrieval.embedding.use_quickest", lambda encoder, **_: encoder)
    monkeypatch.setattr(storing, "SEARCHED", 50)
    monkeypatch.setattr(measuring, "SPEED_ROUNDS", 1)
    monkeypatch.setattr(loop, "measured", lambda *_: {"float32": 1.0})
    monkeypatch.setattr(indexes, "ensure", lambda _encoder: None)  # not inside a test's transaction
    wanted = Wanted(dimensions=(), keep=0.75, steps=1)
    row = compressions.start(CompressionRequest("compact", drawn, wanted=wanted), user=admin)
    embed(list(Image.objects.all()), encoder=compact, raw=np.ones((24, 256), np.float32))
    assert run(row)
    row = get(row, admin)
    assert (row.state, row.error_text) == (LongJobState.DONE, "")
    for name in ("int8", "pruned-75%"):
        made = compressions.adopt(row, Adoption(name), user=admin)
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
