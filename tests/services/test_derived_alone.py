"""Vectors that are derived from stored ones: by one process at a time."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from retrieval.models import Encoder
from retrieval.services.encoders import encoders, projections
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.work import derived
from tests.services.projected import PICTURES, beginning, world


@pytest.mark.django_db(transaction=True)
def test_only_one_process_works_on_an_encoder(tmp_path, monkeypatch):
    beginning(tmp_path, monkeypatch)
    collection = world()
    admin, source = collection.owner, Encoder.objects.get(name="source")
    row = projections.learn(source, ProjectionRequest("better", 8, collection=collection), user=admin)
    encoders.build(row, user=admin)
    held, done = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Encoder.objects.select_for_update(no_key=True).get(pk=row.pk)
            held.set()
            done.wait(60)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    held.wait(60)
    assert not derived.work()
    assert encoders.progress(row).done == 0
    done.set()
    other.join()
    derived.work()
    assert encoders.progress(row).done == PICTURES
