"""The workshop: one entry of the bar with tabs, for those who steer the site alone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
TABS = ["/encoders/", "/evaluations/", "/judging/", "/compressions/", "/training/"]


@pytest.fixture
def steers(sees, encoder):
    """The browser of one who was given the right over encoders, and no other."""
    person = UserFactory(is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="change_encoder"))
    return sees(person)


def tabs(text):
    found = re.search(r'<nav class="facets" aria-label="Workshop">(.*?)</nav>', text)
    return re.findall(r'href="([^"]+)"( aria-current="page")?', found[1]) if found else []


def entry(text):
    return re.findall(r'<a class="place wide-only" href="(/encoders/)"( aria-current="page")?', text)


@pytest.mark.parametrize("path", TABS)
def test_every_tab_leads_to_all_and_says_where_one_is(steers, path):
    text = steers.get(path).content.decode()
    assert tabs(text) == [(each, ' aria-current="page"' if each == path else "") for each in TABS]
    assert entry(text) == [("/encoders/", ' aria-current="page"')]


def test_the_entry_stands_in_the_bar_and_for_phones_on_the_account_page(steers):
    text = steers.get("/account/").content.decode()
    assert entry(text) == [("/encoders/", "")]
    assert 'phone-only" href="/encoders/"' in text


@pytest.mark.parametrize("right", [None, "change_image"])
def test_who_may_not_steer_finds_no_trace_of_it(sees, encoder, right):
    person = UserFactory(is_staff=right is not None)
    person.user_permissions.set(Permission.objects.filter(codename=right))
    browser = sees(person)
    for path in ("/encoders/", "/account/"):
        assert "Workshop" not in browser.get(path).content.decode()
    assert browser.get("/training/").status_code == 403
