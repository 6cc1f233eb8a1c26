"""The page of copies: a pair with what differs, decisions by one press, all of a verdict, and undo."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.models import CopyDecision, CopyPair, CopyScan, Image
from retrieval.services.copies import groups
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory

pytestmark = pytest.mark.django_db
URL = "/copies/"


@pytest.fixture
def home(client):
    EncoderFactory()
    found = CollectionFactory()
    client.force_login(found.owner)
    return found


def pair(home, verdict="same_image", **fields):
    large, small = ImageFactory(collection=home, width=40), ImageFactory(collection=home)
    said = {"verdict": verdict, "probability": 0.9, "edit": ["mirrored"], **fields}
    CopyPair.objects.create(one=large, other=small, **said)
    return large, small


def pressed(client, act, **more):
    """Press one of the buttons, with the fields that the page holds."""
    page = client.get(URL, more).content.decode()
    form = page[page.index('class="decisions"') :]
    said = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    return client.post(f"{URL}decide/", {**said, "act": act}, follow=True)


def test_a_pair_is_shown_with_what_was_done_and_what_differs(client, home):
    large, small = pair(home, outline=[[0, 0], [1, 0], [1, 1], [0, 1]], other_outline=[[0, 0], [1, 0], [1, 1], [0, 1]])
    page = client.get(URL).content.decode()
    assert "The same picture: mirrored" in page
    assert f"/media/thumbnails/{large.pk}/1280" in page
    assert f"/media/thumbnails/{small.pk}/1280" in page
    assert "<b>40 × 3</b>" in page
    assert 'points="0.0,0.0 40.0,0.0 40.0,3.0 0.0,3.0"' in page


@pytest.mark.parametrize(("act", "stays"), [("left", 0), ("right", 1)])
def test_one_press_keeps_one_and_undo_brings_the_other_back(client, home, act, stays):
    rows = pair(home)
    page = pressed(client, act).content.decode()
    assert [image.pk for image in Image.objects.alive()] == [rows[stays].pk]
    token = re.search(r'name="undo" value="([^"]+)"', page)[1]
    client.post(f"{URL}undo/", {"undo": token, "kind": "act"})
    assert Image.objects.alive().count() == 2


def test_what_is_no_copy_is_shown_no_more_until_that_is_taken_back(client, home):
    pair(home)
    page = pressed(client, "both").content.decode()
    assert "No copies here." in page
    [row] = CopyDecision.objects.all()
    client.post(f"{URL}undo/", {"undo": str(row.pk), "kind": "decision"})
    assert "No copies here." not in client.get(URL).content.decode()


def test_all_of_a_verdict_at_once_says_before_how_many_go(client, home):
    pair(home, "same_file", edit=[])
    pair(home, "same_file", edit=[])
    pair(home, "same_image", edit=["cropped"])
    page = client.get(URL).content.decode()
    assert page.count("2 pictures into the trash") == 1
    client.post(f"{URL}all/", {"verdict": "same_file"})
    assert Image.objects.alive().count() == 4


def test_a_long_list_is_read_once_and_only_what_is_shown_of_it_as_a_whole(client, home):
    def asked():
        with CaptureQueriesContext(connection) as caught:
            assert "No copies here." not in client.get(URL).content.decode()
        return [query["sql"] for query in caught]

    pair(home, "same_file")
    asked()  # what is read once in a process
    few = asked()
    for verdict in ("same_file", "same_image", "same_thing") * 4:
        pair(home, verdict, edit=["cropped"])
    many = asked()
    assert len(many) == len(few)
    assert sum('"other_outline"' in sql for sql in many) == 1
    assert sum('FROM "retrieval_copypair"' in sql and "outline" not in sql for sql in many) == 1


def test_a_pair_that_went_since_it_was_listed_is_no_pair(client, home, monkeypatch):
    pair(home)
    monkeypatch.setattr(groups, "shown", lambda found, user: [])
    assert "No copies here." in client.get(URL).content.decode()


def test_only_the_pair_that_was_decided_goes(client, home):
    large, small = pair(home)
    third = ImageFactory(collection=home)
    CopyPair.objects.create(one=large, other=third, verdict="same_image", probability=0.9)
    pressed(client, "left")
    assert Image.objects.alive().filter(pk__in=[small.pk, third.pk]).count() == 1


def test_an_address_that_means_nothing_shows_the_first(client, home):
    pair(home)
    for query in ({"n": "999"}, {"n": "-3"}, {"verdict": "x", "collection": "y"}):
        assert "1 of 1" in client.get(URL, query).content.decode()
    assert client.get(URL, {"collection": CollectionFactory().pk}).status_code == 404
    assert client.post(f"{URL}undo/", {"undo": "x", "kind": "act"}).status_code == 404
    assert client.post(f"{URL}decide/", {"act": "left"}).status_code == 404


def test_a_list_is_looked_through_again_and_the_scan_leads_back_to_it(client, home):
    other = CollectionFactory(owner=home.owner, name="Other")
    said = {"collection": home.pk, "against": other.pk}
    page = client.post(f"{URL}scan/", said, follow=True).content.decode()
    row = CopyScan.objects.get()
    assert (row.within, row.against, row.name) == ([home.pk], [other.pk], f"{home.name} · Other")
    assert f'href="/copies/scans/{row.pk}/"' in page
    assert re.search(rf'value="{other.pk}" selected>Against Other', page)
    assert client.get(f"/copies/scans/{row.pk}/").url == f"/copies/?collection={home.pk}&against={other.pk}"
    client.post(f"{URL}scan/", {})
    everything = CopyScan.objects.latest("created_at")
    assert (everything.name, set(everything.within)) == ("", {home.pk, other.pk})
    assert client.get(f"/copies/scans/{everything.pk}/").url == "/copies/?"
