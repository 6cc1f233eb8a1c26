"""The workshop: one entry of the bar with tabs, for those who steer the site alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.contrib.auth.models import Permission

from retrieval.models import EncoderState, PictureMap
from retrieval.services.encoders import maps
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import embed
from tests.web.library import put, upload

pytestmark = pytest.mark.django_db
TABS = ["/encoders/", "/evaluations/", "/judging/", "/compressions/", "/training/", "/maps/"]


@pytest.fixture
def steers(sees, encoder):
    """The browser of one who was given the right over encoders, and no other."""
    person = UserFactory(is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="change_encoder"))
    return sees(person)


def tabs(text):
    found = re.search(r'<nav class="facets tabs" aria-label="Workshop">(.*?)</nav>', text)
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


@pytest.fixture
def two(sees, encoder):
    """An administrator's browser, and two pictures of three with vectors by both encoders; the third by the first."""
    person = UserFactory(is_staff=True, is_superuser=True)
    home = CollectionFactory(owner=person)
    rows = [put(home, name, encoder=encoder) for name in ("red", "pink", "blue")]
    second = EncoderFactory(name="second", dimension=3, state=EncoderState.RETIRED)
    embed(rows[:2], encoder=second, raw=np.array([[1, 2, 3], [3, 2, 1]], np.float32))
    return sees(person), rows


def test_two_answers_stand_beside_each_other_by_address(two, page):
    browser, (red, pink, blue) = two
    link = re.search(r'href="(/encoders/beside/[^"]+)"', browser.get(f"/?image={red.pk}").content.decode())[1]
    text = browser.get(link).content.decode()
    assert "1 of 2 are in both" in text
    one, other = re.findall(r"<ol class=\"grid\">(.*?)</ol>", text, re.DOTALL)
    assert f'id="in-1-{pink.pk}"' in one
    assert f'href="#in-2-{pink.pk}">there 1<' in one
    assert "only here" in one
    assert str(blue.pk) not in other
    assert f'id="in-2-{pink.pk}"' in other
    assert f'href="#in-1-{pink.pk}">there 1<' in other
    assert "beside" not in page.get("/?q=red").content.decode()


def test_a_picture_sent_along_is_set_beside_in_the_page(two):
    browser, _ = two
    answer = browser.post("/encoders/beside/", {"file": upload("red")}, headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "2 of 3 are in both" in text
    assert 'hx-post="/encoders/beside/" hx-include="#search"' in text
    assert "<html" not in text


def test_without_a_question_or_a_second_encoder_it_says_what_is_missing(two):
    browser, (red, *_) = two
    assert "Search for something first" in browser.get("/encoders/beside/").content.decode()
    assert browser.get(f"/encoders/beside/?image={red.pk}&beside=none").status_code == 400
    EncoderFactory._meta.model.objects.filter(name="second").delete()
    assert "No other encoder is built" in browser.get(f"/encoders/beside/?image={red.pk}").content.decode()


def test_a_map_is_asked_for_and_read_by_address_with_its_groups_in_words(two, sees):
    browser, rows = two
    address = browser.post("/maps/", {"collection": "", "encoder": "colours"}).url
    assert "Whole map" not in browser.get(address).content.decode()
    long_jobs.run(maps.KIND, PictureMap.objects.get().pk)
    text = browser.get(f"{address}?by=collection").content.decode()
    assert "all 3 pictures" in text
    assert re.search(rf">{rows[0].collection.name}</button>.*?>3</span>", text)
    points = browser.get(address, headers={"Accept": "application/json"}).json()
    assert sorted(points["ids"]) == sorted(str(row.pk) for row in rows)
    assert browser.get(f"{address}?by=camera").status_code == 400
    assert sees(UserFactory(is_staff=True, is_superuser=True)).get(address).status_code == 404
    assert "A map takes at least 3 pictures" in browser.post("/maps/", {"encoder": "second"}).content.decode()
