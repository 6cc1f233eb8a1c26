"""Links for those who are new or have lost their password, made in the administration."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from retrieval.models import FirstLink
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def asked(client, *people):
    """The page that the action answers with."""
    chosen = {"action": "make_links", "_selected_action": [str(person.pk) for person in people]}
    return client.post(reverse("admin:auth_user_changelist"), chosen)


def test_each_person_gets_one_that_leads_to_a_new_password(client, admin_user):
    new, gone = UserFactory(username="anna"), UserFactory(username="ben", is_active=False)
    client.force_login(admin_user)
    answer = asked(client, new, gone)
    (address,) = re.findall(r"http://testserver(/first/[\w-]{43})", answer.text)
    assert "The account is closed." in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    client.logout()
    assert client.post(address, follow=True).redirect_chain == [("/welcome/", 302)]
    assert not FirstLink.objects.exclude(used_at=None).exclude(user=new).exists()


def test_staff_get_none_for_those_with_powers(client, admin_user):
    helper = UserFactory(is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=("change_user", "view_user")))
    client.force_login(helper)
    answer = asked(client, admin_user)
    assert answer.status_code == 200
    assert "/first/" not in answer.text
    assert not FirstLink.objects.exists()


def test_more_people_than_a_page_can_show_are_refused_and_get_none(client, admin_user, monkeypatch):
    monkeypatch.setattr("retrieval.admin.people.MOST_LINKS", 1)
    client.force_login(admin_user)
    answer = asked(client, UserFactory(), UserFactory())
    assert answer.status_code == 302
    assert "Choose at most 1 people at once." in client.get(answer.url).text
    assert not FirstLink.objects.exists()
