"""Every address of a file that an owner saw, asked again by people who may not, in every manner; and caches."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from rest_framework.test import APIClient

from retrieval.api import base
from retrieval.models import Image, Membership
from retrieval.models.images import ImageQuerySet
from retrieval.services.people import accounts
from retrieval.web import pages as html
from tests.factories import UserFactory
from tests.web.library import put

MANNERS = {
    "plain": {},
    "range": {"HTTP_RANGE": "bytes=0-9"},
    "if-range": {"HTTP_RANGE": "bytes=0-9", "HTTP_IF_RANGE": "*"},
    "known": {"HTTP_IF_NONE_MATCH": "*"},
    "old": {"HTTP_IF_MODIFIED_SINCE": "Fri, 01 Jan 2100 00:00:00 GMT"},
    "forwarded": {"HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_X_ORIGINAL_URL": "/"},
}
ADDRESS = re.compile(r'/(?:media/(?:thumbnails|originals)|api/v1/images)/[^"\s?&<]+')


@pytest.fixture
def pictures(collection, encoder):
    return [put(collection, colour, encoder=encoder) for colour in ("red", "green", "blue")]


@pytest.fixture
def addresses(pages, api, pictures, owner):
    """Every address of a file in the owner's pages and answers."""
    browser, texts = by_session(owner), [api.get("/api/v1/images/").content.decode()]
    texts += [browser.get(path).content.decode() for path in (*pages, f"/pictures/{pictures[0].pk}/similar/")]
    found = {address for text in texts for address in ADDRESS.findall(text)}
    return sorted(address for address in found if "media" in address or address.endswith(("file/", "thumbnail/")))


@pytest.fixture
def pages(pictures, collection):
    """The owner's pages that show pictures."""
    return ["/", "/collections/", f"/collections/{collection.pk}/", *(f"/pictures/{image.pk}/" for image in pictures)]


@pytest.fixture
def api(owner):
    client = APIClient()
    client.force_authenticate(owner)
    return client


def by_session(person):
    client = Client()
    client.force_login(person)
    return client


def logged_out(person):
    client = by_session(person)
    client.post("/logout/")
    return client


def revoked(person):
    secret, token = accounts.issue_token(person)
    accounts.revoke_token(token.pk, user=person)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return client


def ex_member(collection):
    """Somebody to whom it was shared, and is no more; the session is from then."""
    person = UserFactory(username="ex-member")
    collection.visibility = "shared"
    collection.save()
    role = Membership.objects.create(collection=collection, user=person, role="manager")
    client = by_session(person)
    client.get(f"/collections/{collection.pk}/")
    role.delete()
    return client


def crooked(address):
    """Ways of writing an address that a careless server takes for another."""
    folder, last = address.rstrip("/").rsplit("/", 1)
    return [
        f"{folder}/../{folder.rsplit('/', 1)[-1]}/{last}", f"{folder}/./{last}", f"{folder}/%2e%2e/{last}",
        f"{folder}/..%2f..%2foriginals/{last}", f"/static/..{address}", f"/static/%2e%2e{address}", f"/{address}",
        f"{address}%00", f"{address}.jpg",
    ]  # fmt: skip


def opened(client, paths):
    """What was answered with anything but a refusal; an API call without a valid token is refused by 401."""
    wrong, asked = [], 0
    for path in paths:
        for manner, headers in MANNERS.items():
            for method in ("get", "head"):
                answer = getattr(client, method)(path, **headers)
                asked += 1
                refused = {404, 401} if path.startswith("/api/") else {404}
                if answer.status_code not in refused:
                    wrong.append((method, manner, path, answer.status_code))
    return wrong, asked


def curious(collection, owner, stranger):
    """Everybody who may not see the pictures."""
    return {
        "anonymous": Client(),
        "stranger": by_session(stranger),
        "ex-member": ex_member(collection),
        "logged out": logged_out(owner),
        "revoked token": revoked(owner),
        "staff": by_session(UserFactory(username="boss", is_staff=True, is_superuser=True)),
    }


@pytest.mark.long
def test_no_file_is_sent_to_one_who_may_not_see_it(addresses, collection, owner, stranger, figure):
    assert len(addresses) >= 12
    asked = 0
    for who, client in curious(collection, owner, stranger).items():
        wrong, count = opened(client, addresses)
        assert (who, wrong) == (who, [])
        asked += count
    figure(f"{asked:,} requests to {len(addresses)} addresses of files, none answered")


def test_no_crooked_address_leads_to_a_file(addresses, collection, owner, stranger):
    paths = [path for address in addresses[:6] for path in crooked(address)]
    for client in (Client(), by_session(stranger), by_session(owner)):
        for path in paths:
            answer = client.get(path)
            body = b"".join(answer) if answer.streaming else answer.content
            assert not body.startswith((b"\x89PNG", b"\xff\xd8")), path


def test_the_owner_gets_every_one_of_them(addresses, owner):
    browser = by_session(owner)
    assert {browser.get(address).status_code for address in addresses} == {200}


def kept(pages, owner, api):
    """The private pages and answers that a cache may keep."""
    asked = [(by_session(owner), path) for path in (*pages, "/activity/", "/account/", "/upload/")]
    asked += [(api, f"/api/v1/{path}") for path in ("images/", "collections/", "status/")]
    return [path for client, path in asked if "no-store" not in client.get(path).get("Cache-Control", "")]


def test_private_pages_and_answers_are_kept_by_no_cache(pages, owner, api):
    assert kept(pages, owner, api) == []


def test_without_the_header_caches_may_keep_all_of_them(pages, owner, api, monkeypatch):
    monkeypatch.setattr(html, "patch_cache_control", lambda *_, **__: None)
    monkeypatch.setattr(base, "NO_STORE", "")
    assert len(kept(pages, owner, api)) == len(pages) + 6


def test_without_the_rule_strangers_get_the_files(addresses, stranger, monkeypatch):
    monkeypatch.setattr(ImageQuerySet, "visible_to", lambda rows, user: Image.objects.all())
    wrong, asked = opened(by_session(stranger), addresses)
    assert len(wrong) == asked
