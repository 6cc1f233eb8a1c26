"""Signing in with a second factor on pages, in the administration, by link and by API; setting it up on its page."""

from __future__ import annotations

import re

import pyotp
import pytest
from django.contrib.auth import SESSION_KEY
from rest_framework.test import APIClient

from retrieval.models import SecondFactor
from retrieval.services.people import limits, passwords, second_factor, sign_in_link
from retrieval.web import half_way

RIGHT = {"username": "owner", "password": "secret-pass-1"}


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(limits, "_local", limits.LocalCounts(broker_rests_until=float("inf")))


@pytest.fixture
def codes(owner):
    """It is on: the recovery codes, each good once."""
    secret = second_factor.begin(owner).secret
    return second_factor.turn_on(owner, code=pyotp.TOTP(secret).now(), session_key=None)


def test_after_the_password_comes_the_code_and_then_the_goal(sees, codes):
    browser = sees()
    answer = browser.post("/login/", {**RIGHT, "next": "/collections/"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/code/")
    assert SESSION_KEY not in browser.session
    assert browser.get("/collections/").status_code == 302
    wrong = browser.post("/login/code/", {"code": "000000"})
    assert (wrong.status_code, SESSION_KEY in browser.session) == (400, False)
    assert "This code is not right" in wrong.text
    right = browser.post("/login/code/", {"code": codes[0]})
    assert (right.status_code, right["Location"]) == (302, "/collections/")
    assert half_way.KEY not in browser.session
    assert browser.get("/collections/").status_code == 200
    assert sees().post("/login/code/", {"code": codes[1]})["Location"] == "/login/"


@pytest.mark.parametrize("change", ["password", "time", "closed"])
def test_half_way_ends_with_the_password_by_time_and_with_the_account(sees, owner, codes, change, monkeypatch):
    monkeypatch.setattr(half_way, "GOOD_FOR", -1 if change == "time" else half_way.GOOD_FOR)
    browser = sees()
    browser.post("/login/", RIGHT)
    if change == "password":
        owner.set_password("quiet-gallery-7")
    owner.is_active = change != "closed"
    owner.save()
    assert browser.post("/login/code/", {"code": codes[0]})["Location"] == "/login/"
    assert SESSION_KEY not in browser.session


def test_a_link_asks_for_the_code_before_a_new_password_may_be_chosen(sees, owner, codes):
    browser = sees()
    assert browser.post(f"/first/{sign_in_link.issue(owner)}")["Location"] == "/login/code/"
    assert browser.get("/welcome/").status_code == 302
    assert SESSION_KEY not in browser.session
    assert browser.post("/login/code/", {"code": codes[0]})["Location"] == "/welcome/"
    assert browser.get("/welcome/").status_code == 200


def test_the_administrations_own_form_lets_nobody_in(sees, owner, codes):
    owner.is_staff = True
    owner.save()
    browser = sees()
    answer = browser.post("/admin/login/", RIGHT)
    assert (answer.status_code, SESSION_KEY in browser.session) == (401, False)
    assert "/login/" in answer.text


def test_without_the_look_at_the_door_a_password_is_enough(sees, owner, codes, monkeypatch):
    monkeypatch.setattr(passwords.second_factor, "is_on", lambda user: False)
    browser = sees()
    browser.post("/login/", RIGHT)
    assert SESSION_KEY in browser.session


def test_a_token_needs_the_code_too(owner, codes):
    ask = lambda **more: APIClient().post("/api/v1/auth/token/", {**RIGHT, **more}, format="json")  # noqa: E731
    for more, code in (({}, "code_needed"), ({"code": "000000"}, "code_wrong")):
        answer = ask(**more)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert ask(code=codes[0]).status_code == 201
    assert ask(code=codes[0], password="no").json()["error"]["code"] == "invalid_credentials"


def test_it_is_set_up_and_turned_off_on_its_page(page, owner):
    assert page.get("/account/second-factor/").status_code == 200
    assert not SecondFactor.objects.exists()
    begun = page.post("/account/second-factor/begin/").text
    secret = SecondFactor.objects.get().secret
    assert secret in begun
    assert "<svg" in begun
    now = pyotp.TOTP(secret).now
    for wrong in ({"password": "no", "code": now()}, {"password": RIGHT["password"], "code": "000000"}):
        again = page.post("/account/second-factor/on/", wrong)
        assert (again.status_code, secret in again.text) == (400, True)
    shown = page.post("/account/second-factor/on/", {"password": RIGHT["password"], "code": now()})
    codes = re.findall(r"<code>([0-9a-f-]{31})</code>", shown.text)
    assert len(codes) == second_factor.RECOVERY_CODES
    assert "10 recovery codes are left" in page.get("/account/second-factor/").text
    assert codes[0] not in page.get("/account/second-factor/").text
    assert page.post("/account/second-factor/begin/").status_code == 409
    assert len(re.findall(r"<code>", page.post("/account/second-factor/codes/", {"code": codes[0]}).text)) == 10
    assert page.post("/account/second-factor/off/", {"code": codes[1]}).status_code == 400
    fresh = second_factor._new_codes(owner)
    assert page.post("/account/second-factor/off/", {"code": fresh[0]})["Location"] == "/account/"
    assert not SecondFactor.objects.exists()


def test_it_is_set_up_and_turned_off_by_the_api(owner, page):
    api = APIClient()
    api.force_authenticate(owner)
    ask = lambda end, **body: api.post(f"/api/v1/auth/second-factor/{end}", body, format="json")  # noqa: E731
    assert api.get("/api/v1/auth/second-factor/").json() == {"on": False, "codes_left": 0}
    assert ask("on/", password=RIGHT["password"], code="000000").status_code == 404
    secret = ask("").json()["secret"]
    assert ask("on/", password="no", code="000000").json()["error"]["fields"].keys() == {"password"}
    assert ask("on/", password=RIGHT["password"], code="000000").json()["error"]["code"] == "code_wrong"
    codes = ask("on/", password=RIGHT["password"], code=pyotp.TOTP(secret).now()).json()["codes"]
    assert ask("").json()["error"]["code"] == "second_factor_on"
    codes = ask("codes/", code=codes[0]).json()["codes"]
    assert api.get("/api/v1/auth/second-factor/").json() == {"on": True, "codes_left": 10}
    assert ask("off/", code=codes[0]).status_code == 204
    assert api.get("/api/v1/auth/second-factor/").json() == {"on": False, "codes_left": 0}
