"""Collections: the cards, the pictures, the settings, people, and deleting."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Collection
from tests.factories import CollectionFactory, job
from tests.web.library import put


def at(collection, act=""):
    return f"/collections/{collection.id}/{act}{'/' if act else ''}"


@pytest.fixture
def shared(collection, stranger):
    """The collection, shared with the stranger as a viewer."""
    collection.visibility = "shared"
    collection.save()
    collection.memberships.create(user=stranger, role="viewer")
    return collection


def test_cards_show_four_pictures_a_count_and_who_sees_it(page, four, collection):
    put(collection, "red", title="a fifth")
    text = page.get("/collections/").content.decode()
    assert "Birds" in text
    assert "5 pictures" in text
    assert "Private" in text
    assert 'class="mosaic n4"' in text


def test_covers_never_show_what_is_hidden(sees, stranger, four):
    text = sees(stranger).get("/collections/").content.decode()
    assert "Birds" not in text
    assert "/media/" not in text


def test_making_one(page, owner):
    answer = page.post("/collections/new/", {"name": "  Boats "})
    made = Collection.objects.get(owner=owner)
    assert (made.name, made.visibility, answer["Location"]) == ("Boats", "private", at(made))
    assert page.post("/collections/new/", {"name": " "}).status_code == 400


def test_its_pictures_newest_first_with_their_state(page, collection, encoder):
    ready = put(collection, "red", encoder=encoder)
    waiting = put(collection, "blue")
    failed = put(collection, "green")
    job(failed, encoder, state="failed", error_code="x", error_text="y")
    text = page.get(at(collection)).content.decode()
    assert re.findall(r'data-card="([^"]+)"', text) == [str(image.id) for image in (failed, waiting, ready)]
    assert "Waiting" in text
    only = page.get(f"{at(collection)}?status=failed").content.decode()
    assert re.findall(r'data-card="([^"]+)"', only) == [str(failed.id)]


def test_settings_are_saved(page, collection):
    words = {"name": "Boats <x>", "description": "of wood", "visibility": "public"}
    assert page.post(at(collection, "settings"), words).status_code == 302
    collection.refresh_from_db()
    assert (collection.name, collection.description, collection.visibility) == ("Boats <x>", "of wood", "public")
    assert "Boats &lt;x&gt;" in page.get(at(collection, "settings")).content.decode()
    assert page.post(at(collection, "settings"), {"name": ""}).status_code == 400


def test_sharing_and_taking_back(page, sees, collection, stranger):
    browser = sees(stranger)
    page.post(at(collection, "settings"), {"name": "Birds", "visibility": "shared"})
    assert browser.get(at(collection)).status_code == 404
    asked = page.post(at(collection, "share"), {"username": "stranger", "role": "viewer"}, follow=True).content.decode()
    assert "stranger is asked, and is in once they accept." in asked
    assert browser.get(at(collection)).status_code == 404
    for address in ("/collections/", "/account/"):
        assert "owner asks you to join as Viewer" in browser.get(address).content.decode()
    assert browser.post(invitation(collection, "accept"))["Location"] == at(collection)
    assert "Invitations" not in browser.get("/collections/").content.decode()
    assert browser.get(at(collection)).status_code == 200
    page.post(at(collection, "unshare"), {"username": "stranger"})
    assert browser.get(at(collection)).status_code == 404


def invitation(collection, act):
    return f"/invitations/{collection.id}/{act}/"


def test_declining(page, sees, shared, stranger, db):
    shared.memberships.all().delete()
    page.post(at(shared, "share"), {"username": "stranger", "role": "viewer"})
    assert sees(stranger).post(invitation(shared, "decline"))["Location"] == "/collections/"
    assert "Invitations" not in sees(stranger).get("/collections/").content.decode()
    assert "asked" in page.get(at(shared, "settings")).content.decode()


def test_a_name_that_nobody_has_is_asked_like_any_other(page, collection, stranger):
    told = []
    for name in ("stranger", "nobodyy"):
        text = page.post(at(collection, "share"), {"username": name, "role": "viewer"}, follow=True).content.decode()
        told.append(re.sub(r"\b\w{64}\b", "CSRF", text).replace(name, "NAME"))
        page.post(at(collection, "unshare"), {"username": name})
    assert told[0] == told[1]


def test_settings_write_only_what_was_changed_of_what_the_page_showed(page, collection):
    """The page was opened while it was shared and called Birds; meanwhile it is private and called Fish."""
    shown = {"initial-name": "Birds", "initial-description": "", "initial-visibility": "shared"}
    Collection.objects.filter(pk=collection.pk).update(name="Fish", visibility="private")
    page.post(at(collection, "settings"),
              {**shown, "name": "Birds", "description": "of prey", "visibility": "shared"})  # fmt: skip
    collection.refresh_from_db()
    assert (collection.name, collection.description, collection.visibility) == ("Fish", "of prey", "private")
    text = page.get(at(collection, "settings")).content.decode()
    assert 'name="initial-visibility" value="private"' in text


def test_an_unknown_name_is_said_in_words(page, collection):
    answer = page.post(at(collection, "share"), {"username": "<i>", "role": "viewer"}, follow=True)
    assert "&lt;i&gt; cannot be given a role here." in answer.content.decode()


def test_a_viewer_may_leave_but_not_change(sees, shared, stranger):
    browser = sees(stranger)
    assert browser.get(at(shared, "settings")).status_code == 403
    assert browser.post(at(shared, "settings"), {"name": "mine"}).status_code == 403
    assert browser.post(at(shared, "share"), {"username": "owner", "role": "viewer"}).status_code == 403
    assert browser.post(at(shared, "delete"), {"name": shared.name}).status_code == 403
    assert "Leave" in browser.get(at(shared)).content.decode()
    browser.post(at(shared, "unshare"), {"username": "stranger"})
    assert browser.get(at(shared)).status_code == 404


def test_deleting_wants_the_name(page, collection, four):
    page.post(at(collection, "delete"), {"name": "bird"})
    assert page.get(at(collection)).status_code == 200
    page.post(at(collection, "delete"), {"name": "Birds"})
    assert page.get(at(collection)).status_code == 404
    assert page.get(f"/pictures/{four['red'].id}/").status_code == 404


@pytest.mark.parametrize("act", ["", "settings", "share", "unshare", "delete"])
def test_strangers_find_nothing(sees, collection, stranger, act):
    browser = sees(stranger)
    answer = browser.get(at(collection)) if not act else browser.post(at(collection, act), {"name": "Birds"})
    assert answer.status_code == 404


def test_many_collections_cost_few_queries(page, owner, django_assert_max_num_queries):
    for _ in range(12):
        CollectionFactory(owner=owner)
    with django_assert_max_num_queries(10):
        page.get("/collections/")


def test_ones_own_and_what_is_shared_with_one_are_told_apart(sees, stranger, shared):
    own = CollectionFactory(owner=stranger, name="Boats")
    CollectionFactory(name="Everybody's", visibility="public")
    browser = sees(stranger)
    for whose, names in (("", {"Birds", "Boats", "Everybody"}), ("own", {"Boats"}), ("shared", {"Birds"})):
        text = browser.get(f"/collections/?whose={whose}").content.decode()
        assert {name for name in ("Birds", "Boats", "Everybody") if f">{name}" in text} == names
    own.delete()
    shared.memberships.all().delete()
    assert "whose=" not in browser.get("/collections/").content.decode()
