"""Tokens: how they are asked for, what they open, and how they end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from retrieval.api.auth import MayCall
from retrieval.models import ApiToken, FirstLink
from retrieval.services.images import collections
from retrieval.services.people import accounts, sign_in_link

TOKEN = "/api/v1/auth/token/"
PASSWORD = "secret-pass-1"


def test_name_and_password_give_a_token_that_opens_the_api(owner, calls):
    made = calls().post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json")
    assert made.status_code == 201
    assert set(made.json()) == {"token", "expires_at"}
    client = calls()
    client.credentials(HTTP_AUTHORIZATION=f"Token {made.json()['token']}")
    assert client.get("/api/v1/status/").status_code == 200


def test_only_a_digest_of_the_secret_is_kept(owner, calls):
    secret = calls().post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json").json()["token"]
    row = ApiToken.objects.values().get()
    assert secret not in str(row)


def dumped():
    """Every value of the tables of secrets, as whoever stole the database reads them."""
    return [str(value) for model in (ApiToken, FirstLink) for row in model.objects.values() for value in row.values()]


def opening(values):
    """Those of the values that open anything as a token or as a first link."""
    return [value for value in values if accounts.user_of_token(value) or sign_in_link.redeem(value)]


def test_a_stolen_dump_of_the_tables_opens_nothing(owner, calls, figure):
    secret = calls().post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json").json()["token"]
    link = sign_in_link.issue(owner)
    values = dumped()
    assert not {secret, link} & set(values)
    assert opening(values) == []
    figure(f"{len(values)} values of the dumped tables tried, none opens anything")


def test_where_the_secret_itself_is_kept_a_dump_opens_the_api(owner, calls, monkeypatch):
    monkeypatch.setattr(accounts, "digest", lambda secret: secret)
    secret = calls().post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json").json()["token"]
    assert opening(dumped()) == [secret]


@pytest.fixture
def secret(owner):
    return accounts.issue_token(owner)[0]


@pytest.fixture
def written(caplog):
    """Everything that is logged, however unimportant."""
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + "".join(str(record.__dict__) for record in caplog.records)


def test_a_token_is_in_no_log_and_no_address(secret, calls, written, monkeypatch):
    client = calls()
    for path in ("status/", f"status/?token={secret[:-1]}", "nothing/", "images/x/"):
        client.get(f"/api/v1/{path}", HTTP_AUTHORIZATION=f"Token {secret}")
    client.post("/api/v1/collections/", b"{", content_type="application/json", HTTP_AUTHORIZATION=f"Token {secret}")
    monkeypatch.setattr(collections, "listing", lambda user: 1 / 0)
    client.get("/api/v1/collections/", HTTP_AUTHORIZATION=f"Token {secret}")
    assert "api_failed" in written()
    assert secret not in written()


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "key", "Authorization"])
def test_a_token_in_an_address_opens_nothing(secret, calls, name):
    assert calls().get(f"/api/v1/status/?{name}={secret}").status_code == 401


def test_a_secret_in_an_address_would_be_found_in_the_log(secret, calls, written):
    calls().get(f"/api/v1/nothing/{secret}/")
    assert secret in written()


@pytest.mark.parametrize("name", ["owner", "nobody", "no\u200bbody", "o" * 150])
def test_a_wrong_name_and_a_wrong_password_answer_alike(owner, calls, name):
    answer = calls().post(TOKEN, {"username": name, "password": "wrong"}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"].startswith("Token")


def test_an_old_token_in_the_header_does_not_stand_in_the_way_of_a_new_one(owner, calls):
    client = calls()
    client.credentials(HTTP_AUTHORIZATION="Token expired")
    assert client.post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json").status_code == 201


def test_the_sixth_wrong_password_in_a_minute_waits_even_for_the_right_one(owner, calls):
    for number in range(5):
        wrong = calls().post(
            TOKEN, {"username": "owner", "password": "x"}, format="json", HTTP_X_FORWARDED_FOR=f"6.6.6.{number}"
        )
        assert wrong.status_code == 401
    answer = calls().post(TOKEN, {"username": "owner", "password": PASSWORD}, format="json")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_token_revokes_itself(owner, calls):
    client = calls(owner)
    assert client.delete(TOKEN).status_code == 204
    assert client.get("/api/v1/status/").status_code == 401


def test_revoking_needs_a_token(owner, calls):
    client = calls()
    client.force_login(owner)
    assert client.delete(TOKEN).status_code == 401


def test_an_expired_token_and_one_of_somebody_inactive_open_nothing(owner, stranger, calls):
    expired, inactive = calls(owner), calls(stranger)
    ApiToken.objects.filter(user=owner).update(expires_at=timezone.now() - timedelta(seconds=1))
    stranger.is_active = False
    stranger.save()
    assert expired.get("/api/v1/status/").status_code == 401
    assert inactive.get("/api/v1/status/").status_code == 401


@pytest.mark.parametrize("header", ["Token", "Token ", "Token x y", "Token é", "Basic eDp5", "Bearer x", ""])
def test_other_headers_open_nothing(db, calls, header):
    client = calls()
    client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.get("/api/v1/status/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Token")


def test_a_reading_token_searches_but_changes_nothing(owner, collection, calls):
    client = calls(owner, scope="read")
    assert client.get(f"/api/v1/collections/{collection.pk}/").status_code == 200
    assert client.post("/api/v1/search/", {}, format="json").status_code == 400
    refused = client.patch(f"/api/v1/collections/{collection.pk}/", {"name": "New"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "token_only_reads")
    assert client.delete(TOKEN).status_code == 204


def opens(client):
    """Does this client's token open the API?"""
    return client.get("/api/v1/status/").status_code == 200


