"""Tokens and the audit trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import ApiToken, AuditEvent
from retrieval.services import accounts
from tests.factories import CollectionFactory, UserFactory

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
    event = AuditEvent.objects.get()
    assert (event.kind, event.object_id, event.detail) == ("collection", str(collection.pk), {"pictures": 3})
