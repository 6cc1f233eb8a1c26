"""Signing in by the house's identity provider on the pages: who gets which account, and who gets none."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.urls import reverse

from retrieval import tasks
from retrieval.errors import Forbidden
from retrieval.models import AuditEvent, Identity
from retrieval.services.people import letters, limits, passwords, provider_sign_in, second_factor, sign_in_link
from retrieval.web.views import provider as views
from tests.factories import UserFactory
from tests.openid.provider import house

RIGHT = {"username": "anna", "password": "secret-pass-1"}


@pytest.fixture(scope="module")
def its_house():
    with house() as here:
        yield here


@pytest.fixture
def home(its_house, settings, monkeypatch, db):
    """The provider, known to the site; counts are of this process alone."""
    its_house.reset()
    monkeypatch.setattr(limits, "_local", limits.LocalCounts(broker_rests_until=float("inf")))
    monkeypatch.setattr(tasks, "wake", lambda *_: None)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, provider=its_house.client(name="Example"))
    return its_house


@pytest.fixture
def sets(home, settings):
    """Change what the operator has set."""

    def change(passwords=True, **fields):
        settings.IMAGESEARCH = replace(
            settings.IMAGESEARCH, passwords=passwords, provider=home.client(name="Example", **fields)
        )

    return change


@pytest.fixture
def comes(home, sees):
    """Send a browser to the provider and back; return the browser and the answer."""

    def go(person=None, *, next_="/collections/", **asked):
        browser = sees(person)
        there = browser.get("/login/provider/", {"next": next_, **asked})
        return browser, browser.get("/login/provider/done/", home.lets_in(there["Location"]))

    return go


def who(browser):
    return User.objects.filter(pk=browser.session.get(SESSION_KEY)).first()


def reasons():
    return [line.detail["reason"] for line in AuditEvent.objects.filter(action="provider.refused")]


def test_a_new_person_gets_an_account_with_the_rights_of_an_invited_one(home, comes, sees):
    assert "Sign in with Example" in sees().get("/login/").text
    home.person |= {"email": "anna@example.org", "email_verified": True}
    browser, answer = comes()
    person = who(browser)
    assert (answer.status_code, answer["Location"]) == (302, "/collections/")
    assert (person.username, person.email) == ("anna", "anna@example.org")
    assert not (person.is_staff)
    assert not (person.is_superuser)
    assert not (person.has_usable_password())
    assert who(comes()[0]) == person
    lines = AuditEvent.objects.filter(object_id=str(person.pk)).values_list("action", flat=True)
    assert sorted(lines) == ["account.created", "identity.linked", "sign_in", "sign_in"]
    assert "Example" in browser.get("/account/").text
    assert 'name="old_password"' not in browser.get("/account/").text


def test_an_account_of_the_same_address_or_name_is_another_one(home, comes):
    boss = UserFactory(username="Anna", email="boss@example.org", is_superuser=True)
    home.person |= {"email": "boss@example.org", "email_verified": True}
    person = who(comes()[0])
    assert person != boss
    assert (person.username, person.is_superuser) == ("anna-2", False)


@pytest.mark.parametrize(
    ("told", "name"),
    [("Ann Lee", "Ann-Lee"), ("<b>", "b"), ("", "person"), ("李华", "李华"), ("x" * 300, "x" * 100)],
)
def test_the_name_is_one_that_names_may_be(home, comes, told, name):
    home.person["preferred_username"] = told
    assert who(comes()[0]).username == name


def test_an_answer_counts_once_and_in_the_browser_that_asked(home, sees):
    browser = sees()
    answer = home.lets_in(browser.get("/login/provider/")["Location"])
    elsewhere = sees().get("/login/provider/done/", answer)
    assert (elsewhere.status_code, "Nobody was signed in" in elsewhere.text) == (403, True)
    assert reasons() == ["Nothing was asked of the provider from here."]
    assert browser.get("/login/provider/done/", answer)["Location"] == "/"
    browser.post("/logout/")
    assert browser.get("/login/provider/done/", answer).status_code == 403
    assert browser.head("/login/provider/done/", answer).status_code == 405


def test_it_takes_ten_minutes_and_five_tabs_at_most(home, sees, monkeypatch):
    browser = sees()
    answers = [home.lets_in(browser.get("/login/provider/")["Location"]) for _ in range(views.MOST_OPEN + 1)]
    assert browser.get("/login/provider/done/", answers[0]).status_code == 403
    monkeypatch.setattr(views, "GOOD_FOR", -1)
    late = home.lets_in(browser.get("/login/provider/")["Location"])
    assert browser.get("/login/provider/done/", late).status_code == 403
    assert browser.get("/login/provider/done/", answers[-1]).status_code == 302


def test_what_does_not_hold_lets_nobody_in_and_leaves_a_line(home, comes):
    home.lies = {"nonce": "x"}
    browser, answer = comes()
    assert (answer.status_code, who(browser)) == (403, None)
    assert reasons() == ["The ID token answers another question."]
    assert not User.objects.exists()


def test_a_provider_that_is_away_says_so(home, comes, sees):
    home.says = {"issuer": "https://other.example"}
    answer = sees().get("/login/provider/")
    assert (answer.status_code, "does not answer just now" in answer.text) == (503, True)


def test_never_to_another_site(home, comes):
    assert comes(next_="https://evil.example/")[1]["Location"] == "/"


def test_only_the_group_may_sign_in(home, sets, comes):
    sets(group="pictures")
    assert comes()[1].status_code == 403
    home.person["groups"] = ["pictures"]
    browser, answer = comes()
    assert (answer.status_code, who(browser).is_staff) == (302, False)
    assert reasons() == ["The person is not in the group that may sign in."]


def test_the_group_of_administrators_gives_powers_and_takes_back_what_it_gave(home, sets, comes):
    sets(group="pictures", admin_group="admins")
    home.person["groups"] = ["admins"]
    person = who(comes()[0])
    assert (person.is_staff, person.is_superuser) == (True, True)
    home.person["groups"] = ["pictures"]
    person = who(comes()[0])
    assert (person.is_staff, person.is_superuser) == (False, False)
    User.objects.update(is_staff=True, is_superuser=True)  # by somebody here
    for groups in (["admins"], ["pictures"]):
        home.person["groups"] = groups
        assert who(comes()[0]).is_superuser


def test_a_closed_account_stays_closed(home, comes):
    comes()
    User.objects.update(is_active=False)
    browser, answer = comes()
    assert (answer.status_code, who(browser), "The account is closed." in answer.text) == (403, None, True)
    assert reasons() == ["The account is closed."]


def test_the_second_factor_is_the_providers(home, comes, monkeypatch):
    monkeypatch.setattr(second_factor, "is_on", lambda user: True)
    assert comes()[1]["Location"] == "/collections/"


def test_a_person_lets_it_open_the_account_by_the_password(home, comes):
    anna = UserFactory(username="anna")
    browser, answer = comes(anna, link="on")
    assert answer["Location"] == "/account/provider/"
    assert "Shall anna at Example open the account anna" in browser.get("/account/provider/").text
    assert browser.post("/account/provider/", {"password": "wrong"}).status_code == 400
    assert not Identity.objects.exists()
    assert browser.post("/account/provider/", {"password": "secret-pass-1"}).status_code == 302
    assert who(comes()[0]) == anna
    assert browser.post("/account/provider/", {"password": "secret-pass-1"})["Location"] == "/account/"
    ben = UserFactory(username="ben")
    browser, _ = comes(ben, link="on")
    assert browser.post("/account/provider/", {"password": "secret-pass-1"}).status_code == 409


def test_who_has_no_password_sets_an_address_without(home, comes, settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, mail_from="site@example.org")
    browser, _ = comes()
    assert browser.post("/account/mail/", {"email": "anna@example.org"}).status_code == 302
    anna, _ = comes(UserFactory(), link="on")
    assert anna.post("/account/mail/", {"email": "anna@example.org"}).status_code == 400


def test_an_administrator_disconnects_an_account(home, comes, client, admin_user):
    person = who(comes()[0])
    client.force_login(admin_user)
    chosen = {"action": "unlink_identities", "_selected_action": [person.pk, admin_user.pk]}
    answer = client.post(reverse("admin:auth_user_changelist"), chosen, follow=True)
    assert "The identity provider does not open anna any more." in answer.text
    assert f"{admin_user.username}: The identity provider does not open this account." in answer.text
    assert AuditEvent.objects.get(action="identity.unlinked").actor == admin_user
    assert who(comes()[0]).username == "anna-2"


def test_whom_somebody_else_asked_for_opens_nothing(home, sees, comes):
    """Signed in as another person meanwhile."""
    browser, _ = comes(UserFactory(username="anna"), link="on")
    session = browser.session
    session[views.NAMED] = {**session[views.NAMED], "person": 0}
    session.save()
    assert browser.post("/account/provider/", {"password": "secret-pass-1"})["Location"] == "/account/"
    assert not Identity.objects.exists()


def test_without_passwords_the_provider_and_the_terminal_are_the_only_ways(home, sets, sees, comes, client):
    anna = UserFactory(username="anna", email="anna@example.org")
    given = sign_in_link.issue(anna)
    sets(passwords=False)
    page = sees().get("/login/")
    assert ('name="password"' in page.text, "Sign in with Example" in page.text) == (False, True)
    assert sees().post("/login/", RIGHT).status_code == 403
    token = client.post("/api/v1/auth/token/", RIGHT, content_type="application/json")
    assert (token.status_code, token.json()["error"]["code"]) == (403, "passwords_off")
    assert sees().post("/login/forgotten/", {"asked": "anna"}).status_code == 403
    assert not sign_in_link.is_good(given)
    assert sees().post(f"/first/{given}").status_code == 404
    boss = UserFactory(is_superuser=True)
    for act in (sign_in_link.issue_for, letters.invite):
        with pytest.raises(Forbidden):
            act(anna, actor=boss)
    browser = sees()
    answer = browser.post(f"/first/{sign_in_link.issue(anna, by_terminal=True)}", follow=True)
    assert answer.redirect_chain[-1] == ("/account/", 302)
    assert who(comes()[0]).username == "anna-2"


def test_the_administration_asks_on_the_page_that_offers_the_provider(home, sees):
    answer = sees().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/login/?next={reverse('admin:index').replace('/', '%2F')}"


def test_it_comes_back_to_the_origin_that_the_operator_names(home, settings, sees):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, origins=("https://testserver:8443",))
    address = sees().get("/login/provider/")["Location"]
    assert "redirect_uri=https%3A%2F%2Ftestserver%3A8443%2Flogin%2Fprovider%2Fdone%2F" in urlsplit(address).query


def test_of_two_browsers_of_a_new_person_one_makes_the_account(home, monkeypatch):
    it = provider_sign_in.openid.Who(home.issuer, "u-1", "anna", "", ())
    first = provider_sign_in.enter(it)
    known, asked = provider_sign_in._known, []
    monkeypatch.setattr(provider_sign_in, "_known", lambda who: known(who) if asked else asked.append(who))
    assert provider_sign_in.enter(it) == first
    assert User.objects.count() == 1


def test_many_ways_to_the_provider_by_which_nobody_came_back_are_refused(home, sees, comes, settings):
    limits_ = replace(settings.IMAGESEARCH.limits, provider_per_address=2)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, limits=limits_)
    for _ in range(3):
        assert comes()[1].status_code == 302  # who came back is not counted
    assert [sees().get("/login/provider/").status_code for _ in range(3)] == [302, 302, 429]


def test_passwords_prove_somebody_only_where_there_is_one(home, sets):
    anna = UserFactory()
    assert passwords.prove(anna)
    sets(passwords=False)
    assert not passwords.prove(anna)
