"""The page of a collection's sources: made, refused at its form, paused, read at once, changed, removed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from retrieval import conf, tasks
from retrieval.models import Source
from tests.factories import CollectionFactory, UserFactory

pytestmark = pytest.mark.django_db

GATE = {"name": "Gate", "kind": "address", "place": "https://camera.example/x.jpg", "every_minutes": 5, "keep_days": ""}


@pytest.fixture
def collection():
    return CollectionFactory()


@pytest.fixture
def page(client, collection, monkeypatch):
    monkeypatch.setattr(tasks, "wake", lambda *_: None)
    client.force_login(collection.owner)
    return reverse("web:sources", args=[collection.pk])


def at(name, source):
    return reverse(f"web:{name}", args=[source.collection_id, source.pk])


def test_a_source_from_its_making_to_its_end(client, page):
    assert "No sources yet" in client.get(page).content.decode()
    client.post(page, {**GATE, "username": "viewer", "password": "s3cret"})
    source = Source.objects.get()
    assert (source.every_minutes, source.keep_days, source.password) == (5, None, "s3cret")
    shown = client.get(page).content.decode()
    assert "Gate" in shown
    assert "s3cret" not in shown
    client.post(at("source_change", source), {"active": "off"})
    client.post(
        at("source_change", source), {**GATE, "name": "Yard", "keep_days": 7, "username": "viewer", "password": ""}
    )
    client.post(at("source_read", source))
    source.refresh_from_db()
    changed = source.name, source.keep_days, source.active, source.asked, source.password
    assert changed == ("Yard", 7, False, True, "s3cret")
    client.post(at("source_remove", source))
    assert not Source.objects.exists()


def test_what_is_refused_is_said_and_what_was_typed_stays(client, page):
    answer = client.post(page, {**GATE, "place": "ftp://camera.example/x", "password": "s3cret"})
    shown = answer.content.decode()
    assert answer.status_code == 400
    assert 'role="alert"' in shown
    assert "ftp://camera.example/x" in shown
    assert "s3cret" not in shown


def test_failures_are_said_in_words_that_help(client, page, collection):
    source = Source.objects.create(
        **{**GATE, "keep_days": None}, collection=collection, user=UserFactory(username="ada")
    )
    refusal = {"name": "<b>.jpg", "code": "text_not_read", "message": "No.", "at": "2026-01-01T00:00:00+00:00"}
    Source.objects.update(error_code="forbidden", error_text="x", refusals=[refusal])
    shown = client.get(page).content.decode()
    assert "ada may not have it read into this collection any more" in shown
    assert "&lt;b&gt;.jpg" in shown
    assert source.name in shown


def test_a_manager_without_the_right_reads_why_a_folder_does_not_go_on(client, page, collection):
    folder = {**GATE, "kind": "folder", "place": "/srv/scans"}
    source = Source.objects.create(
        **{**folder, "keep_days": None}, collection=collection, user=UserFactory(), active=False
    )
    shown = client.post(at("source_change", source), {"active": "on"}, follow=True).content.decode()
    assert "Only administrators have folders of the server read." in shown
    assert client.post(page, folder).status_code == 403
    source.refresh_from_db()
    assert not source.active


def test_folders_are_offered_to_those_who_may_have_them_read(client, page, collection, settings, tmp_path):
    settings.IMAGESEARCH = replace(conf.get(), source_folders=(tmp_path,))
    assert str(tmp_path) not in client.get(page).content.decode()
    collection.owner.is_staff = collection.owner.is_superuser = True
    collection.owner.save()
    assert str(tmp_path) in client.get(page).content.decode()
