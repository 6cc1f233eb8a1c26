"""Who may send how much, by the head alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import DatabaseError
from django.test import RequestFactory

from retrieval import conf
from retrieval.services.people import accounts
from retrieval.web import admission
from retrieval.web.admission import SMALL, UNREAD, allowance
from tests.web.test_bodies import Unread

pytestmark = pytest.mark.django_db
MIB = 2**20
FORM = "multipart/form-data; boundary=x"
PICTURE, VIDEO, ARCHIVE = 25 * MIB, 100 * MIB, 200 * MIB


@pytest.fixture(autouse=True)
def one_connection(monkeypatch):
    """Keep the connection that the test's own transaction is in."""
    monkeypatch.setattr(admission, "close_old_connections", lambda: None)


def head(path, *, kind=FORM, length=MIB, **extra):
    """The environment of a request whose body nobody may look into."""
    environ = RequestFactory().post(path, b"", content_type=kind, **extra).environ
    return environ | {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(length), "wsgi.input": Unread()}


def by_session(client, person):
    client.force_login(person)
    return {"HTTP_COOKIE": f"sessionid={client.cookies['sessionid'].value}"}


def by_token(person, scope="write"):
    return {"HTTP_AUTHORIZATION": f"Token {accounts.issue_token(person, scope=scope)[0]}"}


PATHS = ["/", "/login/", "/upload/", "/upload/file/", "/admin/login/", "/account/theme/", "/nothing/",
         "/api/v1/images/", "/api/v1/archives/", "/api/v1/search/", "/api/v1/auth/token/"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("known", [{}, {"HTTP_COOKIE": "sessionid=made-up"}, {"HTTP_AUTHORIZATION": "Token made-up"}])
def test_a_visitor_may_send_little(path, known):
    assert allowance(head(path, **known)).most == SMALL


def test_where_public_search_is_open_a_visitor_may_send_a_picture_to_it(settings):
    settings.IMAGESEARCH = replace(conf.get(), public_search=True)
    for path in PATHS:
        found = allowance(head(path)).most
        assert (found > PICTURE) == (path in {"/", "/api/v1/search/"}), path


def test_a_person_may_send_what_the_address_takes(client, owner):
    for known in (by_session(client, owner), by_token(owner)):
        assert allowance(head("/upload/", **known)) == admission.Allowance(ARCHIVE + MIB, str(owner.pk))
        assert allowance(head("/api/v1/images/", **known)).most == VIDEO + MIB
        assert allowance(head("/api/v1/archives/", **known)).most == ARCHIVE + MIB
        assert allowance(head("/api/v1/images/", kind="application/json", **known)).most == MIB
        assert allowance(head("/api/v1/collections/", **known)).most == MIB
        assert allowance(head("/nothing/", **known)).most <= PICTURE + MIB


def test_a_token_that_reads_may_send_a_picture_to_the_search_alone(owner):
    known = by_token(owner, "read")
    assert allowance(head("/api/v1/images/", **known)).most == SMALL
    assert allowance(head("/api/v1/search/", **known)).most == PICTURE + MIB


def test_who_was_removed_or_deactivated_is_a_visitor(client, owner):
    known = by_session(client, owner)
    owner.is_active = False
    owner.save()
    assert allowance(head("/upload/", **known)).most == SMALL
    assert allowance(head("/api/v1/images/", **by_token(owner))).most == SMALL


def test_without_a_database_everybody_may_send_little(client, owner, monkeypatch):
    def away(_request):
        raise DatabaseError

    known = by_session(client, owner)
    monkeypatch.setattr(admission, "_caller", away)
    assert allowance(head("/upload/", **known)).most == SMALL


REFUSED = [
    ("/upload/file/", {"HTTP_ACCEPT": "application/json"}, 401), ("/upload/", {}, 403), ("/", {}, 403),
    ("/admin/login/", {}, 403), ("/login/", {}, 403), ("/api/v1/images/", {}, 401), ("/api/v1/search/", {}, 401),
    ("/api/v1/auth/token/", {}, 413),
]  # fmt: skip


@pytest.mark.parametrize(("path", "extra", "status"), REFUSED)
def test_what_was_not_read_is_answered_in_the_form_of_the_caller(client, path, extra, status):
    sent = {"CONTENT_LENGTH": str(MIB), "wsgi.input": Unread(), UNREAD: True, **extra}
    answer = client.generic("POST", path, b"", content_type=FORM if "token" not in path else "application/json", **sent)
    assert answer.status_code == status
    if path.startswith("/api/") or extra:
        assert answer.json()["error"]["message"]
    else:
        assert "Sign in first" in answer.content.decode()


def test_a_reading_token_is_told_that_it_only_reads(client, owner):
    sent = {"CONTENT_LENGTH": str(MIB), "wsgi.input": Unread(), UNREAD: True, **by_token(owner, "read")}
    answer = client.generic("POST", "/api/v1/images/", b"", content_type=FORM, **sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_only_reads")


def test_without_the_word_of_the_server_the_body_is_read(client):
    sent = {"CONTENT_LENGTH": str(MIB), "CONTENT_TYPE": FORM, "wsgi.input": Unread()}
    with pytest.raises(AssertionError, match="the body was read"):
        client.generic("POST", "/login/", b"", content_type=FORM, **sent)
