"""Every place that looks at a password goes through one counted door; new places are found by themselves."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path
from django.utils import timezone

from retrieval import conf
from retrieval.models import ApiToken, AuditEvent, ShareLink
from retrieval.services.people import accounts, limits, passwords
from tests.factories import CollectionFactory, UserFactory

RIGHT, WRONG = "secret-pass-1", "a-wrong-guess-9"
# Whatever a form may call the field of a password, and the names that go with it.
GUESS = dict.fromkeys(("password", "old_password", "current_password", "passwd", "secret", "passphrase"), WRONG)
GUESS |= dict.fromkeys(("password1", "password2", "new_password", "new_password1", "new_password2"), "quiet-gallery-7")
GUESS |= {"code": "000000"}
LOOKING = {"check_password", "acheck_password", "authenticate", "aauthenticate"}
FORMS = {"AuthenticationForm", "PasswordChangeForm", "AdminAuthenticationForm", "PasswordChangeView", "LoginView"}
# Who may: the door itself, and those who ask it.
KNOWN = {
    "retrieval/services/people/passwords.py", "retrieval/api/views/accounts.py", "retrieval/web/forms/people.py",
}  # fmt: skip
FILLED_IN = {"uuid": UUID(int=1), "int": 320, "str": "made-up", "username": "owner", "path": "x"}


def posts(patterns=None, prefix="/"):
    """Every address of the site, with made-up values in its places."""
    for item in get_resolver().url_patterns if patterns is None else patterns:
        text = prefix + str(item.pattern)
        for name in item.pattern.converters:
            kind = text.partition(f":{name}>")[0].rpartition("<")[2]
            text = text.replace(f"<{kind}:{name}>", str(FILLED_IN.get(kind, "x")))
        if isinstance(item, URLResolver):
            yield from posts(item.url_patterns, text)
        elif isinstance(item, URLPattern) and "^" not in text:
            yield text


@pytest.fixture
def looks(monkeypatch):
    """What was held against a hash, in order."""
    seen = []
    verify = MD5PasswordHasher.verify
    looking = lambda self, said, kept: seen.append(said) or verify(self, said, kept)  # noqa: E731
    monkeypatch.setattr(MD5PasswordHasher, "verify", looking)
    return seen


def browser(person):
    client = Client(raise_request_exception=False)
    if person:
        client.force_login(person)
    return client


def guess(client, address, **kind):
    """Send a form full of guesses, and again without those fields that a call says it does not know; it names a few."""
    body = {**GUESS, "username": "boss"}
    answer = client.post(address, body, **kind)
    while address.startswith("/api/") and answer.status_code == 400 and "unknown_field" in answer.text:
        body = {name: value for name, value in body.items() if name not in answer.json()["error"]["fields"]}
        answer = client.post(address, body, **kind)
    return answer


def looks_at_a_password(address, client, looks):
    """Does a form that is full of guesses reach a hash, sent by this client?"""
    looks.clear()
    limits._local.windows.clear()
    if guess(client, address).status_code != 405:  # what takes no form takes nothing else
        guess(client, address, content_type="application/json")
    return WRONG in looks


def doors(boss, looks, addresses):
    """Address and sender of every place that looks at a password."""
    clients = {None: browser(None), boss: browser(boss)}
    found = set()
    for address, who in itertools.product(addresses, clients):
        if who and "_auth_user_id" not in clients[who].session:  # an address before this one signed out
            clients[who].force_login(who)
        if looks_at_a_password(address, clients[who], looks):
            found.add((address, bool(who)))
            clients[who] = browser(who)
    return found


def refused_after(address, person, count):
    """The statuses of so many guesses, and of one more."""
    client = browser(person)
    kind = {"content_type": "application/json"} if address.startswith("/api/") else {}
    answers = [guess(client, address, **kind) for _ in range(count + 1)]
    return [answer.status_code for answer in answers[:-1]], answers[-1].status_code


@pytest.fixture
def boss(db):
    return UserFactory(username="boss", is_staff=True, is_superuser=True)


@pytest.fixture
def link(boss):
    """A share link with a password, at the address that ``posts`` makes up."""
    return ShareLink.objects.create(
        collection=CollectionFactory(owner=boss), made_by=boss, digest=accounts.digest(FILLED_IN["str"]),
        password=make_password(RIGHT), expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip


@pytest.fixture
def no_broker(monkeypatch):
    """Count in this process alone, so that a test can forget all counts at once."""
    monkeypatch.setattr(limits, "_local", limits.LocalCounts(broker_rests_until=float("inf")))


def test_the_addresses_that_look_at_passwords_are_these(boss, link, looks, no_broker):
    assert doors(boss, looks, sorted(set(posts()))) == {
        ("/login/", False), ("/admin/login/", False), ("/admin/login/", True),
        ("/account/password/", True), ("/api/v1/auth/token/", False), ("/api/v1/auth/token/", True),
        ("/account/mail/", True), ("/account/second-factor/on/", True), ("/api/v1/auth/second-factor/on/", True),
        ("/shared/made-up/", False), ("/shared/made-up/", True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "signed_in"),
    [("/login/", False), ("/admin/login/", False), ("/admin/login/", True), ("/account/password/", True),
     ("/api/v1/auth/token/", False), ("/shared/made-up/", False)],
)  # fmt: skip
def test_each_of_them_refuses_the_guess_after_the_last_and_leaves_lines(boss, link, address, signed_in):
    most = conf.get().limits.login_per_user
    before, after = refused_after(address, boss if signed_in else None, most)
    assert (set(before) & {429}, after) == (set(), 429)
    about = link if "shared" in address else boss
    trail = AuditEvent.objects.filter(object_id=str(about.pk), address="127.0.0.1")
    assert trail.filter(action="password.wrong").count() == most
    line = trail.get(action="password.limited")
    assert line.actor == (boss if signed_in else None)
    assert WRONG not in str(list(AuditEvent.objects.values()))


def test_the_limit_is_one_for_all_of_them(boss, settings):
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, login_per_user=2))
    browser(None).post("/login/", {"username": "boss", "password": WRONG})
    browser(None).post("/admin/login/", {"username": "BOSS ", "password": WRONG})
    assert browser(boss).post("/account/password/", {**GUESS, "old_password": RIGHT}).status_code == 429
    token = {"username": "boss", "password": RIGHT}
    assert browser(None).post("/api/v1/auth/token/", token, content_type="application/json").status_code == 429


def hidden(request):
    """A view of somebody who did not know about the door."""
    found = UserFactory._meta.model.objects.get(username=request.POST.get("username") or "boss")
    return HttpResponse(status=200 if found.check_password(request.POST.get("current_password") or "") else 403)


def test_a_new_place_beside_the_door_is_found_and_has_no_limit(boss, looks, no_broker, settings):
    settings.ROOT_URLCONF = type("Conf", (), {"urlpatterns": [path("secret/door/", hidden)]})
    assert doors(boss, looks, posts()) == {("/secret/door/", False), ("/secret/door/", True)}
    assert refused_after("/secret/door/", None, 30) == ([403] * 30, 403)


def looking(source):
    """The names by which a module looks at passwords, or builds on a form that does.

    Most modules hold none of these names, and need not be read as a program.
    """
    if not any(name in source for name in LOOKING | FORMS):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called in LOOKING:
                yield called
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.name in FORMS)


def test_no_other_module_looks_at_passwords():
    root = Path(django_settings.BASE_DIR)
    modules = [file for room in ("retrieval", "imagesearch") for file in (root / room).rglob("*.py")]
    found = {str(file.relative_to(root)) for file in modules if list(looking(file.read_text()))}
    assert found == KNOWN


@pytest.mark.parametrize("line", ["user.check_password(x)", "authenticate(request, password=x)",
                                  "from django.contrib.auth.forms import PasswordChangeForm"])  # fmt: skip
def test_such_a_module_is_noticed(line):
    assert list(looking(line))


def test_django_asks_no_other_backend():
    assert django_settings.AUTHENTICATION_BACKENDS == ["retrieval.services.people.passwords.Door"]


@pytest.mark.parametrize("said", ["boss", " boss", "boss\u00a0", "ｂｏｓｓ", "BOSS", "\u3000Ｂoss", "boss\u2003"])
def test_spellings_of_a_name_have_one_limit(boss, said):
    for _ in range(conf.get().limits.login_per_user):
        browser(None).post("/login/", {"username": said, "password": WRONG})
    assert browser(None).post("/login/", {"username": "boss", "password": RIGHT}).status_code == 429


def test_names_without_an_account_stay_out_of_the_trail(db):
    browser(None).post("/login/", {"username": "my-real-passw0rd", "password": "x"})
    (line,) = AuditEvent.objects.values()
    assert (line["action"], line["address"], line["object_id"]) == ("password.wrong", "127.0.0.1", "")
    assert "my-real-passw0rd" not in str(line)


def test_a_good_sign_in_leaves_a_line(boss):
    browser(None).post("/login/", {"username": "boss", "password": RIGHT})
    line = AuditEvent.objects.get(action="sign_in")
    assert (line.actor, line.address) == (boss, "127.0.0.1")


@pytest.mark.parametrize("way", ["page", "admin", "shell"])
def test_a_new_password_ends_tokens_sessions_and_links_on_whatever_way(boss, way):
    person = UserFactory(username="somebody")
    secret, _ = accounts.issue_token(person)
    here, other = browser(person), browser(person)
    new = dict.fromkeys(("new_password1", "new_password2"), "quiet-gallery-7")
    if way == "page":
        assert here.post("/account/password/", {**new, "old_password": RIGHT}).status_code == 302
        assert here.get("/account/").status_code == 200
    elif way == "admin":
        body = {"password1": "quiet-gallery-7", "password2": "quiet-gallery-7", "usable_password": "true"}
        assert browser(boss).post(f"/admin/auth/user/{person.pk}/password/", body).status_code == 302
    else:
        person.set_password("quiet-gallery-7")
        person.save()
    assert accounts.user_of_token(secret) is None
    assert not ApiToken.objects.filter(user=person).exists()
    assert other.get("/account/").status_code == 302
    assert AuditEvent.objects.get(action="password.set").object_id == str(person.pk)


def test_a_token_made_with_the_old_password_during_the_change_opens_nothing(boss):
    as_it_was = type(boss).objects.get(pk=boss.pk)
    boss.set_password("quiet-gallery-7")
    boss.save()
    secret, _ = accounts.issue_token(as_it_was)
    assert accounts.user_of_token(secret) is None


def test_a_password_that_is_only_hashed_anew_ends_nothing(boss, settings):
    secret, _ = accounts.issue_token(boss)
    before = boss.password
    settings.PASSWORD_HASHERS = ["tests.web.test_passwords.Stronger", *settings.PASSWORD_HASHERS]
    assert passwords.confirm(type(boss).objects.get(pk=boss.pk), RIGHT)
    boss.refresh_from_db()
    assert boss.password != before
    assert accounts.user_of_token(secret).user == boss


class Stronger(MD5PasswordHasher):
    """Another setting of the hash, as a new version of Django brings."""

    algorithm = "stronger"


@pytest.mark.parametrize(
    ("address", "route"),
    [("/metrics", "/metrics"), ("/admin/", None), ("/evaluations/", "/evaluations/"),
     ("/api/v1/evaluations/", "/api/v1/evaluations/")],
)  # fmt: skip
def test_refused_rights_leave_a_line_wherever(db, address, route):
    person = UserFactory()
    refused = browser(person).get(address)
    lines = AuditEvent.objects.filter(action="right.refused")
    assert lines.exists() == (refused.status_code == 403) == (route is not None)
    for line in lines:
        assert (line.actor, line.address, line.detail) == (person, "127.0.0.1", {"route": route, "method": "GET"})


def test_a_refused_token_leaves_a_line_without_it(db):
    browser(None).get("/api/v1/status/", HTTP_AUTHORIZATION="Token made-up-secret")
    line = AuditEvent.objects.values().get(action="token.refused")
    assert line["address"] == "127.0.0.1"
    assert "made-up-secret" not in str(line)


def test_noise_from_one_address_is_bounded_and_hides_nothing(boss, monkeypatch):
    monkeypatch.setattr(accounts, "NOTES_PER_ADDRESS", 3)
    for _ in range(10):
        browser(None).get("/api/v1/status/", HTTP_AUTHORIZATION="Token made-up-secret")
    assert AuditEvent.objects.filter(action="token.refused").count() == 3
    assert AuditEvent.objects.filter(action=accounts.HELD_BACK).count() == 1
    browser(None).post("/login/", {"username": "boss", "password": RIGHT})
    assert AuditEvent.objects.filter(action="sign_in").exists()


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password!!2024",
        "1987dragon1987",
        "letmeinletmein",
        "Imagesearch-2026",
        "ＰＡＳＳＷＯＲＤ１２３",
    ],
)
def test_a_common_password_made_longer_is_common(password):
    with pytest.raises(ValidationError, match="too common"):
        passwords.Uncommon().validate(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "quiet-gallery-7", "dragon and letmein", "1234 x 5678 y"]
)
def test_words_put_together_are_not(password):
    passwords.Uncommon().validate(password)
