"""The same thing on the page: the switch, verdicts in words, and two pictures side by side."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Encoder
from retrieval.work import features
from tests.matching.conftest import scene
from tests.services.test_same import data_of
from tests.web.library import put, upload
from tests.web.test_bands import BAND, calibration

PART = {"HX-Request": "true"}


@pytest.fixture
def scenes(collection, encoder):
    """An original among strangers, in a collection that keeps details."""
    collection.local_features = True
    collection.save()
    found = []
    for seed in (50, 51, 52):
        picture = scene(seed)
        width, height = picture.size
        found.append(put(collection, encoder=encoder, data=data_of(picture), title=f"scene {seed}", width=width,
                         height=height))  # fmt: skip
    features.work()
    return found


def file_of(picture):
    file = upload()
    file.seek(0)
    file.truncate()
    file.write(data_of(picture))
    file.seek(0)
    return file


def cropped(seed):
    return file_of(scene(seed).crop((90, 70, 270, 210)))


def text(answer):
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_verified_ones_come_first_and_say_what_was_done(page, scenes):
    shown = text(page.post("/", {"file": cropped(51), "mode": "same"}))
    assert BAND.findall(shown) == ["The same picture", "Only alike"]
    assert "The same: 1" in shown
    assert "3 compared in detail" in shown
    assert 'aria-label="scene 51, score' in shown
    assert "The same picture: cropped" in shown


def test_what_comes_after_goes_on_under_its_heading(page, scenes):
    more = {"file": cropped(51), "mode": "same", "offset": 1, "k": 1, "band": "same_image"}
    assert BAND.findall(text(page.post("/", more, headers=PART))) == ["Only alike"]
    assert BAND.findall(text(page.post("/", more | {"file": cropped(51), "band": "only_alike"}, headers=PART))) == []


def test_nothing_that_is_the_same_and_nothing_to_compare_are_told_apart(page, scenes, collection):
    shown = text(page.post("/", {"file": upload("red"), "mode": "same"}))
    assert "Nothing here is the same" in shown
    assert "None of these collections keeps" not in shown
    collection.local_features = False
    collection.save()
    assert "None of these collections keeps" in text(page.post("/", {"file": upload("red"), "mode": "same"}))


def test_the_address_keeps_the_mode_and_the_switch_shows_it(page, four):
    address = f"/?image={four['red'].id}&mode=same"
    posted = page.post("/", {"image": four["red"].id, "mode": "same"})
    assert posted["Location"] == address
    assert re.search(r'name="mode" value="same" checked', text(page.get(address)))


def test_the_same_thing_takes_one_picture_and_says_so(page, four):
    several = page.get(f"/?image={four['red'].id}&image={four['blue'].id}&mode=same")
    assert several.status_code == 400
    assert "exactly one picture" in several.content.decode()


def test_a_manager_turns_details_on_by_the_settings(page, collection):
    address = f"/collections/{collection.id}/settings/"
    assert 'name="local_features"' in text(page.get(address))
    sent = {"name": collection.name, "initial-name": collection.name, "visibility": "private",
            "initial-visibility": "private", "initial-local_features": "False"}  # fmt: skip
    page.post(address, sent | {"local_features": "on"})
    collection.refresh_from_db()
    assert collection.local_features
    page.post(address, sent)  # a page from before shows it off, and did not change it
    collection.refresh_from_db()
    assert collection.local_features
    page.post(address, sent | {"initial-local_features": "True"})
    collection.refresh_from_db()
    assert not collection.local_features


def test_two_stored_pictures_side_by_side(page, scenes):
    one, other = scenes[:2]
    shown = text(page.get(f"/pictures/{one.id}/why/?image={other.id}"))
    assert "<html" in shown
    assert shown.count("<figure") == 2
    assert shown.count("data:image/png") == 2
    assert "<polygon" not in shown
    assert "<dt>Pearson</dt>" in shown
    part = text(page.get(f"/pictures/{one.id}/why/?image={other.id}", headers=PART))
    assert "<html" not in part


def test_the_outline_lies_on_both_also_where_no_details_are_kept(page, scenes, collection):
    collection.local_features = False
    collection.save()
    shown = text(page.post(f"/pictures/{scenes[1].id}/why/", {"file": cropped(51)}, headers=PART))
    on_query, on_result = re.findall(r'under" points="([^"]+)"', shown)
    corners = sorted(float(corner.split(",")[0]) for corner in on_result.split())
    assert corners == pytest.approx([90, 90, 270, 270], abs=5)
    assert max(float(corner.split(",")[0]) for corner in on_query.split()) <= 180
    assert "The shared part reaches from 28 to 84 per cent of the width" in shown
    assert "data-sent" in shown


def test_a_part_of_a_stored_picture_is_drawn_where_it_is(page, scenes):
    shown = text(page.get(f"/pictures/{scenes[1].id}/why/?image={scenes[1].id}&x=0.5&y=0&w=0.5&h=1"))
    width, height = scenes[1].width, scenes[1].height
    assert f'class="part" x="{width / 2:.1f}" y="0.0" width="{width / 2:.1f}" height="{height:.1f}"' in shown


def test_the_score_is_put_in_relation_to_strangers(page, four):
    Encoder.objects.update(calibration=calibration() | {"strangers": {"x": [0.8, 0.85], "y": [0.0, -2.0]}})
    near = text(page.get(f"/pictures/{four['red'].id}/why/?image={four['pink'].id}"))
    assert "about 1 in 100 unrelated pictures looks as much alike" in near
    far = text(page.get(f"/pictures/{four['red'].id}/why/?image={four['blue'].id}"))
    assert "unrelated pictures look as much alike" in far
    assert "about 1 in" not in far


def test_each_score_opens_the_comparison_where_the_query_is_one_picture(page, four):
    red, pink = four["red"].id, four["pink"].id
    assert f'href="/pictures/{pink}/why/?image={red}"' in text(page.get(f"/?image={red}"))
    box = "&x=0.1000&y=0.2000&w=0.5000&h=0.2500"
    assert f"/why/?image={red}{box.replace('&', '&amp;')}" in text(page.get(f"/?image={red}{box}"))
    assert f'hx-post="/pictures/{pink}/why/"' in text(page.post("/", {"file": upload("red")}))
    assert f'href="/pictures/{pink}/why/?image={red}"' in text(page.get(f"/pictures/{red}/similar/"))
    for several in (f"/?image={red}&image={pink}", f"/?image={red}&no={pink}", f"/?image={red}&q=green"):
        assert not re.search(r"/pictures/(?!0{8}-)[0-9a-f-]{36}/why/", text(page.get(several)))


@pytest.mark.parametrize("query", ["", "?q=red", "?image=1"])
def test_a_comparison_takes_one_picture(page, four, query):
    assert page.get(f"/pictures/{four['red'].id}/why/{query}").status_code == 400


def test_what_one_may_not_see_is_not_compared(sees, stranger, four):
    theirs = sees(stranger)
    for one, other in (("red", "blue"), ("blue", "red")):
        assert theirs.get(f"/pictures/{four[one].id}/why/?image={four[other].id}").status_code == 404
