"""A projection from stored vectors to a draft encoder, and its vectors without the network: real files throughout."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from retrieval import live_encoders as live
from retrieval import tasks
from retrieval.errors import Conflict, Forbidden, InvalidInput, NotFound, WeightsError
from retrieval.ingest import sandbox, store
from retrieval.models import (
    Collection,
    Concept,
    ConceptExample,
    Embedding,
    EmbeddingJob,
    EncoderState,
    Image,
    JobEvent,
    JobState,
    Judgement,
)
from retrieval.models import Encoder as Row
from retrieval.search import vectors
from retrieval.services.copies import looking
from retrieval.services.encoders import encoders, projections
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.services.evaluation import evaluation
from retrieval.services.evaluation.judged import alike, clicked
from retrieval.services.evaluation.labelled import CollectionLabels
from retrieval.services.images import images
from retrieval.work import derived, jobs, ledger, messages, neighbourhoods
from tests.factories import CollectionFactory, UserFactory
from tests.services.projected import PICTURES, add, beginning, work_off, world

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(once, tmp_path_factory):
    """Files and rows of the world, made once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        beginning(folder, patch)
        return folder, world()


@pytest.fixture(autouse=True)
def quick(made, db, tmp_path, monkeypatch):
    """A copy of the files of its own, and torch alone."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    beginning(tmp_path, monkeypatch)


@pytest.fixture
def collection(made, db):
    """Pictures of three tags, all embedded by the source."""
    return Collection.objects.select_related("owner").get(pk=made[1].pk)


@pytest.fixture
def admin(collection):
    return collection.owner


@pytest.fixture
def source(collection):
    """The active encoder."""
    return Row.objects.get(name="source")


def stored(encoder):
    """Raw vectors by picture."""
    rows = Embedding.objects.filter(encoder=encoder).values_list("image_id", "vector", "length")
    return {pk: vectors.raw([unit], [length])[0] for pk, unit, length in rows}


def cosines(encoder):
    """Of each stored vector with what the encoder's network makes of the picture."""
    found, network = stored(encoder), live.for_row(encoder)
    pictures = Image.objects.in_bulk(list(found))
    for pk, vector in found.items():
        seen = network.encode([sandbox.pixels(store.original(pictures[pk].sha256))])[0]
        yield float(seen @ vector / np.linalg.norm(seen) / np.linalg.norm(vector))


