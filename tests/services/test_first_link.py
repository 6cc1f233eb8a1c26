"""The one-time sign-in link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from retrieval.models import FirstLink
from retrieval.services import first_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    """The administrator of a new site."""
    return first_link.prepare_admin()


def test_it_signs_in_once(admin):
    token = first_link.issue(admin)
    assert first_link.redeem(token) == admin
    assert first_link.redeem(token) is None


def test_nothing_usable_is_kept(admin):
    token = first_link.issue(admin)
    row = FirstLink.objects.get()
    assert token not in (row.digest, str(row))


def test_it_expires(admin):
    token = first_link.issue(admin)
    FirstLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert first_link.redeem(token) is None


def test_a_new_link_ends_the_one_before(admin):
    before = first_link.issue(admin)
    assert first_link.redeem(first_link.issue(admin)) == admin
    assert first_link.redeem(before) is None


@pytest.mark.parametrize("token", ["", "unknown", "\0", "x" * 10_000])
def test_an_unknown_token_is_no_ones(admin, token):
    assert first_link.redeem(token) is None


def test_someone_who_may_not_sign_in_may_not_by_link(admin):
    token = first_link.issue(admin)
    get_user_model().objects.update(is_active=False)
    assert first_link.redeem(token) is None


def test_the_password_counts_on_the_first_start_only():
    first = first_link.prepare_admin("a good first password")
    assert first.username == "admin"
    assert first.check_password("a good first password")
    again = first_link.prepare_admin("another password")
    assert again == first
    assert again.check_password("a good first password")


def test_without_a_password_nobody_knows_it(admin):
    assert admin.is_superuser
    assert not admin.check_password("")
