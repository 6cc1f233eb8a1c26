"""What whoever holds a share link sees, and that it is all they see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from django.test import Client
from django.utils import timezone

from retrieval import conf
from retrieval.models import AuditEvent, Session, ShareLink
from retrieval.services.encoders import indexes
from retrieval.services.images import collections, images, share_links
from retrieval.services.images.share_links import LinkRequest
from retrieval.services.people import accounts
from tests.api.rules import RULES
from tests.api.world import World
from tests.factories import CollectionFactory, UserFactory
from tests.web.library import put

PASSWORD = "a quiet garden"


@pytest.fixture
def red(collection):
    return put(collection, "red", title="Red", caption="The first of May", group_key="Case 7", tags=["hidden-tag"])


@pytest.fixture
def makes(collection, owner):
    """Make a link of the collection; return its address and its row."""

    def make(user=owner, **wanted):
        secret, link = share_links.make(collection, user=user, wanted=LinkRequest(**wanted))
        return f"/shared/{secret}/", link

    return make


def paths(address, image):
    return [address, f"{address}pictures/{image.pk}/", f"{address}thumbnails/{image.pk}/320",
            f"{address}thumbnails/{image.pk}/1280", f"{address}originals/{image.pk}"]  # fmt: skip


def statuses(browser, address, image):
    return [browser.get(path).status_code for path in paths(address, image)]


def test_it_shows_the_collection_and_its_pictures_to_whoever_has_it(makes, red):
    address, _ = makes()
    browser = Client()
    grid, large = (browser.get(path).content.decode() for path in paths(address, red)[:2])
    assert "Birds" in grid
    assert f"{address}pictures/{red.pk}/" in grid
    assert "The first of May" in large
    assert statuses(browser, address, red) == [200, 200, 200, 200, 404]
    for text in (grid, large):
        assert "<script" not in text
        assert not any(hidden in text for hidden in ("Case 7", "hidden-tag", "owner", 'href="/collections', "/login/"))


def test_originals_are_given_where_it_says_so(makes, red):
    address, _ = makes(downloads=True)
    answer = Client().get(paths(address, red)[4])
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert "originals" in Client().get(paths(address, red)[1]).content.decode()
    assert AuditEvent.objects.get(action="share_link.downloaded").detail == {"image": str(red.pk)}


def test_no_answer_tells_its_address_on_or_is_kept(makes, red):
    address, _ = makes(downloads=True)
    for path in [*paths(address, red), "/shared/made-up/"]:
        answer = Client().get(path)
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert {"private"} < set(answer["Cache-Control"].split(", "))
        assert not answer.cookies


def test_of_other_pictures_nothing_is_there(makes, owner, collection, red):
    address, _ = makes(downloads=True)
    other = put(CollectionFactory(owner=owner), "blue")
    moved, deleted = put(collection, "green"), put(collection, "pink")
    images.move(moved, user=owner, collection=other.collection)
    images.delete(deleted, user=owner)
    for image in (other, moved, deleted):
        assert statuses(Client(), address, image) == [200, 404, 404, 404, 404]
        assert str(image.pk) not in Client().get(address).content.decode()


def over(link, owner, stranger):
    """The ways in which a link may come to show nothing, each with what it answers then."""
    return {
        "ended": (lambda: share_links.end(link.pk, collection=link.collection, user=owner), 410),
        "expired": (lambda: ShareLink.objects.update(expires_at=timezone.now()), 410),
        "collection deleted": (lambda: collections.delete(link.collection, user=owner), 404),
        "owner's account closed": (lambda: type(owner).objects.filter(pk=owner.pk).update(is_active=False), 404),
        "maker is no manager": (lambda: link.collection.memberships.filter(user=stranger).delete(), 404),
        "collection made private by its owner": (
            lambda: type(link.collection).objects.filter(pk=link.collection.pk).update(visibility="private"), 404,
        ),
    }  # fmt: skip


@pytest.fixture
def managed(collection, stranger, makes):
    """A link that a manager made, who is not the owner."""
    collection.visibility = "shared"
    collection.save()
    collection.memberships.create(user=stranger, role="manager")
    return makes(user=stranger, downloads=True)


@pytest.mark.parametrize("way", list(over(None, None, None)))
def test_one_that_is_over_shows_nothing_and_says_so_in_one_sentence(managed, owner, stranger, red, way):
    address, link = managed
    assert statuses(Client(), address, red) == [200] * 5
    end, status = over(link, owner, stranger)[way]
    end()
    assert statuses(Client(), address, red) == [status] * 5
    text = Client().get(address).content.decode()
    assert "This link shows nothing any more" in text
    assert "Birds" not in text
    assert AuditEvent.objects.filter(action="share_link.refused", object_id=str(link.pk)).count() == 1


def test_links_of_a_closed_account_do_not_come_back_with_it(makes, owner, red):
    address, _ = makes()
    for is_active in (False, True):
        owner.is_active = is_active
        owner.save()
    assert Client().get(address).status_code == 410


def test_an_address_that_never_was(db):
    answer = Client().get("/shared/made-up/")
    assert answer.status_code == 404
    assert "This link shows nothing any more" in answer.content.decode()


def test_a_password_is_asked_for_before_anything_is_shown(makes, red):
    address, _ = makes(password=PASSWORD, downloads=True)
    browser = Client()
    front = browser.get(address).content.decode()
    assert "Birds" not in front
    assert statuses(browser, address, red) == [200, 302, 404, 404, 404]
    assert browser.post(address, {"password": "a loud garden"}).status_code == 400
    assert statuses(browser, address, red) == [200, 302, 404, 404, 404]
    assert browser.post(address, {"password": PASSWORD})["Location"] == address
    assert statuses(browser, address, red) == [200] * 5
    assert PASSWORD not in str(ShareLink.objects.values()) + str(AuditEvent.objects.values())


def test_the_proof_of_a_password_opens_that_link_alone_and_for_some_hours(makes, red, monkeypatch):
    address, _ = makes(password=PASSWORD)
    other, second = makes(password=PASSWORD)
    browser = Client()
    browser.post(address, {"password": PASSWORD})
    (cookie,) = browser.cookies.values()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")
    stolen = Client()
    stolen.cookies = SimpleCookie(dict.fromkeys((cookie.key, f"link_{second.pk.hex}"), cookie.value))
    assert stolen.get(paths(address, red)[1]).status_code == 200
    assert stolen.get(paths(other, red)[1]).status_code == 302
    monkeypatch.setattr(share_links, "PROVEN_FOR", timedelta(0))
    assert stolen.get(paths(address, red)[1]).status_code == 302


def test_an_hour_of_one_visitor_is_one_visit_and_one_line(makes, red):
    address, link = makes()
    for path in paths(address, red)[:2] * 2:
        Client().get(path)
    Client(REMOTE_ADDR="192.0.2.7").get(address)
    link.refresh_from_db()
    assert link.visits == 2
    assert link.last_visit_at is not None
    lines = AuditEvent.objects.filter(action="share_link.opened", object_id=str(link.pk))
    assert set(lines.values_list("address", flat=True)) == {"127.0.0.1", "192.0.2.7"}
    assert not Session.objects.exists()


def test_looks_from_one_address_are_limited(makes, red, settings):
    address, _ = makes()
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, link_pages=2))
    browser = Client()
    assert [browser.get(address).status_code for _ in range(3)] == [200, 200, 429]
    assert browser.get(paths(address, red)[2]).status_code == 200  # thumbnails of a page that was shown


def test_pages_follow_one_another_and_pictures_too(makes, collection, monkeypatch):
    monkeypatch.setattr("retrieval.web.paging.PAGE", 2)
    found = [put(collection, "red", title=f"Red {n}") for n in range(3)]
    address, _ = makes()
    first = Client().get(address).content.decode()
    assert str(found[0].pk) not in first
    assert f"?after={found[1].pk}" in first
    assert str(found[0].pk) in Client().get(f"{address}?after={found[1].pk}").content.decode()
    middle = Client().get(f"{address}pictures/{found[1].pk}/").content.decode()
    assert middle.index(f"pictures/{found[2].pk}/") < middle.index(f"pictures/{found[0].pk}/")


def test_on_the_settings_page_links_are_made_shown_once_and_ended(page, collection, red):
    at = f"/collections/{collection.pk}/settings/"
    until = (timezone.now() + timedelta(days=365)).date().isoformat()
    form = {"name": "A client", "until": until, "password": PASSWORD}
    text = page.post(f"/collections/{collection.pk}/links/", form).content.decode()
    address = text.partition("http://testserver")[2].partition("<")[0]
    assert Client().post(address, {"password": PASSWORD}).status_code == 302
    listed = page.get(at).content.decode()
    assert "A client" in listed
    assert address not in listed + str(ShareLink.objects.values())
    link = ShareLink.objects.get()
    assert page.post(f"/collections/{collection.pk}/links/{link.pk}/end/")["Location"] == at
    assert Client().get(address).status_code == 410
    acts = AuditEvent.objects.filter(object_id=str(link.pk), action__startswith="share_link.").order_by("at")
    assert [line.action for line in acts][:2] == ["share_link.made", "share_link.ended"]
    assert page.post(f"/collections/{collection.pk}/links/", {"until": "2000-01-01"}).status_code == 400


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)
    return World()


def test_whoever_holds_a_link_is_a_stranger_everywhere_else(world):
    """What the cookie of a link opens at every address that the matrix knows is what nobody's browser opens."""
    secret, _ = share_links.make(
        world.collection, user=world.people["owner"], wanted=LinkRequest(password=PASSWORD, downloads=True)
    )
    holder = Client()
    holder.post(f"/shared/{secret}/", {"password": PASSWORD})
    assert holder.cookies
    asked = [address for address, rules in RULES.items() if any(rule.method == "get" for rule in rules)]
    for address in asked:
        if not address.startswith("shared/"):
            path = world.path(address)
            assert holder.get(path).status_code == Client().get(path).status_code, path
    assert len(asked) > 80
    assert holder.get(f"/shared/{secret}/originals/{world.image.pk}").status_code == 200


def test_the_rows_of_links_that_are_over_for_long_go(makes, red):
    makes()
    accounts.forget_old()
    assert ShareLink.objects.exists()
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(days=91))
    accounts.forget_old()
    assert not ShareLink.objects.exists()


def test_a_viewer_neither_sees_nor_makes_links(sees, collection, red):
    viewer = UserFactory()
    collection.visibility = "shared"
    collection.save()
    collection.memberships.create(user=viewer, role="contributor")
    assert sees(viewer).post(f"/collections/{collection.pk}/links/", {}).status_code == 403
