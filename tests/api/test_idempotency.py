"""Keys of uploads are kept for a week once they made a picture, each for one person and one request."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from retrieval import conf, tasks
from retrieval.errors import Conflict
from retrieval.ingest import sandbox
from retrieval.models import IdempotencyKey, Image
from retrieval.services.images import idempotency
from retrieval.services.images.idempotency import Key
from tests.ingest.pictures import sample

BASE = "/api/v1/images/"
KEY = Key("upload-1", "a" * 64)


def test_a_key_leads_to_what_it_made(owner, stranger):
    image_id = uuid4()
    assert idempotency.recall(KEY, user=owner) is None
    idempotency.remember(KEY, user=owner, image_id=image_id)
    assert idempotency.recall(KEY, user=owner) == image_id
    assert idempotency.recall(KEY, user=stranger) is None


def test_a_key_of_another_request_is_refused(owner):
    idempotency.remember(KEY, user=owner, image_id=uuid4())
    with pytest.raises(Conflict):
        idempotency.recall(Key(KEY.text, "b" * 64), user=owner)


def test_old_keys_are_forgotten(owner, stranger):
    for person in (owner, stranger):
        idempotency.remember(KEY, user=person, image_id=uuid4())
    old = timezone.now() - idempotency.KEEP - timedelta(minutes=1)
    IdempotencyKey.objects.filter(user=owner).update(created_at=old)
    assert idempotency.forget_old() == 1
    assert IdempotencyKey.objects.get().user == stranger


@pytest.fixture
def own_folder(settings, tmp_path, monkeypatch):
    """Keep the files of a test apart; nobody embeds them."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(tasks, "wake", lambda *_: None)


@pytest.fixture
def send(own_folder, owner, collection, calls):
    """Put a file in with one key, as the owner."""

    def make(data, key="k"):
        file = named(data)
        body = {"file": file, "collection": str(collection.pk)}
        return calls(owner).post(BASE, body, format="multipart", HTTP_IDEMPOTENCY_KEY=key)

    return make


def named(data):
    file = io.BytesIO(data)
    file.name = "a.jpg"
    return file


def test_a_refused_file_leaves_its_key_to_the_mended_one(send):
    broken, whole = sample("JPEG", seed=1)[:200], sample("JPEG", seed=1)
    assert [send(broken).status_code for _ in range(2)] == [415, 415]
    assert not IdempotencyKey.objects.exists()
    made = send(whole)
    assert (made.status_code, send(whole).json()) == (201, made.json())
    assert send(broken).json()["error"]["code"] == "idempotency_key_reused"


def test_a_key_that_was_kept_before_anything_was_made_is_free(send, owner):
    IdempotencyKey.objects.create(user=owner, key="k", fingerprint="b" * 64, image_id=None)
    made = send(sample("JPEG", seed=1))
    assert (made.status_code, send(sample("JPEG", seed=1)).json()) == (201, made.json())


def test_a_picture_that_is_gone_does_not_come_back_by_its_key(send, owner, calls):
    data = sample("JPEG", seed=1)
    made = send(data).json()
    assert calls(owner).delete(f"{BASE}{made['id']}/").status_code == 204
    again = send(data)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "picture_gone")
    assert calls(owner).post(f"{BASE}{made['id']}/restore/").status_code == 200
    assert send(data).json() == made
    assert calls(owner).delete(f"{BASE}{made['id']}/").status_code == 204
    assert send(data, key="another").status_code == 201


@pytest.fixture
def at_once(send, monkeypatch):
    """Send several files at the same time with one key, each waiting in the decoder for the others; their answers."""

    def ask(*files):
        real, meet = sandbox.upload, Barrier(len(files))

        def together(data, **named):
            with suppress(BrokenBarrierError):  # the others are not allowed here
                meet.wait(2)
            return real(data, **named)

        def one(data):
            try:
                return send(data)
            finally:
                connections.close_all()

        monkeypatch.setattr(sandbox, "upload", together)
        with ThreadPoolExecutor(len(files)) as threads:
            return list(threads.map(one, files))

    return ask


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_twice_at_once_makes_one_picture_and_one_answer(at_once):
    first, second = at_once(*[sample("JPEG", seed=1)] * 2)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_key_with_two_files_at_once_makes_one_picture(at_once):
    answers = at_once(sample("JPEG", seed=1), sample("JPEG", seed=2))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_refused_file_and_a_whole_one_at_once_make_the_whole_one(at_once):
    answers = at_once(sample("JPEG", seed=1)[:200], sample("JPEG", seed=1))
    assert [answer.status_code for answer in answers] in ([415, 201], [409, 201])
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_one_key_makes_two_pictures(at_once, monkeypatch):
    monkeypatch.setattr(idempotency, "alone", lambda key, *, user: nullcontext())
    at_once(sample("JPEG", seed=1), sample("JPEG", seed=2))
    assert Image.objects.count() == 2
