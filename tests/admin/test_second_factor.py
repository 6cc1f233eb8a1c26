"""The second factor of somebody who lost the app, taken away in the administration or on the terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from retrieval.models import SecondFactor
from retrieval.services.people import second_factor
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def on(person):
    second_factor.begin(person)
    SecondFactor.objects.filter(user=person).update(confirmed_at=timezone.now())


def test_staff_take_it_from_those_without_powers(client, admin_user):
    anna, helper = UserFactory(username="anna"), UserFactory(is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=("change_user", "view_user")))
    for person in (anna, admin_user):
        on(person)
    client.force_login(helper)
    chosen = {"action": "remove_second_factors", "_selected_action": [str(anna.pk), str(admin_user.pk), str(helper.pk)]}
    page = client.post(reverse("admin:auth_user_changelist"), chosen, follow=True).text
    assert [second_factor.is_on(person) for person in (anna, admin_user)] == [False, True]
    for said in ("anna signs in by name and password alone.", "Only a superuser", "has no second factor"):
        assert said in page


def test_the_terminal_takes_it_from_anybody(admin_user):
    on(admin_user)
    out = StringIO()
    call_command("remove_second_factor", admin_user.username, stdout=out)
    assert out.getvalue() == f"{admin_user.username} signs in by name and password alone.\n"
    for name, why in ((admin_user.username, "no second factor"), ("nobody", "no account nobody")):
        with pytest.raises(CommandError, match=why):
            call_command("remove_second_factor", name)
