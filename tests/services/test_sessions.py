"""Sessions: what is kept, when they end, and who may end them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from django.utils import timezone

from retrieval import tasks
from retrieval.errors import NotFound
from retrieval.models import Session
from retrieval.services.people import accounts, sessions
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return UserFactory()


def signed_in(user):
    client = Client(HTTP_USER_AGENT="A browser")
    client.post("/login/", {"username": user.username, "password": "secret-pass-1"})
    return client


def opens(client):
    return client.get("/account/").status_code == 200


def test_a_session_says_whose_it_is_and_from_where(user):
    assert opens(signed_in(user))
    (row,) = sessions.sessions_of(user)
    assert (row.user, row.address, row.agent) == (user, "127.0.0.1", "A browser")


@pytest.mark.parametrize("field", ["seen_at", "created_at"])
def test_a_session_ends_by_idleness_and_by_age(user, field):
    client = signed_in(user)
    if field == "seen_at":
        Session.objects.update(seen_at=timezone.now() - timedelta(hours=71))
        assert opens(client)
        assert timezone.now() - Session.objects.get(user=user).seen_at < timedelta(minutes=1)
        Session.objects.update(seen_at=timezone.now() - timedelta(hours=73))
    else:
        row = Session.objects.get(user=user)
        assert timedelta(days=29) < row.expire_date - row.created_at <= timedelta(days=30)
        Session.objects.update(expire_date=timezone.now())
    assert not opens(client)
    assert not sessions.sessions_of(user).exists()


def test_use_does_not_make_a_session_younger(user):
    client = signed_in(user)
    before = Session.objects.get(user=user)
    session = client.session
    session["more"] = "words"
    session.save()
    after = Session.objects.get(user=user)
    assert (after.created_at, after.expire_date) == (before.created_at, before.expire_date)


def test_what_the_table_holds_opens_nothing(user):
    client = signed_in(user)
    row = Session.objects.values().get(user=user)
    assert client.session.session_key not in str(row)
    thief = Client()
    thief.cookies["sessionid"] = row["session_key"]
    assert not opens(thief)


def test_one_is_ended_by_its_person_only(user):
    client = signed_in(user)
    row = sessions.sessions_of(user).get()
    with pytest.raises(NotFound):
        sessions.end(row.id, user=UserFactory())
    sessions.end(row.id, user=user)
    assert not opens(client)


def test_all_others_are_ended(user):
    here, there, elses = signed_in(user), signed_in(user), signed_in(UserFactory())
    assert sessions.end_others(user, session_key=here.session.session_key) == 1
    assert [opens(client) for client in (here, there, elses)] == [True, False, True]


def test_what_was_ended_meanwhile_does_not_come_back(user):
    session = signed_in(user).session
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()


def test_sessions_that_are_over_are_dropped(user):
    signed_in(user)
    Session.objects.update(seen_at=timezone.now() - timedelta(hours=73))
    signed_in(user)
    living = Session.objects.latest("seen_at")
    tasks.drop_expired()
    assert Session.objects.get() == living


def test_what_opened_a_closed_account_does_not_come_back_with_it(user):
    client, (secret, _) = signed_in(user), accounts.issue_token(user)
    user.is_active = False
    user.save()
    user.is_active = True
    user.save()
    assert not opens(client)
    assert accounts.user_of_token(secret) is None
