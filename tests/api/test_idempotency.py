"""Keys of uploads are kept for a week, each for one person and one request."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from retrieval.errors import Conflict
from retrieval.models import IdempotencyKey
from retrieval.services import idempotency
from retrieval.services.idempotency import Key

KEY = Key("upload-1", "a" * 64)


def test_a_key_leads_to_what_it_made(owner, stranger):
    image_id = uuid4()
    assert idempotency.recall(KEY, user=owner) is None
    idempotency.remember(KEY, user=owner, image_id=image_id)
    assert idempotency.recall(KEY, user=owner) == image_id
    assert idempotency.recall(KEY, user=stranger) is None


def test_a_key_of_another_request_is_refused(owner):
    idempotency.recall(KEY, user=owner)
    with pytest.raises(Conflict):
        idempotency.recall(Key(KEY.text, "b" * 64), user=owner)


def test_old_keys_are_forgotten(owner, stranger):
    for person in (owner, stranger):
        idempotency.recall(KEY, user=person)
    old = timezone.now() - idempotency.KEEP - timedelta(minutes=1)
    IdempotencyKey.objects.filter(user=owner).update(created_at=old)
    assert idempotency.forget_old() == 1
    assert IdempotencyKey.objects.get().user == stranger
