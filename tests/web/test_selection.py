"""Acts on selected pictures from the pages: by the script, by the form alone, and taken back."""

from __future__ import annotations

import io
import re
import zipfile
from uuid import uuid4

import pytest

from retrieval import tasks
from retrieval.models import Image
from retrieval.services.images.bulk import Outcome
from retrieval.web import words
from tests.factories import CollectionFactory
from tests.web.library import put

JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    monkeypatch.setattr(tasks, "wake", lambda task, *args: None)


def act(browser, kind, *ids, **said):
    body = {"act": kind, "id": ",".join(map(str, ids)), **said}
    return browser.post("/selection/", body, headers=JSON)


def test_the_script_is_told_what_was_done_what_was_not_and_how_to_take_it_back(page, four, stranger, encoder):
    theirs = put(CollectionFactory(owner=stranger, visibility="public"), "red", encoder=encoder, title="theirs")
    answer = act(page, "tag", four["red"].pk, four["blue"].pk, theirs.pk, tags="warm, bright").json()
    assert answer["message"] == "Tagged: 2. 1 left as they were: You may look, but not change this."
    assert answer["refused"] == [str(theirs.pk)]
    assert Image.objects.get(pk=four["blue"].pk).tags == ["blue", "warm", "bright"]
    back = page.post(f"/selection/{answer['undo']}/undo/", headers=JSON).json()
    assert back["message"] == "Taken back: 2."
    assert Image.objects.get(pk=four["blue"].pk).tags == ["blue"]


def test_large_numbers_are_said_with_separators():
    done = Outcome(done=20_000, refused=[(uuid4(), "forbidden")], refused_count=1_234)
    assert words.outcome("tag", done).startswith("Tagged: 20,000. 1,234 left as they were: ")


def test_without_scripts_the_form_does_it_and_the_page_offers_undo(page, four, collection):
    path = f"/collections/{collection.pk}/"
    said = {"act": "delete", "id": [four["red"].pk, four["pink"].pk], "next": path}
    text = page.post("/selection/", said, follow=True).content.decode()
    assert "Deleted: 2." in text
    assert text.count("data-card=") == 2
    page.post(re.search(r'action="(/selection/[^"]+/undo/)"', text)[1], {"next": path})
    assert page.get(path).content.decode().count("data-card=") == 4
    assert page.post("/selection/", {**said, "next": "https://evil.example/"})["Location"] == "/"


def test_all_of_a_collection_and_nothing_but_it(page, four, owner, encoder, collection):
    other = put(CollectionFactory(owner=owner, name="Other"), "red", encoder=encoder, title="other")
    assert act(page, "group", all="on", collection=collection.pk, group_key="case 7").json()["done"] == 4
    assert Image.objects.get(pk=other.pk).group_key == ""
    assert act(page, "group", all="on", group_key="case 8").status_code == 400


@pytest.mark.parametrize("said", [{"kind": "burn"}, {"kind": "tag", "tags": ""}, {"kind": "move", "goal": "1"}])
def test_what_makes_no_sense_is_refused(page, four, said):
    assert act(page, said.pop("kind"), four["red"].pk, **said).status_code == 400


def test_what_one_may_not_do_is_absent(sees, stranger, four, collection, page):
    collection.visibility = "public"
    collection.save()
    path = f"/collections/{collection.pk}/"
    assert 'value="delete"' in page.get(path).content.decode()
    seen = sees(stranger).get(path).content.decode()
    assert 'value="delete"' not in seen
    assert "Download" in seen


def test_originals_as_one_archive(page, four):
    answer = page.post("/selection/download/", {"id": f"{four['red'].pk},{four['blue'].pk}"})
    names = zipfile.ZipFile(io.BytesIO(answer.getvalue())).namelist()
    assert sorted(names) == ["blue.png", "metadata.csv", "red.png"]
