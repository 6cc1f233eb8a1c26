"""What another keeps private: answered like what does not exist, word for word and in the same time."""

from __future__ import annotations

import io
import random
import statistics
import time
import uuid
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval import conf, tasks
from retrieval.ingest import sandbox, store
from retrieval.models import Image
from retrieval.services.images import images
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory
from tests.ingest.pictures import sample

BASE = "/api/v1/images/"
# How far apart the medians of a thousand answers may be before a caller could tell them apart.
ALIKE = 0.1
COPIES = 20


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(tasks, "wake", lambda *_: None)


@pytest.fixture(autouse=True)
def encoder(db):
    return EncoderFactory()


def asked(client, ids):
    """Ask for each picture once; return the bodies with their status, and the seconds that each took."""
    answers, times = [], []
    for image_id in ids:
        began = time.perf_counter()
        answer = client.get(f"{BASE}{image_id}/")
        times.append(time.perf_counter() - began)
        answers.append((answer.status_code, answer.content))
    return answers, times


def compared(client, hidden, count):
    """Ask for hidden and for made-up ids in a random order; return all answers, and both medians in milliseconds."""
    ids = [(pk, "hidden") for pk in hidden] + [(uuid.uuid4(), "absent") for _ in range(count)]
    random.Random(5).shuffle(ids)
    answers, times = asked(client, [pk for pk, _ in ids])
    medians = [
        1000 * statistics.median(each for each, (_, kind) in zip(times, ids, strict=True) if kind == wanted)
        for wanted in ("hidden", "absent")
    ]
    return set(answers), medians


def kept_private(collection, count):
    rows = [ImageFactory.build(collection=collection, uploader=collection.owner) for _ in range(count)]
    return [row.pk for row in Image.objects.bulk_create(rows)]


@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.long)])
def test_hidden_pictures_answer_like_absent_ones(collection, stranger, calls, count, figure):
    client, hidden = calls(stranger), kept_private(collection, count)
    if count >= 1_000:
        asked(client, hidden[:20])  # the first ones take longer
    answers, (there, nowhere) = compared(client, hidden, count)
    ((status, _),) = answers
    assert status == 404
    if count >= 1_000:
        assert abs(there / nowhere - 1) < ALIKE
        figure(f"{count:,} hidden and {count:,} absent ids: one body, medians {there:.2f} and {nowhere:.2f} ms")


@pytest.mark.long  # it compares times, which a busy machine may hide
def test_a_look_at_the_row_before_the_rights_gives_it_away(collection, stranger, calls, monkeypatch):
    def careless(image_id, *, user):
        found = Image.objects.filter(pk=image_id).first()
        if found is None:
            raise images.NotFound("There is no such picture.")
        list(Image.objects.filter(pk=found.pk).with_status())
        raise images.NotFound("There is no such picture.")

    client, hidden = calls(stranger), kept_private(collection, 50)
    asked(client, hidden[:20])
    monkeypatch.setattr(images, "get", careless)
    answers, (there, nowhere) = compared(client, hidden, 50)
    assert len(answers) == 1
    assert there / nowhere - 1 > ALIKE


def named(data, name="a.jpg"):
    file = io.BytesIO(data)
    file.name = name
    return file


def sent(client, collection, data):
    """Put a file in; return the status, the fields of the answer, and the statements it took."""
    with CaptureQueriesContext(connection) as seen:
        answer = client.post(BASE, {"file": named(data), "collection": str(collection.pk)}, format="multipart")
    body = answer.json()
    shown = {name: body[name] for name in ("status", "error", "width", "height", "format", "title")}
    return answer.status_code, shown, [statement["sql"].split(" ", 1)[0] for statement in seen]


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded."""
    real, found = sandbox.upload, []
    monkeypatch.setattr(sandbox, "upload", lambda data, **named: found.append(data) or real(data, **named))
    return found


def copies(count):
    return [sample("JPEG", seed=seed) for seed in range(count)]


def test_a_copy_of_anothers_private_file_is_a_new_file(collection, stranger, calls, decoded, figure):
    mine = CollectionFactory(owner=stranger)
    client, theirs, fresh = calls(stranger), copies(COPIES), [sample("JPEG", seed=100 + n) for n in range(COPIES)]
    for data in theirs:
        assert sent(calls(collection.owner), collection, data)[0] == 201
    sent(client, mine, sample("JPEG", seed=99))
    decoded.clear()
    for copy, new in zip(theirs, fresh, strict=True):
        assert sent(client, mine, copy) == sent(client, mine, new)
    assert len(decoded) == 2 * COPIES
    figure(f"{COPIES} copies and {COPIES} new files: the same answers, the same statements, each decoded")


def test_where_bytes_are_known_everywhere_a_copy_is_told_apart(collection, stranger, calls, decoded, monkeypatch):
    (data,) = copies(1)
    sent(calls(collection.owner), collection, data)

    def known_anywhere(_collection, digests):
        return {image.sha256: image for image in Image.objects.filter(sha256__in=list(digests))}

    monkeypatch.setattr(store, "known", known_anywhere)
    decoded.clear()
    answer = calls(stranger).post(
        BASE, {"file": named(data), "collection": str(CollectionFactory(owner=stranger).pk)}, format="multipart"
    )
    assert answer.status_code != 201
    assert decoded == []
