"""Signing in and out, the one-time link, choosing a password, and how often one may guess."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth import SESSION_KEY

from retrieval import conf
from retrieval.models import Session
from retrieval.services.people import accounts, sign_in_link
from tests.factories import UserFactory

RIGHT = {"username": "owner", "password": "secret-pass-1"}
CHOSEN = "quiet-gallery-7"


def test_signing_in_goes_where_the_person_was_going(sees, owner):
    answer = sees().post("/login/", {**RIGHT, "next": "/collections/"})
    assert (answer.status_code, answer["Location"]) == (302, "/collections/")


@pytest.mark.parametrize("goal", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_never_to_another_site(sees, owner, goal):
    assert sees().post("/login/", {**RIGHT, "next": goal})["Location"] == "/"


@pytest.mark.parametrize("wrong", [{"password": "no"}, {"username": "nobody"}])
def test_a_wrong_name_and_a_wrong_password_answer_alike(sees, owner, wrong):
    answer = sees().post("/login/", {**RIGHT, **wrong})
    assert answer.status_code == 400
    assert "do not fit together" in answer.content.decode()
    assert RIGHT["password"] not in answer.content.decode()


def test_guessing_is_slowed_down_and_signing_in_is_not(sees, owner, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, login_per_user=2))
    for _ in range(3):
        assert sees().post("/login/", RIGHT).status_code == 302
    codes = [sees().post("/login/", {**RIGHT, "password": "no"}).status_code for _ in range(3)]
    assert codes == [400, 400, 429]
    assert sees().post("/login/", RIGHT, headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 429


def test_signing_in_needs_the_token_of_the_form(sees, owner):
    assert sees(enforce_csrf_checks=True).post("/login/", RIGHT).status_code == 403


def test_signing_out_is_a_post(page):
    assert page.get("/logout/").status_code == 405
    page.post("/logout/")
    assert SESSION_KEY not in page.session


@pytest.mark.parametrize("door", ["/logout/", "/admin/logout/"])
def test_signing_out_empties_the_browser_but_for_theme_and_language(page, door):
    answer = page.post(door)
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert SESSION_KEY not in page.session


def test_what_a_page_says_next_is_in_no_cookie(page, collection):
    answer = page.post(f"/collections/{collection.pk}/settings/", {"name": "Told", "visibility": "private"})
    assert (answer.status_code, "messages" in page.cookies) == (302, False)
    assert "Saved." in page.get(answer["Location"]).content.decode()


def test_the_first_link_works_once_and_lets_one_choose_a_password(sees, db):
    token = sign_in_link.issue(UserFactory(username="admin"))
    browser = sees()
    for looks in (browser.head, browser.get, browser.get):
        assert looks(f"/first/{token}").status_code == 200
        assert SESSION_KEY not in browser.session
    assert browser.post(f"/first/{token}")["Location"] == "/welcome/"
    assert "Welcome, admin" in browser.get("/welcome/").content.decode()
    assert browser.post("/welcome/", {"new_password1": "123", "new_password2": "123"}).status_code == 400
    assert browser.post("/welcome/", {"new_password1": CHOSEN, "new_password2": CHOSEN})["Location"] == "/"
    assert browser.get("/account/").status_code == 200
    assert browser.get("/welcome/")["Location"] == "/account/"
    assert sees().post("/login/", {"username": "admin", "password": CHOSEN}).status_code == 302
    for again in (sees().get, sees().post):
        assert again(f"/first/{token}").status_code == 404


def test_the_link_begins_a_new_session_for_whom_is_signed_in_already_too(sees, owner):
    browser = sees(owner)
    before = browser.session.session_key
    browser.post(f"/first/{sign_in_link.issue(owner)}")
    assert browser.session.session_key not in {None, before}
    assert not Session.objects.filter(session_key=accounts.digest(before)).exists()


def test_the_link_needs_the_token_of_the_form(sees, db):
    token = sign_in_link.issue(UserFactory())
    assert sees(enforce_csrf_checks=True).post(f"/first/{token}").status_code == 403
    assert sign_in_link.is_good(token)


def test_a_made_up_link_opens_nothing(sees, db):
    browser = sees()
    answer = browser.get("/first/made-up")
    assert answer.status_code == 404
    assert 'href="/login/">Sign in</a></p>' in answer.content.decode()
    assert SESSION_KEY not in browser.session
