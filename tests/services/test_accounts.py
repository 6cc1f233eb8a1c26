"""Tokens and the audit trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import ProgrammingError, transaction
from django.utils import timezone

from retrieval import caller
from retrieval.errors import InvalidInput, NotFound
from retrieval.models import ApiToken, AuditEvent
from retrieval.services.people import accounts
from tests.factories import CollectionFactory, UserFactory
from tests.racing import at_once

pytestmark = pytest.mark.django_db


def test_the_secret_is_not_in_the_database():
    user = UserFactory()
    secret, row = accounts.issue_token(user, name="laptop")
    stored = " ".join(str(value) for value in ApiToken.objects.values().get().values())
    assert secret not in stored
    assert accounts.user_of_token(secret) == row


def test_an_expired_token_opens_nothing():
    secret, _ = accounts.issue_token(UserFactory())
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert accounts.user_of_token(secret) is None


def test_a_token_of_somebody_switched_off_opens_nothing():
    user = UserFactory()
    secret, _ = accounts.issue_token(user)
    user.is_active = False
    user.save()
    assert accounts.user_of_token(secret) is None


def test_a_revoked_token_opens_nothing_and_only_its_owner_revokes_it():
    user = UserFactory()
    secret, row = accounts.issue_token(user)
    with pytest.raises(NotFound):
        accounts.revoke_token(row.pk, user=UserFactory())
    accounts.revoke_token(row.pk, user=user)
    assert accounts.user_of_token(secret) is None


def test_an_unknown_scope_is_refused():
    with pytest.raises(InvalidInput) as caught:
        accounts.issue_token(UserFactory(), scope="everything")
    assert "scope" in caught.value.fields


def test_nobody_collects_tokens_without_end(monkeypatch):
    monkeypatch.setattr(accounts, "TOKENS_PER_USER", 2)
    user = UserFactory()
    for _ in range(2):
        accounts.issue_token(user)
    with pytest.raises(InvalidInput):
        accounts.issue_token(user)


def test_the_time_of_last_use_is_written_seldom():
    secret, _ = accounts.issue_token(UserFactory())
    first = accounts.user_of_token(secret)
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=1))
    before = ApiToken.objects.get().last_used_at
    accounts.user_of_token(secret)
    assert first is not None
    assert ApiToken.objects.get().last_used_at == before


def test_the_trail_names_who_did_what_to_what():
    collection = CollectionFactory()
    accounts.record(collection.owner, "collection.exported", collection, pictures=3)
    event = AuditEvent.objects.get(action="collection.exported")
    assert (event.kind, event.object_id, event.detail) == ("collection", str(collection.pk), {"pictures": 3})


@pytest.mark.django_db(transaction=True)
def test_at_once_nobody_gets_more_tokens_than_there_are(monkeypatch):
    monkeypatch.setattr(accounts, "TOKENS_PER_USER", 3)
    user = UserFactory()
    made = at_once(lambda _: accounts.issue_token(user))
    assert sum(isinstance(each, InvalidInput) for each in made) == 21
    assert accounts.tokens_of(user).count() == 3


def test_all_tokens_are_revoked_and_nobody_elses():
    user, other = UserFactory(), UserFactory()
    secrets = [accounts.issue_token(user)[0] for _ in range(3)]
    kept, _ = accounts.issue_token(other)
    assert accounts.revoke_tokens(user) == 3
    assert [accounts.user_of_token(secret) for secret in secrets] == [None] * 3
    assert accounts.user_of_token(kept).user == other


def test_accounts_leave_lines_whatever_becomes_of_them():
    user = User.objects.create_user("somebody", password="quiet-gallery-7")
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.create(name="editors"))
    user.save(update_fields=["last_login"])
    user.delete()
    lines = AuditEvent.objects.filter(kind="user").order_by("at", "id").values_list("action", "detail")
    assert [action for action, _ in lines] == [
        "account.created", "account.changed", "account.rights", "account.removed",
    ]  # fmt: skip
    assert lines[1][1] == {"is_staff": True}


def line(action, days):
    at = timezone.now() - timedelta(days=days)
    return AuditEvent.objects.create(action=action, at=at, address="192.0.2.7", kind="collection", object_id="1")


def test_a_line_knows_the_address_that_it_came_from():
    caller.set_current(caller.Caller(address="192.0.2.7"))
    accounts.record(None, "collection.exported")
    caller.set_current(caller.NOBODY)
    assert AuditEvent.objects.get().address == "192.0.2.7"


def test_addresses_and_passing_lines_leave_the_trail():
    young, old = line("collection.exported", 89), line("collection.exported", 91)
    line("password.wrong", 91)
    kept = line("password.wrong", 89)
    assert accounts.forget_old() == 2
    assert dict(AuditEvent.objects.values_list("pk", "address")) == {
        young.pk: "192.0.2.7", old.pk: "", kept.pk: "192.0.2.7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("days", "change"),
    [(1, {"address": ""}), (91, {"action": "x"}), (91, {"address": "::1"}), (91, {"address": "", "object_id": "2"})],
)
def test_nothing_else_of_a_line_ever_changes(days, change):
    made = line("collection.exported", days)
    with pytest.raises(ProgrammingError, match="only ever added"), transaction.atomic():
        AuditEvent.objects.filter(pk=made.pk).update(**change)
