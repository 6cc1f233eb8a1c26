"""Putting pictures in: many at once without scripts, one by one with them, archives, refusals and progress."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from retrieval import conf, tasks
from retrieval.errors import Unavailable
from retrieval.models import ArchiveImport, Collection, Image
from retrieval.services.images import archives, images
from retrieval.work import long_jobs
from tests.elsewhere import allow_only_it, serving
from tests.web.library import png, put, upload

JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """What the workers would be woken for."""
    calls = []
    monkeypatch.setattr(tasks, "wake", lambda task, *args: calls.append((task.name.rsplit(".", 1)[-1], *args)))
    return calls


def send(browser, file, **fields):
    return browser.post("/upload/file/", {"file": file, **fields}, headers=JSON)


def notes():
    file = io.BytesIO(b"no picture")
    file.name = "<notes>.png"
    return file


def test_the_page_offers_only_where_one_may_add(page, collection, stranger):
    from tests.factories import CollectionFactory

    seen = CollectionFactory(owner=stranger, name="Only to look at", visibility="public")
    text = page.get("/upload/").content.decode()
    assert "Birds" in text
    assert seen.name not in text
    assert 'name="file"' in text


def test_many_at_once_without_scripts(page, collection, encoder):
    files = [upload("red", name="one.png"), upload("red", name="again.png"), notes()]
    answer = page.post("/upload/", {"collection": collection.id, "file": files})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Waiting to be read" in text
    assert "Already here" in text
    assert "&lt;notes&gt;.png" in text
    assert Image.objects.get().title == "one"


def test_one_from_the_script(page, collection, encoder, woken):
    outcome = send(page, upload("red"), collection=collection.id).json()
    image = Image.objects.get()
    assert outcome["state"] == "pending"
    assert outcome["id"] == str(image.id)
    assert woken == [("embed",)]
    assert send(page, upload("red"), collection=collection.id).json()["state"] == "known"


def test_a_new_collection_is_made_by_the_first(page, owner, encoder):
    outcome = send(page, upload("red"), new="Boats").json()
    assert Collection.objects.get(name="Boats").owner == owner
    assert outcome["collection"] == str(Image.objects.get().collection_id)


def test_refusals_are_outcomes_with_a_reason(page, collection):
    outcome = send(page, notes(), collection=collection.id)
    assert outcome.status_code == 200
    assert outcome.json()["state"] == "refused"
    assert outcome.json()["message"]


def test_troubles_of_the_site_are_not_blamed_on_the_file(page, collection, monkeypatch):
    def busy(*args, **kwargs):
        raise Unavailable("Busy.", retry_after=7)

    monkeypatch.setattr(images, "add", busy)
    answer = send(page, upload(), collection=collection.id)
    assert (answer.status_code, answer["Retry-After"]) == (503, "7")


def test_where_to_is_needed_and_checked(page, sees, stranger, collection):
    assert send(page, upload()).status_code == 400
    assert page.post("/upload/file/", {"collection": collection.id}, headers=JSON).status_code == 400
    assert send(sees(stranger), upload(), collection=collection.id).status_code == 404
    assert send(sees(), upload(), collection=collection.id).status_code == 401
    assert Image.objects.count() == 0


def test_states_of_what_one_may_see(page, sees, stranger, collection, encoder):
    ready, waiting = put(collection, "red", encoder=encoder), put(collection, "blue")
    asked = {"id": [ready.id, waiting.id, "nonsense"]}
    states = page.post("/upload/states/", asked).json()["states"]
    assert {key: value["state"] for key, value in states.items()} == {
        str(ready.id): "ready",
        str(waiting.id): "pending",
    }
    assert sees(stranger).post("/upload/states/", asked).json() == {"states": {}}


@pytest.mark.usefixtures("encoder")
def test_an_archive_is_taken_apart_and_its_refusals_are_told(page, sees, stranger, collection, woken):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.png", png("red"))
        archive.writestr("b.png", b"nothing")
    data.seek(0)
    data.name = "all.zip"
    outcome = send(page, data, collection=collection.id).json()
    job = ArchiveImport.objects.get()
    assert (outcome["state"], outcome["id"]) == ("archive", str(job.id))
    assert woken == [("long_job", "imports", job.pk)]
    long_jobs.run(archives.KIND, job.pk)
    told = page.get(f"/upload/archives/{job.id}/").json()
    assert (told["state"], told["done"], told["failed"]) == ("done", 1, 1)
    assert [issue["name"] for issue in told["issues"]] == ["b.png"]
    assert sees(stranger).get(f"/upload/archives/{job.id}/").status_code == 404


@pytest.fixture
def web(monkeypatch):
    """The internet: one picture."""
    allow_only_it(monkeypatch)
    with serving() as site:
        site.pages["/robin.png"] = png("red")
        yield site


@pytest.mark.usefixtures("encoder")
def test_an_address_without_scripts(page, collection, web):
    address = f"{web.address}/robin.png"
    text = page.post("/upload/", {"collection": collection.id, "url": f" {address} "}).content.decode()
    assert "Waiting to be read" in text
    image = Image.objects.get()
    assert (image.title, image.source_url) == ("robin", address)


@pytest.mark.usefixtures("encoder")
def test_an_address_from_the_script(page, collection, web, woken):
    fields = {"url": f"{web.address}/robin.png", "collection": collection.id}
    outcome = page.post("/upload/file/", fields, headers=JSON).json()
    assert (outcome["state"], outcome["name"]) == ("pending", fields["url"])
    assert woken == [("embed",)]
    assert page.post("/upload/file/", fields, headers=JSON).json()["state"] == "known"


@pytest.mark.parametrize("url", ["http://10.0.0.1/a.png", "ftp://example.org/a.png", "x", "http://x.org/" + "a" * 2000])
def test_an_address_that_is_not_asked_says_why_in_the_readers_language(page, collection, url):
    fields = {"url": url, "collection": collection.id}
    outcome = page.post("/upload/file/", fields, headers=JSON).json()
    assert (outcome["state"], bool(outcome["message"])) == ("refused", True)
    outcome = page.post("/upload/file/", fields, headers={**JSON, "Accept-Language": "zh-hans"}).json()
    assert outcome["message"] == "只能获取公开互联网上的 http 或 https 网址。"


def test_the_field_is_there_unless_the_operator_switched_it_off(page, collection, settings, web):
    assert 'name="url"' in page.get("/upload/").content.decode()
    settings.IMAGESEARCH = replace(conf.get(), fetch=False)
    assert 'name="url"' not in page.get("/upload/").content.decode()
    answer = page.post("/upload/", {"collection": collection.id, "url": f"{web.address}/robin.png"})
    assert (answer.status_code, web.asked) == (403, [])


@pytest.mark.parametrize(
    "name", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f469 family", "\u202egnp.evil"]
)
def test_joiners_in_the_name_of_a_file_stay(page, collection, encoder, name):
    send(page, upload("red", name=f"{name}.png"), collection=collection.pk)
    assert Image.objects.get().title == name.replace("\u202e", "")