def no_network(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a picture was read")

    monkeypatch.setattr(sandbox, "pixels", refuse)


def audit():
    call_command("audit", "--strict", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize(("method", "by"), [("pca", "tags"), ("supervised", "tags"), ("supervised", "group_key")])
def test_vectors_are_derived_as_the_network_would_compute_them(method, by, collection, source, monkeypatch):
    admin = collection.owner
    row = projections.learn(source, ProjectionRequest("better", 8, method, collection, by), user=admin)
    assert (row.state, row.trained, row.dimension, row.spec["projection"]) == ("draft", True, 8, "linear")
    with monkeypatch.context() as patch:
        no_network(patch)
        encoders.build(row, user=admin)
        assert jobs.reconcile() == []
        assert derived.waiting()
        assert not derived.work()
    assert not derived.waiting()
    assert encoders.progress(row).done == PICTURES
    assert min(cosines(row)) > 0.999
    audit()
    encoders.activate(row, user=admin)
    audit()


def test_origin_says_what_it_was_learned_from(collection, source, admin):
    source.origin = {"data": "an older set"}
    row = projections.learn(source, ProjectionRequest("better", 8, "supervised", collection), user=admin)
    again = projections.learn(source, ProjectionRequest("again", 8, "supervised", collection), user=admin)
    assert row.origin == again.origin
    assert row.weights_sha256 == again.weights_sha256
    assert set(row.origin["learned_from"]) == {f"collection {collection.pk}", row.origin["data"], "an older set"}
    assert row.origin | {"data": "", "learned_from": []} == {
        "projected_from": "source", "source": str(source.pk), "source_sha256": source.weights_sha256,
        "method": "supervised", "labels": "tags", "collection": str(collection.pk), "vectors": PICTURES, "data": "",
        "learned_from": [],
    }  # fmt: skip
    Image.objects.first().delete()
    other = projections.learn(source, ProjectionRequest("other", 8, "supervised", collection), user=admin)
    assert other.origin["data"] != row.origin["data"]


def test_pictures_that_come_during_the_build_are_read_by_the_composed_network(collection, source, admin):
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    late = add(collection, 100)
    assert EmbeddingJob.objects.filter(image=late, encoder=row, state=JobState.PENDING).exists()
    derived.work()
    assert late.pk not in stored(row)
    work_off()
    assert encoders.progress(row).done == PICTURES + 1
    assert min(cosines(row)) > 0.999
    audit()


def test_new_pictures_of_one_that_smooths_are_read_once_for_both(collection, source, admin):
    row = projections.learn(source, ProjectionRequest("smooth", source.dimension, "neighbourhood"), user=admin)
    encoders.build(row, user=admin)
    assert (derived.waiting(), jobs.add_missing(row, limit=10)) == (False, 0)
    neighbourhoods.work()
    encoders.activate(row, user=admin)
    late = add(collection, 100)
    work_off()
    np.testing.assert_array_equal(stored(row)[late.pk], stored(source)[late.pk])
    assert neighbourhoods.waiting()
    neighbourhoods.work()
    assert np.abs(stored(row)[late.pk] - stored(source)[late.pk]).max() > 0
    assert (encoders.progress(row).done, len(stored(source))) == (PICTURES + 1, PICTURES + 1)
    audit()


def test_a_picture_that_failed_with_the_source_gets_an_ordinary_job(collection, source, admin):
    broken = Image.objects.first()
    Embedding.objects.filter(image=broken).delete()
    EmbeddingJob.objects.filter(image=broken).update(state=JobState.FAILED, error_code="x", error_text="It broke.")
    store.original(broken.sha256).unlink()
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    assert jobs.reconcile() == [broken.pk]
    derived.work()
    work_off()
    failed = EmbeddingJob.objects.get(image=broken, encoder=row)
    assert failed.error_code == "original_missing"
    assert encoders.progress(row).done == PICTURES - 1


def test_a_build_goes_on_where_it_was_broken_off(collection, source, admin, monkeypatch):
    monkeypatch.setattr(derived, "BATCH", 4)
    monkeypatch.setattr(derived, "WORK_SECONDS", -1)
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    real, calls = ledger.finish, []

    def dies(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "finish", dies)
        assert derived.work()
        assert derived.work()
        with pytest.raises(KeyboardInterrupt):
            derived.work()
    assert EmbeddingJob.objects.filter(encoder=row).count() == Embedding.objects.filter(encoder=row).count() == 8
    while derived.work():
        pass
    assert encoders.progress(row).done == PICTURES
    assert JobEvent.objects.filter(encoder=row, kind="done").count() == PICTURES
    assert derived.work() is False
    audit()


def test_a_deleted_picture_is_left_out_and_one_that_lost_its_vector_begins_a_new_round(collection, source, admin):
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    gone, lost = Image.objects.all()[:2]
    images.delete(gone, user=admin)
    derived.work()
    assert encoders.progress(row).done == PICTURES - 1
    Embedding.objects.filter(encoder=row, image=lost).delete()
    EmbeddingJob.objects.filter(encoder=row, image=lost).delete()
    derived.work()
    assert EmbeddingJob.objects.get(encoder=row, image=lost).round == 2
    audit()


def test_when_the_source_is_gone_the_network_does_the_rest(collection, source, admin, monkeypatch):
    monkeypatch.setattr(derived, "BATCH", 4)
    monkeypatch.setattr(derived, "WORK_SECONDS", -1)
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    derived.work()
    encoders.activate(row, user=admin, force_reason="test")
    source.refresh_from_db()
    encoders.drop(source, user=admin)
    assert not derived.waiting()
    jobs.reconcile()
    work_off()
    assert encoders.progress(row).done == PICTURES
    audit()


def test_a_source_file_that_is_missing_is_noted_and_the_network_does_it(collection, source, admin):
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    live.weights_path(source.weights_name).unlink()
    assert not derived.work()
    row.refresh_from_db()
    assert "source.safetensors" in row.origin["by_network"]
    assert len(jobs.reconcile()) > 0
    with pytest.raises(WeightsError):
        projections.learn(source, ProjectionRequest("other", 8), user=admin)


def test_an_active_encoder_is_left_to_ordinary_jobs(collection, source, admin):
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    row = encoders.build(row, user=admin)
    assert derived.source_of(row) == source
    row.state = EncoderState.ACTIVE
    assert derived.source_of(row) is None
    assert derived.source_of(source) is None


def test_the_reconciler_sends_for_it_and_it_sends_for_itself(collection, source, admin, monkeypatch):
    sent = []
    monkeypatch.setattr(messages, "send", lambda task, args=(): sent.append(task.name))
    monkeypatch.setattr(looking, "lacking", Image.objects.none)
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    tasks.reconcile()
    assert sent == []
    encoders.build(row, user=admin)
    tasks.reconcile()
    assert sent == ["retrieval.tasks.derive"]
    monkeypatch.setattr(derived, "BATCH", 4)
    monkeypatch.setattr(derived, "WORK_SECONDS", -1)
    tasks.derive()
    assert sent == ["retrieval.tasks.derive"] * 2


def test_a_worse_one_is_refused_by_its_scorecard(collection, source, admin):
    """One number cannot tell six labels apart that the source keeps well apart."""
    chance = np.random.default_rng(0)
    for number, vector in enumerate(Embedding.objects.order_by("pk")):
        apart = np.eye(24)[number // 3] + chance.normal(0, 0.05, 24)
        vector.vector = apart / np.linalg.norm(apart)
        vector.save()
    row = projections.learn(source, ProjectionRequest("worse", 1, collection=collection), user=admin)
    encoders.build(row, user=admin)
    derived.work()
    both = [row, source]
    result = evaluation.run(both, source=CollectionLabels(collection, admin, by="group_key"))
    evaluation.save_scorecards(both, result=result)
    assert result.reports[0].overall["mAP"].mean < result.reports[1].overall["mAP"].mean - 0.005
    with pytest.raises(Conflict) as refused:
        encoders.activate(row, user=admin)
    assert refused.value.code == "encoder_worse"
    encoders.activate(row, user=admin, force_reason="test")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dimension": 25}, "dimension"), ({"dimension": 0}, "dimension"), ({"method": "magic"}, "method"),
        ({"by": "colour"}, "by"), ({"name": "../evil"}, "name"), ({"name": "x" * 81}, "name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_field(changes, field, source, admin):
    with pytest.raises(InvalidInput) as refused:
        projections.learn(source, replace(ProjectionRequest("better", 8), **changes), user=admin)
    assert set(refused.value.fields) == {field}


def test_too_few_vectors_or_labels_are_refused(source, admin, collection):
    Embedding.objects.filter(image__in=Image.objects.all()[8:]).delete()
    with pytest.raises(InvalidInput, match="8 such pictures have a vector"):
        projections.learn(source, ProjectionRequest("better", 8), user=admin)
    Image.objects.update(tags=["red"])
    with pytest.raises(InvalidInput, match="two labels"):
        projections.learn(source, ProjectionRequest("better", 4, "supervised"), user=admin)
    Image.objects.update(tags=[])
    with pytest.raises(InvalidInput, match="0 such pictures"):
        projections.learn(source, ProjectionRequest("better", 4, "supervised"), user=admin)


def test_what_people_judged_alike_is_a_label(source, admin, collection):
    reds, greens, blues = (list(Image.objects.filter(tags=[tag]).order_by("pk")) for tag in ("red", "green", "blue"))
    other = UserFactory()
    for one, two, grade, by in [
        (reds[0], reds[1], 2, admin), (reds[2], reds[1], 1, admin), (greens[1], greens[0], 2, admin),
        (blues[0], reds[0], 0, admin),  # judged, and not alike
        (blues[1], greens[0], 1, admin), (blues[1], greens[0], 0, other),  # on the whole not alike
    ]:  # fmt: skip
        Judgement.objects.create(query=one, answer=two, user=by, collection=collection, grade=grade)
    assert alike(Image.objects.all()) == {
        **{image.pk: str(reds[0].pk) for image in reds[:3]}, **{image.pk: str(greens[0].pk) for image in greens[:2]}
    }  # fmt: skip
    row = projections.learn(source, ProjectionRequest("judged", 2, "supervised", collection, "judgements"), user=admin)
    assert (row.origin["labels"], row.origin["vectors"]) == ("judgements", 5)


def test_what_somebody_taught_by_clicks_is_a_label_of_his_own(source, admin, collection):
    reds, greens, blues = (list(Image.objects.filter(tags=[tag]).order_by("pk")) for tag in ("red", "green", "blue"))
    warm, cold = (Concept.objects.create(user=admin, name=name) for name in ("warm", "cold"))
    foreign = Concept.objects.create(user=UserFactory(), name="other")
    for concept, image, right in [
        (warm, reds[0], True), (warm, reds[1], True), (warm, greens[0], False), (cold, blues[0], True),
        (cold, blues[1], True), (cold, reds[1], True), (foreign, greens[1], True),
    ]:  # fmt: skip
        ConceptExample.objects.create(concept=concept, image=image, user=concept.user, right=right)
    mine = {
        **dict.fromkeys((reds[0].pk, reds[1].pk), str(warm.pk)),
        **dict.fromkeys((b.pk for b in blues[:2]), str(cold.pk)),
    }
    assert clicked(Image.objects.all(), user=admin) == mine
    assert clicked(Image.objects.all(), user=None) == {**mine, greens[1].pk: str(foreign.pk)}
    row = projections.learn(source, ProjectionRequest("taught", 2, "supervised", collection, "clicks"), user=admin)
    assert (row.origin["labels"], row.origin["vectors"]) == ("clicks", 4)


def test_judgements_of_pictures_that_one_does_not_see_count_for_nothing(source, admin, collection):
    hidden = add(CollectionFactory(owner=UserFactory()), 1)
    shown = Image.objects.filter(collection=collection).first()
    Judgement.objects.create(query=shown, answer=hidden, user=admin, collection=collection, grade=2)
    assert alike(Image.objects.filter(collection=collection)) == {}


def test_chains_of_judged_pairs_are_one_label_in_any_order(source, admin, collection):
    images = list(Image.objects.order_by("pk")[:6])
    for one, two in [(5, 4), (1, 0), (3, 2), (2, 4), (0, 3)]:
        Judgement.objects.create(query=images[one], answer=images[two], user=admin, collection=collection, grade=2)
    assert alike(Image.objects.all()) == dict.fromkeys((image.pk for image in images), str(images[0].pk))


def test_an_untrained_encoder_is_refused(source, admin):
    source.trained = False
    with pytest.raises(InvalidInput, match="untrained"):
        projections.learn(source, ProjectionRequest("better", 8), user=admin)


def test_rights_and_names(collection, source, admin):
    stranger = UserFactory(is_staff=True, is_superuser=True)
    with pytest.raises(Forbidden):
        projections.learn(source, ProjectionRequest("better", 8), user=UserFactory())
    with pytest.raises(NotFound):
        projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=stranger)
    with pytest.raises(InvalidInput, match="0 such pictures"):
        projections.learn(source, ProjectionRequest("better", 8), user=stranger)
    with pytest.raises(Conflict):
        projections.learn(source, ProjectionRequest("source", 8), user=admin)
    assert projections.learn(source, ProjectionRequest("better", 8), user=None).origin["vectors"] == PICTURES


def test_no_more_vectors_are_read_than_needed(collection, source, admin, monkeypatch):
    monkeypatch.setattr(projections, "MOST_VECTORS", 12)
    rows = [
        projections.learn(source, ProjectionRequest(f"n{number}", 4, "supervised", by="group_key"), user=admin)
        for number in range(2)
    ]
    assert [row.origin["vectors"] for row in rows] == [12, 12]
    assert rows[0].weights_sha256 == rows[1].weights_sha256


def test_the_command_learns_and_says_what_next(collection, source):
    out = StringIO()
    options = {"method": "supervised", "dimension": 8, "collection": collection.name, "stdout": out}
    call_command("learn_projection", "source", **options)
    assert f"source-supervised-8 is a draft encoder now: 8 dimensions, learned on {PICTURES} vectors." in out.getvalue()
    call_command("learn_projection", "source", name="mine", method="pca", dimension=4, stdout=out)
    assert "mine is a draft" in out.getvalue()
    call_command("learn_projection", "source", method="neighbourhood", stdout=out)
    assert "source-neighbourhood is a draft encoder now: 24 dimensions, smoothed of source." in out.getvalue()
    for wrong in ({"collection": "nowhere"}, {"collection": str(uuid.uuid4())}, {"dimension": 99}):
        with pytest.raises(CommandError):
            call_command("learn_projection", "source", **{**options, "name": "other", **wrong})
    CollectionFactory(name=collection.name)
    with pytest.raises(CommandError, match="several collections"):
        call_command("learn_projection", "source", **{**options, "name": "other"})
    call_command("learn_projection", "source", **{**options, "name": "other", "collection": str(collection.pk)})


def test_stored_vectors_come_back_as_they_were():
    raw = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32) * 40
    units = vectors.unit(raw)
    np.testing.assert_allclose(vectors.raw(units.vectors, units.lengths), raw, rtol=2e-3, atol=1e-2)
