"""A person's own page: tokens, theme, language, password."""

from __future__ import annotations

import re

import pytest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from retrieval.models import ApiToken
from retrieval.services.people import accounts
from tests.web.library import upload

NEW = "quiet-gallery-7"


def test_a_token_is_shown_once(page, owner):
    made = page.post("/account/tokens/", {"name": "<b>script</b>", "scope": "read"})
    secret = re.search(r"<code>([^<]+)</code>", made.content.decode())[1]
    assert accounts.user_of_token(secret).user == owner
    assert "no-store" in made["Cache-Control"]
    later = page.get("/account/").content.decode()
    assert secret not in later
    assert "&lt;b&gt;script" in later


def test_a_token_is_revoked_by_its_owner_only(page, sees, stranger, owner):
    _, token = accounts.issue_token(owner, name="script")
    assert sees(stranger).post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.count() == 1
    page.post(f"/account/tokens/{token.pk}/revoke/")
    assert ApiToken.objects.count() == 0


def test_a_token_of_a_program_that_gave_no_name_says_when_it_was_made(page, owner):
    _, token = accounts.issue_token(owner)
    text = page.get("/account/").content.decode()
    assert "Without a name" in text
    assert f"made {date_format(localtime(token.created_at), 'DATETIME_FORMAT')}" in text


def test_a_token_needs_a_name(page):
    assert page.post("/account/tokens/", {"name": "", "scope": "read"}).status_code == 400


@pytest.mark.parametrize("safe", [True, False])
def test_the_theme_is_kept_as_safely_as_the_session(page, settings, safe):
    settings.SESSION_COOKIE_SECURE, settings.THEME_COOKIE_NAME = safe, "__Host-theme" if safe else "theme"
    page.post("/account/theme/", {"theme": "dark"})
    cookie = page.cookies[settings.THEME_COOKIE_NAME]
    assert (bool(cookie["secure"]), cookie["path"], cookie["domain"]) == (safe, "/", "")
    assert 'data-theme="dark"' in page.get("/account/").content.decode()


def test_the_theme_is_remembered_without_scripts(page):
    assert page.post("/account/theme/", {"theme": "dark"}).status_code == 302
    assert '<html lang="en" data-theme="dark">' in page.get("/account/").content.decode()
    page.post("/account/theme/", {"theme": '"><script>'})
    assert 'data-theme="system"' in page.get("/account/").content.decode()


def test_the_language_is_switched(page):
    page.post("/i18n/setlang/", {"language": "zh-hans", "next": "/account/"})
    text = page.get("/account/").content.decode()
    assert '<html lang="zh-hans"' in text
    assert "账户" in text


def test_the_password_is_changed_with_the_old_one(page, sees, owner):
    other = sees(owner)
    words = {"old_password": "secret-pass-1", "new_password1": NEW, "new_password2": NEW}
    assert page.post("/account/password/", {**words, "old_password": "no"}).status_code == 400
    assert page.post("/account/password/", words).status_code == 302
    assert page.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_other_browsers_are_signed_out(page, sees, owner, stranger):
    one, two, elses = sees(owner), sees(owner), sees(stranger)
    text = page.get("/account/").content.decode()
    assert text.count("<b>this browser</b>") == 1
    address = re.search(r"/account/sessions/[0-9a-f-]{36}/end/", text)[0]
    assert elses.post(address).status_code == 404
    assert page.post(address).status_code == 302
    assert sorted(client.get("/account/").status_code for client in (one, two)) == [200, 302]
    page.post("/account/sessions/end/")
    assert [client.get("/account/").status_code for client in (page, one, two, elses)] == [200, 302, 302, 200]


def test_all_tokens_are_revoked(page, owner):
    secrets = [accounts.issue_token(owner)[0] for _ in range(2)]
    page.post("/account/tokens/revoke/")
    assert [accounts.user_of_token(secret) for secret in secrets] == [None, None]


def test_searches_can_be_asked_again_and_forgotten(page, four):
    page.get("/", {"image": four["red"].pk, "measure": "pearson", "tag": "blue"})
    page.post("/", {"file": upload("red")})
    text = page.get("/account/").content.decode()
    link = re.search(r'<a href="(/\?[^"]+)">1 picture · blue</a>', text)[1]
    again = page.get(link.replace("&amp;", "&")).context["question"].values
    assert (again["image"], again["measure"], again["tag"]) == ((four["red"].pk,), "pearson", ("blue",))
    assert '<span class="grow">1 picture</span>' in text  # its picture was not kept, so there is no way to ask again
    page.post("/account/searches/clear/")
    assert "1 picture" not in page.get("/account/").content.decode()