def test_without_a_look_at_the_clock_an_expired_token_opens_the_api(owner, calls, monkeypatch):
    client = calls(owner)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert not opens(client)
    monkeypatch.setattr(accounts, "timezone", SimpleNamespace(now=lambda: datetime(2000, 1, 1, tzinfo=UTC)))
    assert opens(client)


def test_where_a_revoked_row_is_kept_its_token_opens_the_api(owner, calls, monkeypatch):
    first, second = calls(owner), calls(owner)
    one, other = ApiToken.objects.order_by("created_at")
    accounts.revoke_token(one.pk, user=owner)
    assert not opens(first)
    monkeypatch.setattr(ApiToken, "delete", lambda row: None)
    accounts.revoke_token(other.pk, user=owner)
    assert opens(second)


def test_without_a_look_at_its_scope_a_reading_token_changes_things(owner, collection, calls, monkeypatch):
    client, address = calls(owner, scope="read"), f"/api/v1/collections/{collection.pk}/"
    assert client.patch(address, {"name": "New"}, format="json").status_code == 403
    monkeypatch.setattr(MayCall, "has_permission", lambda *_: True)
    assert client.patch(address, {"name": "New"}, format="json").status_code == 200
    collection.refresh_from_db()
    assert collection.name == "New"


def test_tokens_are_listed_without_secrets_and_revoked_by_their_owner_only(owner, stranger, calls):
    client, other = calls(owner), calls(stranger)
    (row,) = client.get("/api/v1/auth/tokens/").json()["results"]
    assert set(row) == {"id", "name", "scope", "created_at", "expires_at", "last_used_at"}
    assert other.delete(f"/api/v1/auth/tokens/{row['id']}/").status_code == 404
    assert client.delete(f"/api/v1/auth/tokens/{row['id']}/").status_code == 204
    assert client.get("/api/v1/status/").status_code == 401


def test_sessions_are_listed_and_ended(owner, stranger, calls):
    browser, other = calls(), calls()
    browser.force_login(owner)
    other.force_login(owner)
    rows = browser.get("/api/v1/auth/sessions/").json()["results"]
    assert sorted(row["current"] for row in rows) == [False, True]
    assert set(rows[0]) == {"id", "created_at", "seen_at", "expires_at", "address", "agent", "current"}
    address = f"/api/v1/auth/sessions/{next(row['id'] for row in rows if not row['current'])}/"
    assert calls(stranger).delete(address).status_code == 404
    assert browser.delete(address).status_code == 204
    assert [client.get("/api/v1/status/").status_code for client in (browser, other)] == [200, 401]
    assert calls(owner).delete("/api/v1/auth/sessions/").status_code == 204
    assert browser.get("/api/v1/status/").status_code == 401


def test_all_tokens_are_revoked_at_once(owner, stranger, calls):
    first, second, elses = calls(owner), calls(owner), calls(stranger)
    assert first.delete("/api/v1/auth/tokens/").status_code == 204
    assert [client.get("/api/v1/status/").status_code for client in (first, second, elses)] == [401, 401, 200]


def test_a_session_needs_the_csrf_token_to_change_anything(owner):
    from rest_framework.test import APIClient

    client = APIClient(enforce_csrf_checks=True)
    client.force_login(owner)
    refused = client.post("/api/v1/collections/", {"name": "Birds"}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    client.cookies["csrftoken"] = "x" * 32
    client.credentials(HTTP_X_CSRFTOKEN="x" * 32)
    assert client.post("/api/v1/collections/", {"name": "Birds"}, format="json").status_code == 201
