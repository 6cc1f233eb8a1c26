"""The picture page: what it shows to whom, its words, moving, deleting with undo, neighbours."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from retrieval.models import Image
from tests.factories import CollectionFactory, job
from tests.web.library import put


@pytest.fixture
def red(four):
    return four["red"]


def at(image, act=""):
    return f"/pictures/{image.id}/{act}{'/' if act else ''}"


def test_what_is_known_of_it(page, red):
    red.title, red.caption, red.tags = "<i>Robin</i>", "On a branch", ["bird", "winter"]
    red.source_url = "https://example.org/robin"
    red.save()
    answer = page.get(at(red))
    text = answer.content.decode()
    assert "&lt;i&gt;Robin" in text
    assert "<i>Robin" not in text
    assert "On a branch" in text
    assert 'value="bird, winter"' in text
    assert "60 × 40" in text
    assert "Birds" in text
    assert f"/media/thumbnails/{red.id}/1280" in text
    assert "no-store" in answer["Cache-Control"]


def body(answer):
    """The page without ids and tokens, which differ each time."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9]{64}", "*", answer.content.decode())


@pytest.fixture(params=["kept", "deleted"])
def hidden(request, page, red):
    """The id of a picture of somebody else's."""
    assert request.param == "kept" or page.post(at(red, "delete")).status_code == 302
    return red.id


@pytest.mark.parametrize("act", ["", "similar/", "measures/", "edit/", "move/", "delete/", "restore/", "retry/"])
def test_somebody_elses_answers_like_one_that_is_not_there(hidden, sees, stranger, act):
    ask = getattr(sees(stranger), "get" if act in {"", "similar/", "measures/"} else "post")
    said = {"title": "x", "collection": str(CollectionFactory(owner=stranger).pk)}
    there, absent = (ask(f"/pictures/{key}/{act}", said) for key in (hidden, uuid4()))
    assert there.status_code == absent.status_code == 404
    assert body(there) == body(absent)


@pytest.mark.parametrize("act", ["edit", "move", "delete", "restore", "retry"])
def test_nothing_changes_by_looking_or_by_a_stranger(page, sees, stranger, red, act):
    assert page.get(at(red, act)).status_code == 405
    assert sees(stranger).post(at(red, act), {"title": "x", "collection": red.collection_id}).status_code == 404
    red.refresh_from_db()
    assert red.title == "red"


def test_a_viewer_sees_it_but_is_offered_and_granted_nothing(sees, stranger, red):
    red.collection.visibility = "shared"
    red.collection.save()
    red.collection.memberships.create(user=stranger, role="viewer")
    browser = sees(stranger)
    text = browser.get(at(red)).content.decode()
    assert at(red, "delete") not in text
    assert browser.post(at(red, "delete")).status_code == 403
    assert browser.post(at(red, "edit"), {"title": "x"}).status_code == 403


def test_its_words_are_written(page, red):
    words = {"title": "Robin", "caption": "In snow", "tags": " bird, winter ,bird", "source_url": "", "group_key": "7"}
    assert page.post(at(red, "edit"), words).status_code == 302
    red.refresh_from_db()
    assert (red.title, red.caption, red.tags, red.group_key) == ("Robin", "In snow", ["bird", "winter"], "7")
    part = page.post(at(red, "edit"), words, headers={"HX-Request": "true"})
    assert "Saved." in part.content.decode()
    assert "<html" not in part.content.decode()


def test_a_wrong_address_is_refused_in_words(page, red):
    answer = page.post(at(red, "edit"), {"source_url": "javascript:alert(1)"})
    assert answer.status_code == 400
    assert "Source" in answer.content.decode()


def test_moving(page, red, owner, stranger):
    other = CollectionFactory(owner=owner, name="Other")
    assert page.post(at(red, "move"), {"collection": other.id}).status_code == 302
    red.refresh_from_db()
    assert red.collection_id == other.id
    foreign = CollectionFactory(owner=stranger)
    assert page.post(at(red, "move"), {"collection": foreign.id}).status_code == 404
    assert page.post(at(red, "move"), {"collection": "nowhere"}).status_code == 404


def test_deleting_can_be_undone(page, red):
    answer = page.post(at(red, "delete"), follow=True)
    text = answer.content.decode()
    assert "The picture was deleted." in text
    assert at(red, "restore") in text
    assert page.get(at(red)).status_code == 404
    assert page.post(at(red, "restore")).status_code == 302
    assert page.get(at(red)).status_code == 200


def test_a_failed_picture_says_why_and_is_tried_again(page, collection, encoder):
    image = put(collection, "red")
    waiting = job(image, encoder, state="failed", error_code="attempts_exhausted", error_text="It crashed.")
    assert "It crashed." in page.get(at(image)).content.decode()
    assert page.post(at(image, "retry")).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == "pending"


def test_neighbours(page, four):
    text = page.get(at(four["red"], "similar")).content.decode()
    assert re.findall(r'data-card="([^"]+)"', text)[0] == str(four["pink"].id)
    assert at(four["red"]) not in text


def test_neighbours_of_one_that_waits_come_later(page, collection, encoder):
    image = put(collection, "red")
    text = page.get(at(image, "similar")).content.decode()
    assert "still being read" in text
    assert "load delay:3s" in text
    assert page.get(at(image, "measures")).content == b""


def test_the_measures_side_by_side(page, four):
    text = page.get(at(four["red"], "measures")).content.decode()
    assert [text.count(name) for name in ("Cosine", "Euclidean", "Pearson")] == [1, 1, 1]
    assert len(re.findall(r'<th scope="row">', text)) == 3
    assert "red" not in re.findall(r"<span>([^<]*)</span>", text)


def test_hidden_neighbours_are_nowhere(sees, stranger, four, encoder):
    own = put(CollectionFactory(owner=stranger), "red", encoder=encoder)
    for act in ("similar", "measures"):
        text = sees(stranger).get(at(own, act)).content.decode()
        assert not any(str(image.id) in text for image in Image.objects.exclude(pk=own.pk))


def test_one_that_failed_says_so_and_waits_for_no_neighbours(page, collection, encoder):
    broken = put(collection)
    job(broken, encoder, state="failed", error_code="decoder_timeout", error_text="It took longer than 20 s.")
    text = page.get(at(broken)).content.decode()
    assert "could not be read, so nothing can be compared" in text
    assert at(broken, "similar") not in text
    assert f"?image={broken.id}" not in text


def test_a_very_tall_picture_is_shown_whole_in_its_box(page, collection, encoder):
    for title, width in (("strip", 10), ("portrait", 60)):
        put(collection, encoder=encoder, title=title, width=width, height=100)
    text = page.get("/").content.decode()
    assert 'class="card ar-40 extreme"' in text
    assert 'class="card ar-60"' in text
