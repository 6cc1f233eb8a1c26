"""Mail about accounts: forgotten passwords, invitations, changed addresses; and what nobody learns by it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from retrieval import tasks
from retrieval.models import AuditEvent, FirstLink, Letter, NewAddress
from retrieval.services.people import letter_sending, letters, limits, own_address, passwords, posting, sign_in_link
from retrieval.work import messages
from tests.factories import UserFactory

LINK = re.compile(r"^https://pictures\.example(/\S+)$", re.M)
ASK = "/login/forgotten/"


@pytest.fixture(autouse=True)
def site(settings, monkeypatch):
    """A site that sends mail, and counts in this process alone."""
    monkeypatch.setattr(limits, "_local", limits.LocalCounts(broker_rests_until=float("inf")))
    monkeypatch.setattr(tasks, "wake", lambda *_: None)
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, mail_from="site@example.org", site="https://pictures.example")
    return settings


@pytest.fixture
def anna(db):
    return UserFactory(username="anna", email="Anna@example.org")


def link_in(mail):
    (link,) = LINK.findall(mail.body)
    return link


def actions(person):
    return set(AuditEvent.objects.filter(object_id=str(person.pk)).values_list("action", flat=True))


@pytest.mark.parametrize("asked", ["anna", "anna@EXAMPLE.org"])
def test_by_name_or_address_comes_a_link_that_leads_to_a_new_password(sees, anna, mailoutbox, asked):
    answer = sees().post(ASK, {"asked": asked})
    assert (answer.status_code, "Check your mail" in answer.text) == (200, True)
    letter_sending.send_due()
    (mail,) = mailoutbox
    assert (mail.to, mail.from_email) == (["Anna@example.org"], "site@example.org")
    assert sees().post(link_in(mail), follow=True).redirect_chain == [("/welcome/", 302)]
    assert not Letter.objects.exists()
    assert {"first_link.mailed", "first_link.redeemed"} <= actions(anna)


def test_neither_the_answer_nor_its_work_tells_whether_there_is_such_an_account(sees, anna, mailoutbox):
    seen = []
    for asked in ("anna", "nobody", "anna@example.org", "nobody@example.org"):
        browser = sees()
        with CaptureQueriesContext(connection) as queries:
            answer = browser.post(ASK, {"asked": asked})
        work = [re.sub(r"'[^']*'", "?", query["sql"]) for query in queries if "SAVEPOINT" not in query["sql"]]
        seen.append((answer.status_code, re.sub(r"\b\w{64}\b", "", answer.text), work))
    assert seen[1:] == seen[:1] * 3


@pytest.mark.parametrize("why", ["closed", "no address", "no password"])
def test_to_some_accounts_nothing_is_sent(anna, mailoutbox, why):
    anna.is_active, anna.email = why != "closed", "" if why == "no address" else anna.email
    if why == "no password":
        anna.set_unusable_password()
    anna.save()
    Letter.objects.all().delete()
    letters.forgotten("anna")
    letter_sending.send_due()
    assert (mailoutbox, FirstLink.objects.count(), Letter.objects.count()) == ([], 0, 0)


def test_strangers_flood_neither_the_site_nor_a_mailbox_nor_end_other_links(sees, anna, mailoutbox, monkeypatch):
    given = sign_in_link.issue(anna)
    browser = sees()
    answers = [browser.post(ASK, {"asked": "anna"}).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    letter_sending.send_due()
    assert len(mailoutbox) == letter_sending.RESETS_AN_HOUR
    assert all(sign_in_link.is_good(token) for token in [given, *(link_in(mail)[7:] for mail in mailoutbox)])
    assert browser.post(ASK, {"asked": "anna\n"}).status_code == 429


def test_a_server_that_takes_none_is_tried_again_until_nobody_waits(anna, mailoutbox, monkeypatch):
    monkeypatch.setattr(posting, "hand_in", lambda mail: posting.UNREACHABLE)
    letters.forgotten("anna")
    letter_sending.send_due()
    letter = Letter.objects.get()
    assert (letter.attempts, letter.due_at > timezone.now()) == (1, True)
    Letter.objects.update(due_at=timezone.now(), created_at=timezone.now() - letter_sending.RESET_WAITS)
    letter_sending.send_due()
    assert not Letter.objects.exists()
    line = AuditEvent.objects.get(action="letter.given_up", object_id=str(anna.pk))
    assert line.detail == {"kind": "reset", "reason": "mail_unreachable"}


def test_a_question_that_nobody_looked_at_in_time_is_not_answered(anna, mailoutbox):
    letters.forgotten("anna")
    Letter.objects.update(created_at=timezone.now() - letter_sending.RESET_WAITS)
    letter_sending.send_due()
    assert (mailoutbox, Letter.objects.count()) == ([], 0)


def test_without_a_mail_server_the_page_says_whom_to_ask(sees, anna, site):
    site.IMAGESEARCH = replace(site.IMAGESEARCH, mail_from="")
    assert ASK in sees().get("/login/").text
    page = sees().get(ASK)
    assert "Ask an administrator" in page.text
    assert 'name="asked"' not in page.text
    assert sees().post(ASK, {"asked": "anna"}).status_code == 400
    anna.email = "other@example.org"
    anna.save()
    assert not Letter.objects.exists()


def test_who_is_invited_gets_a_link_by_mail(client, admin_user, mailoutbox):
    new, bare = UserFactory(username="ben", email="ben@example.org"), UserFactory(email="")
    client.force_login(admin_user)
    chosen = {"action": "mail_links", "_selected_action": [new.pk, bare.pk]}
    answer = client.post(reverse("admin:auth_user_changelist"), chosen, follow=True)
    assert "A mail is on its way to ben@example.org." in answer.text
    assert f"{bare.username}: This account has no address of mail" in answer.text
    letter_sending.send_due()
    (mail,) = mailoutbox
    row = FirstLink.objects.get(user=new)
    assert row.expires_at - timezone.now() > timedelta(hours=71)
    assert sign_in_link.redeem(link_in(mail).removeprefix("/first/")) == new
    assert "first_link.issued" in actions(new)


def test_an_own_address_counts_once_its_link_is_opened_and_the_one_before_is_told(sees, anna, mailoutbox):
    page = sees(anna)
    wanted = {"email": "new@example.org", "password": "secret-pass-1"}
    assert page.post("/account/mail/", {**wanted, "password": "wrong"}).status_code == 400
    assert page.post("/account/mail/", wanted).status_code == 302
    assert "new@example.org waits" in page.get("/account/").text
    letter_sending.send_due()
    (mail,) = mailoutbox
    link = link_in(mail)
    assert mail.to == ["new@example.org"]
    assert sees(UserFactory()).post(link).status_code == 404
    assert page.get(link).status_code == 200
    anna.refresh_from_db()
    assert anna.email == "Anna@example.org"
    page.post(link)
    anna.refresh_from_db()
    assert (anna.email, page.post(link).status_code) == ("new@example.org", 404)
    line = AuditEvent.objects.get(action="account.changed")
    assert (line.actor, line.detail) == (anna, {"email": "new@example.org"})
    letter_sending.send_due()
    assert mailoutbox[1].to == ["Anna@example.org"]


def test_the_same_by_the_api(sees, anna, mailoutbox):
    page, wanted = sees(anna), {"email": "new@example.org", "password": "secret-pass-1"}
    ask = partial(page.post, "/api/v1/auth/address/", content_type="application/json")
    wrong = ask({**wanted, "password": "wrong"})
    assert (wrong.status_code, [*wrong.json()["error"]["fields"]]) == (400, ["password"])
    answer = ask(wanted)
    assert (answer.status_code, answer.json()) == (202, {"email": "Anna@example.org", "waiting": "new@example.org"})
    assert page.get("/api/v1/auth/address/").json() == answer.json()
    assert ask({**wanted, "email": "no address"}).status_code == 400
    assert ask({**wanted, "email": ""}).json() == {"email": "", "waiting": None}


def test_a_link_confirms_the_address_that_it_was_sent_to_and_no_other(anna):
    own_address.ask(anna, "mine@example.org")
    own_address.ask(anna, "yours@example.org")
    assert not NewAddress.objects.filter(digest=own_address.digest(own_address.token(anna, address="mine@example.org")))
    assert own_address.confirm(anna, own_address.token(anna, address="yours@example.org")) == "yours@example.org"


def test_many_addresses_are_not_written_to_for_one_person(sees, anna):
    page = sees(anna)
    for count in range(own_address.MOST_AN_HOUR + 1):
        wanted = {"email": f"a{count}@example.org", "password": "secret-pass-1"}
        status = page.post("/account/mail/", wanted).status_code
    assert (status, Letter.objects.count()) == (429, own_address.MOST_AN_HOUR)


def test_what_administrators_change_is_told_too_and_a_new_password(client, admin_user, anna, mailoutbox):
    anna.last_login = timezone.now()
    anna.email = "other@example.org"
    anna.set_password("quiet-gallery-7")
    anna.save()
    letter_sending.send_due()
    assert {(mail.to[0], mail.subject) for mail in mailoutbox} == {
        ("Anna@example.org", "[imagesearch] Your address was changed"),
        ("other@example.org", "[imagesearch] Your password was changed"),
    }


def test_a_link_by_mail_asks_for_the_second_factor_as_others_do(sees, anna, mailoutbox, monkeypatch):
    monkeypatch.setattr(passwords.second_factor, "is_on", lambda user: True)
    letters.forgotten("anna")
    letter_sending.send_due()
    browser = sees()
    assert browser.post(link_in(mailoutbox[0]))["Location"] == "/login/code/"
    assert SESSION_KEY not in browser.session


def test_the_reconciler_sends_what_no_message_told_of(anna, monkeypatch):
    told = []
    monkeypatch.setattr(messages, "send", lambda task, args=(): told.append((task, args)))
    letters.queue("new_password", user=anna)
    tasks.reconcile()
    assert (tasks.deliver, ("",)) in told
    tasks.deliver("")
    assert not Letter.objects.exists()
