"""Smoothed vectors, through whatever comes and goes: always what a literal smoothing of each collection gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.db import transaction

from retrieval import live_encoders
from retrieval.errors import Conflict, InvalidInput
from retrieval.evaluation import LabelledSet
from retrieval.matching import neighbourhood
from retrieval.models import (
    Embedding,
    EmbeddingJob,
    Encoder,
    EncoderState,
    Image,
    JobState,
    Neighbours,
    SmoothedCollection,
)
from retrieval.search import QueryVector, stored, vectors
from retrieval.services.encoders import encoders, projections, weights
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.services.evaluation import as_stored
from retrieval.services.operations import audit_smoothed
from retrieval.services.searching import smoothing
from retrieval.work import jobs, ledger, neighbourhoods
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import clustered, put

pytestmark = pytest.mark.django_db
D = 8


@pytest.fixture
def source():
    return EncoderFactory(name="plain", dimension=D, trained=True)


@pytest.fixture
def smooth(source):
    return EncoderFactory(name="smooth", dimension=D, state=EncoderState.BUILDING, smooths=source)


@pytest.fixture
def homes():
    return [CollectionFactory(), CollectionFactory()]


@pytest.fixture
def gallery(source, smooth, homes):
    """Two collections of twelve, smoothed."""
    images = [put(home, clustered(12, seed=seed), encoder=source) for seed, home in enumerate(homes)]
    neighbourhoods.work()
    return images


def read(encoder, home):
    """Unit vectors by picture, of those that a search may find in a collection."""
    ids = Image.objects.alive().filter(collection=home).order_by("pk").values_list("pk", flat=True)
    return {pk: query.unit for pk, query in stored.queries(encoder, list(ids)).items()}


def require_smoothed(source, smooth, homes):
    """Each collection's vectors are those that smoothing all of it at once gives."""
    assert not neighbourhoods.waiting()
    for home in homes:
        plain, found = read(source, home), read(smooth, home)
        assert found.keys() == plain.keys()
        ids = list(plain)
        if ids:
            expected = vectors.unit(neighbourhood.of_gallery(np.stack([plain[pk] for pk in ids]))).vectors
            np.testing.assert_allclose(np.stack([found[pk] for pk in ids]), expected, atol=2e-3)
    assert list(audit_smoothed.smoothed()) == []


def times(encoder):
    """When the vector of each picture was stored."""
    return dict(Embedding.objects.filter(encoder=encoder).values_list("image_id", "created_at"))


def vector(seed):
    return vectors.one_by_one(clustered(1, seed=seed))[0]


def arrive(encoder, home, seed):
    """A picture that the pipeline brings."""
    image = ImageFactory(collection=home, uploader=home.owner)
    claim = replace(ledger.begin(encoder, [image.pk]), by_network=True)
    ledger.finish(claim, {image.pk: vector(seed)})
    return image


def move(image, home):
    with transaction.atomic():
        Image.objects.filter(pk=image.pk).update(collection=home)
        stored.place(image.pk, home.pk)


def trash(image):
    with transaction.atomic():
        Image.objects.filter(pk=image.pk).update(deleted_at="2026-01-01T00:00Z")
        stored.place(image.pk, None)


def restore(image):
    Image.objects.filter(pk=image.pk).update(deleted_at=None)
    stored.place(image.pk, image.collection_id)


def test_each_collection_is_smoothed_by_itself_and_jobs_are_done(source, smooth, homes, gallery):
    require_smoothed(source, smooth, homes)
    assert EmbeddingJob.objects.filter(encoder=smooth, state=JobState.DONE).count() == 24
    assert encoders.progress(smooth).complete
    assert jobs.add_missing(smooth, limit=10) == 0
    for home in homes:
        own = set(read(source, home))
        assert all(set(row.nearest) <= own for row in Neighbours.objects.filter(collection=home))


def test_comings_and_goings_leave_what_smoothing_anew_would_give(source, smooth, homes, gallery):
    one, other = homes
    steps = [
        lambda: [arrive(smooth, one, seed) for seed in range(20, 23)],
        lambda: trash(gallery[0][0]),
        lambda: (restore(gallery[0][0]), trash(gallery[0][1])),
        lambda: (move(gallery[0][2], other), move(gallery[1][3], one)),
        lambda: stored.put(source, {gallery[1][5].pk: vector(31)}, places={gallery[1][5].pk: other.pk}),
        gallery[0][4].delete,
        lambda: [trash(image) for image in gallery[1][6:]],
    ]
    for step in steps:
        step()
        assert neighbourhoods.waiting()
        neighbourhoods.work()
        require_smoothed(source, smooth, homes)


def test_only_those_are_made_again_whose_neighbours_changed(source, smooth, homes, gallery):
    before = dict(Neighbours.objects.values_list("image_id", "nearest"))
    stamps = times(smooth)
    newcomer = arrive(smooth, homes[0], 20)
    neighbourhoods.work()
    after = dict(Neighbours.objects.exclude(image=newcomer.pk).values_list("image_id", "nearest"))
    changed = {pk for pk in before if before[pk] != after[pk]}
    assert changed
    assert {pk for pk, at in times(smooth).items() if pk in stamps and at != stamps[pk]} == changed


def test_broken_off_anywhere_it_ends_in_the_same(source, smooth, homes, gallery, monkeypatch):
    monkeypatch.setattr(neighbourhoods, "MOST_AT_ONCE", 2)
    for seed in range(40, 46):
        arrive(smooth, homes[0], seed)
    trash(gallery[0][0])
    for lasting in range(20):
        left = iter([False] * lasting)
        monkeypatch.setattr(neighbourhoods.ending, "comes", lambda left=left: next(left, True))
        if lasting == 3:
            restore(gallery[0][0])
        neighbourhoods.work()
    monkeypatch.undo()
    neighbourhoods.work()
    require_smoothed(source, smooth, homes)


