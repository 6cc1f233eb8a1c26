"""The page of a picture that was read: its lines, those that were looked for, where they stand; the switch."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from django.urls import reverse

from retrieval import reading
from retrieval.models import ImageText
from retrieval.reading import TextLine
from retrieval.web.reading import page_of
from retrieval.work import texts
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db

LINES = [TextLine("Green <tea>", 0.25, 0.5, 0.5, 0.1, 0.9), TextLine("合计 12.50", 0.25, 0.8, 0.5, 0.1, 0.9)]


@pytest.fixture
def image():
    collection = CollectionFactory(read_text=True)
    image = ImageFactory(collection=collection, width=2560, height=1280)
    ImageText.objects.bulk_create([texts.row(image, LINES)])
    return image


def page(client, image, **query):
    client.force_login(image.collection.owner)
    return client.get(reverse("web:picture", args=[image.pk]), query).content.decode()


def test_the_page_shows_the_lines_and_where_they_stand(client, image):
    shown = page(client, image)
    assert "Green &lt;tea&gt;<br>合计 12.50" in shown
    assert "handwriting only at times" in shown
    drawing = unquote(shown.partition('src="data:image/svg+xml,')[2].partition('"')[0])
    assert 'width="1280" height="640"' in drawing
    assert '<rect x="320.0" y="320.0" width="640.0" height="64.0"' in drawing
    assert "<mark>" not in shown
    assert 'id="marks" src' in shown
    assert 'aria-pressed="false"' in shown


def test_what_was_looked_for_is_marked_at_once(client, image):
    shown = page(client, image, text="合计 castle")
    assert "<mark>合计 12.50</mark>" in shown
    assert "<mark>Green" not in shown
    assert 'aria-pressed="true"' in shown


def test_where_nothing_is_read_nothing_is_said_of_it(client, image):
    type(image.collection).objects.update(read_text=False)
    assert "Words on the picture" not in page(client, image)


def test_nothing_of_it_where_a_picture_has_no_lines(image):
    from retrieval.services.images.texts import Text

    assert page_of(image, Text(""), wanted="") is None


@pytest.mark.parametrize("installed", [True, False])
def test_a_manager_switches_it_on_where_it_is_installed(client, monkeypatch, installed):
    monkeypatch.setattr(reading, "is_installed", lambda: installed)
    collection = CollectionFactory()
    client.force_login(collection.owner)
    sent = {"name": collection.name, "visibility": "private", "read_text": "on", "initial-name": collection.name}
    answer = client.post(reverse("web:collection_settings", args=[collection.pk]), sent)
    collection.refresh_from_db()
    assert collection.read_text is installed
    assert (answer.status_code == 302) is installed
    assert ("make extras" in answer.content.decode()) is not installed
