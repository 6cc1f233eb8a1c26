"""Concepts on pages: begun from a picture, taught a dozen at a time, kept at each answer, renamed and removed."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Concept, ConceptExample, Image
from tests.search.rows import thirty

pytestmark = pytest.mark.django_db

ASKED = re.compile(r'name="is-([0-9a-f-]{36})" value="yes"')
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def library(db):
    return thirty()


@pytest.fixture
def client(sees, library):
    return sees(library[0])


def asked_about(page):
    """What it asks about, without what it was taught, which stands behind."""
    return ASKED.findall(page.split("What it was taught")[0])


def begun(client, images):
    return client.post("/concepts/", {"name": "Hat", "id": str(images[0].pk)}).url


def test_a_picture_begins_a_concept_that_asks_a_dozen_and_is_taught(client, library):
    _, images = library
    assert 'action="/concepts/"' in client.get(f"/pictures/{images[0].pk}/").content.decode()
    url = begun(client, images)
    page = client.get(url).content.decode()
    asked = asked_about(page)
    assert (len(asked), "Too few examples" in page) == (12, True)
    said = {f"is-{pk}": ("yes", "no")[place % 2] for place, pk in enumerate(asked[:6])}
    assert client.post(f"{url}teach/", said).url == url
    page = client.get(url).content.decode()
    assert "4 are it, 3 are not" in page
    assert not set(asked_about(page)) & set(asked[:6])
    assert "Hat" in client.get("/concepts/").content.decode()


def test_each_answer_is_kept_and_the_next_dozen_leaves_out_what_was_passed(client, library):
    url = begun(client, library[1])
    first, second, *_ = asked_about(client.get(url).content.decode())
    told = client.post(f"{url}teach/", {f"is-{first}": "yes"}, **JSON).json()
    assert ("2 are it, 0 are not" in told["said"], told["next"]) == (True, "")
    said = {f"is-{second}": "skip", "more": "on", "passed": str(library[1][5].pk)}
    asked = set(ASKED.findall(client.post(f"{url}teach/", said, **JSON).json()["next"]))
    assert len(asked) == 12
    assert not asked & {first, second, str(library[1][5].pk)}
    client.post(f"{url}teach/", {f"is-{first}": "skip"}, **JSON)
    assert ConceptExample.objects.count() == 1


def test_the_same_name_is_taught_on_and_a_concept_is_renamed_and_removed(client, library):
    url = begun(client, library[1])
    assert client.post("/concepts/", {"name": " Hat ", "id": f"{library[1][1].pk},{library[1][2].pk}"}).url == url
    assert ConceptExample.objects.filter(right=True).count() == 3
    client.post(f"{url}rename/", {"name": "Cap"})
    assert Concept.objects.get().name == "Cap"
    client.post(f"{url}remove/")
    assert not Concept.objects.exists()


def test_one_that_was_taught_nothing_says_how_to_begin(client):
    url = client.post("/concepts/", {"name": "Hat"}).url
    assert "It was taught nothing yet" in client.get(url).content.decode()


@pytest.mark.parametrize("said", [{"is-x": "yes"}, {"is-0": "maybe"}])
def test_what_is_no_answer_is_refused(client, library, said):
    url = begun(client, library[1])
    assert client.post(f"{url}teach/", said).status_code == 400
    assert client.post("/concepts/", {"name": "Hat", "id": "x"}).status_code == 400


def test_all_that_look_like_it_are_tagged_and_taken_back_or_said_to_be_none(client, library):
    url = begun(client, library[1])
    page = client.get(url).content.decode()
    assert "look like “Hat”" in page
    suggested = re.search(r'name="id" value="([0-9a-f,-]{36,})"><button', page)[1]
    page = client.post(f"{url}suggested/", {"id": suggested, "act": "all"}, follow=True).content.decode()
    tagged = Image.objects.filter(tags=["Hat"])
    assert tagged.count() == len(suggested.split(",")) > 1
    assert "look like “Hat”" not in page
    client.post(re.search(r'action="(/selection/[0-9a-f-]+/undo/)"', page)[1])
    assert not tagged.exists()
    client.post(f"{url}suggested/", {"id": suggested, "act": "none"})
    assert ConceptExample.objects.filter(right=False).count() == len(suggested.split(","))


def test_a_search_is_narrowed_by_a_concept_and_kept_as_a_watch(client, library):
    _, images = library
    concept = Concept.objects.get(pk=begun(client, images).split("/")[-2])
    for query in ({}, {"image": str(images[1].pk)}):
        page = client.get("/", {"concept": str(concept.pk), **query}).content.decode()
        assert f'name="concept" value="{concept.pk}"' in page
        assert ("Keep as a watch" in page) == (not query)
    assert "Keep as a watch" in client.get("/", {"image": str(images[1].pk)}).content.decode()
    assert "Keep as a watch" not in client.get("/", {"image": str(images[1].pk), "varied": "on"}).content.decode()
    assert client.post("/concepts/", {"name": "Hat", "all": "on"}).status_code == 400