def test_one_that_came_from_elsewhere_is_ranked_by_nothing_of_there(source, smooth, homes, gallery):
    moved = gallery[0][0]
    move(moved, homes[1])
    plain, found = stored.one(source, moved.pk), stored.one(smooth, moved.pk)
    np.testing.assert_array_equal(found.unit, plain.unit)
    assert found.length == plain.length


def test_the_audit_sees_and_mends_what_is_stale(source, smooth, homes, gallery):
    far, missed, turned = gallery[0][0], gallery[0][1], gallery[1][0]
    row = Neighbours.objects.get(image=missed.pk)
    nearest = [pk for pk in read(source, homes[0]) if pk not in {*row.nearest, missed.pk}][:3]
    Neighbours.objects.filter(image=missed.pk).update(nearest=nearest, least=-1)
    Neighbours.objects.filter(image=far.pk).update(source_at="2020-01-01T00:00Z")
    stored.put(smooth, {turned.pk: vector(77)}, places={turned.pk: homes[1].pk})
    found = {finding.subject.split()[0] for finding in audit_smoothed.smoothed()}
    assert {str(far.pk), str(missed.pk), str(turned.pk)} <= found
    assert audit_smoothed.ask_again() == len(found)
    assert SmoothedCollection.objects.count() == 0
    neighbourhoods.work()
    require_smoothed(source, smooth, homes)


def test_a_query_is_smoothed_by_what_its_person_may_search(source, smooth, homes, gallery):
    query = QueryVector.of(vector(60).unit, length=1.0)
    for home in homes:
        (found,) = smoothing.smoothed([query], encoder=smooth, collections=None, user=home.owner)
        own = np.stack(list(read(source, home).values()))
        np.testing.assert_allclose(found.unit, neighbourhood.of_queries(query.unit[None], own)[0], atol=1e-6)
        assert smoothing.smoothed([query], encoder=source, collections=None, user=home.owner) == [query]
    (alone,) = smoothing.smoothed([query], encoder=smooth, collections=None, user=UserFactory())
    assert alone is query


def test_its_life_is_that_of_any_other(source, smooth, homes, gallery):
    admin = UserFactory(is_staff=True, is_superuser=True)
    assert encoders.activate(smooth, user=admin).state == EncoderState.ACTIVE
    with pytest.raises(Conflict) as refused:
        encoders.drop(Encoder.objects.get(pk=source.pk), user=admin)
    assert refused.value.code == "encoder_active"
    Encoder.objects.update(retired_at="2020-01-01T00:00Z")
    assert encoders.drop_expired() == 0
    encoders.activate(source, user=admin)
    arrive(source, homes[0], 70)
    with pytest.raises(Conflict) as refused:
        encoders.activate(smooth, user=admin, force_reason="all the same")
    assert refused.value.code == "encoder_incomplete"
    encoders.build(smooth, user=admin)
    neighbourhoods.work()
    encoders.activate(smooth, user=admin)
    require_smoothed(source, smooth, homes)


@pytest.mark.parametrize(
    ("changes", "field"), [({"dimension": 4}, "dimension"), ({"of": "smooth"}, "encoder"), ({"of": "wild"}, "encoder")]
)
def test_what_cannot_be_smoothed_is_refused_by_its_field(source, smooth, changes, field):
    EncoderFactory(name="wild", dimension=D, trained=False, state="draft")
    of = Encoder.objects.get(name=changes.pop("of", "plain"))
    request = ProjectionRequest("made", D, "neighbourhood")
    with pytest.raises(InvalidInput) as refused:
        projections.learn(of, replace(request, **changes), user=None)
    assert list(refused.value.fields) == [field]


def test_it_is_made_of_the_same_weights_and_measured_as_it_is_stored(source, homes, gallery):
    row = projections.learn(source, ProjectionRequest("made", D, "neighbourhood"), user=None)
    assert (row.smooths, row.state, row.weights_name) == (source, EncoderState.DRAFT, source.weights_name)
    raw = clustered(9, seed=5)
    items = LabelledSet(raw, np.zeros(9, np.int64), ("one",), tuple("abcdefghi"))
    plain, found = as_stored.galleries([source, row], [items, items])
    (asked,) = as_stored.queries([row], [items], [items])
    units = vectors.unit(raw).vectors
    assert plain is items
    np.testing.assert_allclose(vectors.unit(found.vectors).vectors, neighbourhood.of_gallery(units), atol=2e-3)
    np.testing.assert_allclose(vectors.unit(asked.vectors).vectors, neighbourhood.of_queries(units, units), atol=2e-3)
    assert as_stored.queries([row], [], [items]) == ()


def test_its_network_is_loaded_once_for_both(source, monkeypatch):
    loaded = []
    monkeypatch.setattr(live_encoders, "load", lambda row: loaded.append(row.name) or object())
    Encoder.objects.filter(pk=source.pk).update(weights_name="network.safetensors", weights_sha256="1" * 64)
    source.refresh_from_db()
    monkeypatch.setattr(weights, "calibration", lambda name, *, smoothed: {})
    row = projections.learn(source, ProjectionRequest("made", D, "neighbourhood"), user=None)
    assert live_encoders.for_row(source) is live_encoders.for_row(row)
    other = EncoderFactory(name="other", state="draft", weights_name=source.weights_name, weights_sha256="2" * 64)
    live_encoders.for_row(other)
    wider = EncoderFactory(name="wider", state="draft", spec={**source.spec, "image_size": 64})
    assert live_encoders.for_row(wider) is not live_encoders.for_row(other)
    assert loaded == ["plain", "other", "wider"]
