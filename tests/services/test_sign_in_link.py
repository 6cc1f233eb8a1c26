"""The one-time sign-in link."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from retrieval.errors import Forbidden
from retrieval.models import AuditEvent, FirstLink
from retrieval.services.people import sign_in_link
from retrieval.services.people.accounts import digest
from tests.factories import UserFactory
from tests.racing import at_once, in_turn

ROUNDS = 3

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    """The administrator of a new site."""
    return sign_in_link.prepare_admin()


def test_it_signs_in_once(admin):
    token = sign_in_link.issue(admin)
    assert sign_in_link.redeem(token) == admin
    assert sign_in_link.redeem(token) is None


def test_nothing_usable_is_kept(admin):
    token = sign_in_link.issue(admin)
    row = FirstLink.objects.get()
    assert token not in (row.digest, str(row))


def test_it_expires(admin):
    token = sign_in_link.issue(admin)
    FirstLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sign_in_link.redeem(token) is None


def test_a_new_link_ends_the_one_before(admin):
    before = sign_in_link.issue(admin)
    assert sign_in_link.redeem(sign_in_link.issue(admin)) == admin
    assert sign_in_link.redeem(before) is None


@pytest.mark.parametrize("token", ["", "unknown", "\0", "x" * 10_000])
def test_an_unknown_token_is_no_ones(admin, token):
    assert sign_in_link.redeem(token) is None


def test_someone_who_may_not_sign_in_may_not_by_link(admin):
    token = sign_in_link.issue(admin)
    get_user_model().objects.update(is_active=False)
    assert sign_in_link.redeem(token) is None


def test_the_password_counts_on_the_first_start_only():
    first = sign_in_link.prepare_admin("a good first password")
    assert first.username == "admin"
    assert first.check_password("a good first password")
    again = sign_in_link.prepare_admin("another password")
    assert again == first
    assert again.check_password("a good first password")


def test_without_a_password_nobody_knows_it(admin):
    assert admin.is_superuser
    assert not admin.check_password("")


def test_looking_at_it_does_not_use_it_up(admin):
    token = sign_in_link.issue(admin)
    assert [sign_in_link.is_good(token) for _ in range(3)] == [True] * 3
    sign_in_link.redeem(token)
    assert not sign_in_link.is_good(token)
    assert not sign_in_link.is_good("made up")


def redeemed_by_a_condition_on_the_person(token):
    """As it once was: the person's table in the condition makes the database choose the row before it waits."""
    good = FirstLink.objects.filter(digest=digest(token), used_at=None, user__is_active=True)
    return good.update(used_at=timezone.now()) or None


@pytest.mark.django_db(transaction=True)
def test_of_two_the_one_who_waited_is_refused(admin):
    token = sign_in_link.issue(admin)
    assert in_turn(lambda: sign_in_link.redeem(token), lambda: sign_in_link.redeem(token)) == (admin, None)


@pytest.mark.django_db(transaction=True)
def test_with_a_condition_on_the_person_both_get_in(admin):
    token = sign_in_link.issue(admin)
    twice = [lambda: redeemed_by_a_condition_on_the_person(token)] * 2
    assert in_turn(*twice) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_a_crowd_one_gets_in(admin):
    for _ in range(ROUNDS):
        token = sign_in_link.issue(admin)
        assert sorted(map(str, at_once(lambda _, token=token: sign_in_link.redeem(token)))) == ["None"] * 23 + ["admin"]


@pytest.mark.django_db(transaction=True)
def test_of_links_made_at_once_the_last_one_is_good(admin):
    for _ in range(ROUNDS):
        tokens = at_once(lambda _: sign_in_link.issue(admin))
        assert sum(sign_in_link.is_good(token) for token in tokens) == 1


@pytest.mark.django_db(transaction=True)
def test_programs_that_start_at_once_make_one_administrator():
    made = at_once(lambda number: sign_in_link.prepare_admin(f"a good password {number}"), 8)
    assert {str(user) for user in made} == {"admin"}
    assert get_user_model().objects.count() == 1


def test_an_administrator_makes_one_for_somebody_else_on_the_trail(admin):
    person = UserFactory()
    token = sign_in_link.issue_for(person, actor=admin)
    line = AuditEvent.objects.get(action="first_link.issued")
    assert (line.actor, line.object_id) == (admin, str(person.pk))
    assert token not in str(line.detail)
    assert sign_in_link.redeem(token) == person


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_staff_make_none_for_accounts_with_powers(db, power):
    with pytest.raises(Forbidden):
        sign_in_link.issue_for(UserFactory(**{power: True}), actor=UserFactory(is_staff=True))
    assert not FirstLink.objects.exists()


def test_a_closed_account_gets_none(admin):
    with pytest.raises(Forbidden) as refused:
        sign_in_link.issue_for(UserFactory(is_active=False), actor=admin)
    assert refused.value.code == "account_closed"
    assert not FirstLink.objects.exists()
