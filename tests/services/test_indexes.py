"""When an index is built, how its state is told, and how right it answers."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from retrieval.errors import Conflict, Forbidden
from retrieval.models import AuditEvent, Collection, IndexKind, RecallFigure
from retrieval.search import indexes as room
from retrieval.search import query
from retrieval.services.encoders import indexes
from retrieval.services.encoders.indexes import IndexState
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.powers import as_operator
from tests.search.rows import DIMENSION, clustered, drop_indexes, put

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def clean(db):
    """Leave no index behind."""
    yield
    drop_indexes()


@pytest.fixture
def encoder(db, settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, exact_candidates=50)
    return EncoderFactory(dimension=DIMENSION)


@pytest.fixture
def large(encoder):
    put(CollectionFactory(), clustered(300, seed=1), encoder=encoder)
    return encoder


def spoil(encoder):
    as_operator(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{room.name_of(encoder)}'::regclass")


def test_few_vectors_need_no_index(encoder):
    put(CollectionFactory(), clustered(50, seed=1), encoder=encoder)
    assert indexes.ensure(encoder).state == IndexState.UNNEEDED
    assert room.find(encoder) is None


def test_many_vectors_get_one(large):
    assert indexes.report(large).state == IndexState.MISSING
    done = indexes.ensure(large)
    assert (done.state, done.vectors) == (IndexState.READY, 300)
    assert done.size > 0


def test_an_invalid_index_is_seen_and_repaired(large):
    indexes.ensure(large)
    spoil(large)
    assert indexes.report(large).state == IndexState.INVALID
    assert indexes.ensure(large).state == IndexState.READY


def test_without_the_look_at_it_a_broken_index_is_taken_for_sound_and_stays(large, monkeypatch):
    indexes.ensure(large)
    spoil(large)
    real = room.find
    with monkeypatch.context() as patch:
        patch.setattr(room, "find", lambda encoder: replace(real(encoder), valid=True))
        assert indexes.ensure(large).state == IndexState.READY
    assert indexes.report(large).state == IndexState.INVALID


def test_too_many_dimensions_stay_without(large):
    large.dimension = 4_001
    assert indexes.report(large).state == IndexState.UNNEEDED


def test_a_builder_at_work_is_left_alone(large, monkeypatch):
    monkeypatch.setattr(room, "_one", lambda statement, *values: (False,) if "lock" in statement else None)
    assert indexes.ensure(large).state == IndexState.BUILDING


def test_indexes_of_nobody_are_dropped(large):
    indexes.ensure(large)
    assert indexes.tidy() == []
    large.delete()
    assert len(indexes.tidy()) == 1
    assert room.names() == []


def test_dropping(large):
    indexes.ensure(large)
    indexes.drop(large)
    assert indexes.report(large).state == IndexState.MISSING


def test_guard_measures_and_keeps_the_figure(large):
    assert indexes.guard() is None
    indexes.ensure(large)
    figure = indexes.guard(queries=20)
    assert figure.recall >= 0.99
    assert (figure.queries, figure.k, figure.encoder) == (20, 10, large)
    assert RecallFigure.objects.get() == figure


def test_guard_sees_a_bad_index(large, monkeypatch):
    indexes.ensure(large)
    sound = query.approximate

    def lose_the_nearest(question, sought, asking):
        rows = sound(replace(question, k=question.k + 5), sought, asking=asking)
        return rows and rows[5:]

    monkeypatch.setattr(query, "approximate", lose_the_nearest)
    assert indexes.guard(queries=20).recall == pytest.approx(0.5)


def test_guard_leaves_deleted_pictures_out(encoder):
    put(CollectionFactory(), clustered(60, seed=1), encoder=encoder)
    indexes.ensure(encoder)
    Collection.objects.get().images.first().embeddings.update(collection=None)
    assert indexes.guard(queries=100).queries == 59


def test_another_kind_is_built_beside_the_one_in_use_and_measured(large):
    indexes.ensure(large)
    indexes.measure_new()
    chosen = indexes.choose(large, IndexKind.BITS, user=UserFactory(is_staff=True, is_superuser=True))
    assert (chosen.index_kind, len(chosen.bits_centre)) == ("bits", DIMENSION)
    assert indexes.tidy() == []  # searches still use it
    assert indexes.ensure(chosen).state == IndexState.READY
    assert indexes.tidy() == [room.name_of(chosen, IndexKind.HALVES)]
    indexes.measure_new()
    indexes.measure_new()
    halves, bits = indexes.choices(chosen)
    assert (halves.kind, halves.wanted, halves.size) == (IndexKind.HALVES, False, 0)
    assert (bits.kind, bits.wanted, bits.size) == (IndexKind.BITS, True, room.find(chosen).size)
    assert bits.measured.recall == 1.0  # of 300 all are ranked again
    assert halves.measured.size > 0
    assert RecallFigure.objects.count() == 2
    assert AuditEvent.objects.get(action="encoder.index").detail == {"name": large.name, "kind": "bits"}


def test_back_to_halves(large):
    admin = UserFactory(is_staff=True, is_superuser=True)
    chosen = indexes.choose(indexes.choose(large, IndexKind.BITS, user=admin), IndexKind.HALVES, user=admin)
    assert (chosen.index_kind, chosen.bits_centre) == ("halves", None)
    assert indexes.ensure(chosen).state == IndexState.READY


def test_a_kind_is_chosen_by_administrators_once_there_are_vectors(encoder):
    with pytest.raises(Forbidden):
        indexes.choose(encoder, IndexKind.BITS, user=UserFactory(is_staff=True))
    with pytest.raises(Conflict) as refused:
        indexes.choose(encoder, IndexKind.BITS, user=UserFactory(is_staff=True, is_superuser=True))
    assert refused.value.code == "encoder_incomplete"


def run(*words):
    out = StringIO()
    call_command("build_index", *words, stdout=out)
    return out.getvalue()


def test_command_builds_says_so_and_tidies(large):
    with pytest.raises(CommandError, match="not ready"):
        run("--check")
    assert f"{large.name}: ready, 300 vectors" in run()
    assert "ready" in run("--rebuild", "--encoder", large.name)
    assert "ready" in run("--check")
    large.delete()
    assert "dropped embedding_hnsw_" in run()


def test_command_knows_its_encoders(large):
    with pytest.raises(CommandError, match="no encoder named"):
        run("--encoder", "nobody")
