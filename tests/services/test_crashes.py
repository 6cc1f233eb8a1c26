"""The process ends at each point of an upload: before the commit it never happened, after it all becomes ready."""

from __future__ import annotations

import contextlib
import dataclasses
import io

import pytest

from retrieval import conf, live_encoders
from retrieval.ingest import files, sandbox, store
from retrieval.models import Embedding, EmbeddingJob, Image, UserUsage
from retrieval.services.images import images
from retrieval.services.operations import audit
from retrieval.work import jobs
from tests.factories import CollectionFactory, EncoderFactory
from tests.ingest.pictures import sample
from tests.services.test_jobs import ColourEncoder

TIMES = 20
POINTS = {
    "decoded": (sandbox, "upload"),
    "staged": (store, "lock"),
    "locked": (store, "known"),
    "inserted": (files, "place"),
}
DATA = sample()


class CrashError(BaseException):
    """Stands for the process being killed at this point."""


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)


@pytest.fixture
def collection(db, monkeypatch):
    monkeypatch.setattr(live_encoders, "for_row", lambda row: ColourEncoder())
    EncoderFactory(dimension=3)
    return CollectionFactory()


def put(collection, data=DATA):
    return images.add(images.Upload(io.BytesIO(data), "a.jpg"), user=collection.owner, collection=collection)


def crashing(act, *, after):
    """The same act, with an end before it or after it."""

    def both(*args, **kwargs):
        if after:
            act(*args, **kwargs)
        raise CrashError

    return both


def crash(collection, monkeypatch, *, point, after):
    room, name = POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(room, name, crashing(getattr(room, name), after=after))
        with pytest.raises(CrashError):
            put(collection)


def left():
    """What a crash left in the tables."""
    used = UserUsage.objects.values_list("images", flat=True).first() or 0
    return Image.objects.count(), EmbeddingJob.objects.count(), used


@pytest.mark.parametrize("times", [1, pytest.param(TIMES, marks=pytest.mark.long)])
def test_a_crash_before_the_commit_never_happened(collection, monkeypatch, times, figure):
    for point in POINTS:
        for after in (False, True) * times:
            crash(collection, monkeypatch, point=point, after=after)
            assert (point, after, left()) == (point, after, (0, 0, 0))
    assert put(collection).created
    if times == TIMES:
        figure(f"{2 * times * len(POINTS)} crashes at {2 * len(POINTS)} points before the commit: none happened")


def test_a_crash_after_the_commit_leaves_a_picture_that_becomes_ready(collection, monkeypatch, figure):
    for number in range(TIMES):
        with monkeypatch.context() as patch:
            patch.setattr(images, "_as_made", crashing(images._as_made, after=False))
            with pytest.raises(CrashError):
                put(collection, sample(seed=number))
    assert left() == (TIMES, TIMES, TIMES)
    assert jobs.reconcile()
    jobs.embed()
    assert Embedding.objects.count() == TIMES
    assert {finding.code for check in audit.checks() for finding in check.run()} == set()
    figure(f"{TIMES} crashes after the commit: {TIMES} ready")


def test_without_the_one_transaction_a_crash_leaves_half_a_picture(collection, monkeypatch):
    class NoTransaction:
        atomic = contextlib.nullcontext

    monkeypatch.setattr(store, "transaction", NoTransaction)
    crash(collection, monkeypatch, point="inserted", after=False)
    assert left() != (0, 0, 0)
