"""What an edge changes wakes the same workers, whichever edge it was."""

from __future__ import annotations

import pytest
from django.test import Client

from retrieval import tasks
from retrieval.services.encoders import encoders
from retrieval.services.images import images
from retrieval.work import jobs
from tests.factories import EncoderFactory, ImageFactory, UserFactory


@pytest.fixture
def woken(monkeypatch):
    """The names of the tasks that were woken."""
    found = []
    monkeypatch.setattr(tasks, "wake", lambda task: found.append(task.name.rsplit(".", 1)[-1]))
    return found


@pytest.fixture
def root(db):
    return UserFactory(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def edges(calls, root):
    """The three edges, each with a way to post to it."""
    browser = Client()
    browser.force_login(root)
    return {
        "page": lambda path, data=None: browser.post(path, data or {}),
        "api": lambda path, data=None: calls(root).post(f"/api/v1{path}", data or {}, format="json"),
        "admin": lambda path, data=None: browser.post(f"/admin{path}", data or {}),
    }


def of_admin(action, row):
    return {"action": action, "_selected_action": [str(row.pk)]}


def ask_all(edges, woken, asked):
    """Ask each edge; return what each woke."""
    found = {}
    for name, (path, data) in asked.items():
        answer = edges[name](path, data)
        assert answer.status_code in {200, 202, 302}, (name, answer.status_code)
        found[name] = list(woken)
        woken.clear()
    return found


def test_a_switch_of_encoders_wakes_the_reconciler(edges, woken, monkeypatch):
    row = EncoderFactory()
    monkeypatch.setattr(encoders, "activate", lambda found, **_: found)
    asked = {
        "page": (f"/encoders/{row.pk}/activate/", None),
        "api": (f"/encoders/{row.pk}/activate/", None),
        "admin": ("/retrieval/encoder/", of_admin("activate", row)),
    }
    assert ask_all(edges, woken, asked) == {key: ["reconcile"] for key in asked}


def test_failed_pictures_tried_again_wake_who_embeds_and_who_derives(edges, woken, monkeypatch):
    monkeypatch.setattr(jobs, "retry_failed", lambda *_, **__: 1)
    asked = {"page": ("/activity/retry/", None), "api": ("/jobs/retry/", None)}
    assert ask_all(edges, woken, asked) == {key: ["embed", "derive"] for key in asked}


def test_a_picture_brought_back_wakes_who_embeds(edges, woken, monkeypatch, root):
    image = ImageFactory(collection__owner=root)
    monkeypatch.setattr(images, "restore", lambda *_, **__: image)
    asked = {"page": (f"/pictures/{image.pk}/restore/", None), "api": (f"/images/{image.pk}/restore/", None)}
    assert ask_all(edges, woken, asked) == {key: ["embed"] for key in asked}
