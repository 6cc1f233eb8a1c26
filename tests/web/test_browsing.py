"""Looking through a collection: order, words, tags and groups as links, and pages that keep all of it."""

from __future__ import annotations

import re

import pytest

from retrieval.models import Image
from retrieval.web import paging
from tests.web.library import put


def shown(answer):
    assert answer.status_code == 200, answer.content
    return re.findall(r'data-label="([^"]+)"', answer.content.decode())


@pytest.fixture
def path(collection):
    return f"/collections/{collection.pk}/"


@pytest.fixture
def three(collection, encoder, monkeypatch):
    """Pages of one picture each, and three pictures."""
    monkeypatch.setattr(paging, "PAGE", 1)
    for name, size in (("a", 1), ("b", 9), ("c", 5)):
        put(collection, encoder=encoder, title=name, bytes=size)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["c", "b", "a"]),
        ("oldest", ["a", "b", "c"]),
        ("name", ["a", "b", "c"]),
        ("largest", ["b", "c", "a"]),
        ("smallest", ["a", "c", "b"]),
    ],
)
def test_orders_with_nothing_left_out_between_pages(page, path, three, sort, names):
    seen, after = [], f"?sort={sort}"
    while after:
        answer = page.get(f"{path}{after}")
        seen += shown(answer)
        found = re.search(r'href="(\?[^"]*after=[^"]+)"', answer.content.decode())
        after = found[1].replace("&amp;", "&") if found else ""
    assert seen == names


def placed(answer):
    """How many stand before what is shown, of how many."""
    return re.search(r'data-first="(\d+)" data-total="(\d+)"', answer.content.decode()).groups()


@pytest.mark.parametrize(("sort", "order"), [("name", "abc"), ("largest", "bca"), ("", "cba")])
def test_a_list_begins_at_a_rank_near_a_picture_or_after_one(page, path, three, sort, order):
    ids = dict(Image.objects.values_list("title", "id"))
    for rank, name in enumerate(order):
        places = [f"near={ids[name]}", f"at={rank}", f"at=9&near={ids[name]}"]
        for place in [*places, f"after={ids[order[rank - 1]]}"] if rank else places:
            answer = page.get(f"{path}?sort={sort}&{place}")
            assert (shown(answer), placed(answer)) == ([name], (str(rank), "3")), place


def test_what_is_gone_from_a_list_is_a_place_no_more_and_the_rank_counts(page, path, three, collection):
    gone = collection.images.get(title="b").pk
    collection.images.filter(pk=gone).delete()
    part = page.get(f"{path}?sort=name&at=1&after={gone}", headers={"HX-Request": "true"})
    assert shown(part) == ["c"]
    assert placed(page.get(f"{path}?sort=name&at=1", headers={"HX-Request": "true"})) == ("1", "2")
    assert shown(page.get(f"{path}?sort=name&near={gone}")) == ["a"]
    beyond = page.get(f"{path}?at=7")
    assert (shown(beyond), placed(beyond)) == (["a"], ("1", "2"))  # the end of the list
    assert shown(page.get(f"{path}?at=7", headers={"HX-Request": "true"})) == []
    assert page.get(f"{path}?at=-1").status_code == 400


def test_a_tag_narrows_takes_the_order_along_and_lets_go_again(page, path, four):
    put(four["red"].collection, "red", title="deep", tags=["red", "dark & deep"], group_key="case 7")
    text = page.get(f"{path}?sort=name").content.decode()
    link = re.search(r'href="(\?[^"]+)">red <small>2</small>', text)[1].replace("&amp;", "&")
    narrowed = page.get(f"{path}{link}")
    assert shown(narrowed) == ["deep", "red"]
    assert "2 of 5" in narrowed.content.decode()
    assert 'data-total="2"' in narrowed.content.decode()
    assert re.search(r'href="\?sort=name" aria-current="true">red', narrowed.content.decode())
    assert shown(page.get(path, {"tag": "dark & deep"})) == shown(page.get(path, {"group": "case 7"})) == ["deep"]
    assert shown(page.get(path, {"q": "dee"})) == ["deep"]
    assert "Nothing found" in page.get(path, {"q": "nowhere"}).content.decode()


def test_all_that_is_narrowed_to_and_no_more_is_changed(page, path, four, collection):
    said = {"act": "title", "title": "warm", "all": "on", "collection": collection.pk, "in_tag": "red"}
    assert page.post("/selection/", said, headers={"Accept": "application/json"}).json()["done"] == 1
    assert sorted(shown(page.get(path))) == ["blue", "green", "pink", "warm"]


def test_all_but_some_are_changed(page, path, four, collection):
    but = f"{four['red'].pk},{four['blue'].pk}"
    said = {"act": "title", "title": "warm", "all": "on", "collection": collection.pk, "but": but}
    assert page.post("/selection/", said, headers={"Accept": "application/json"}).json()["done"] == 2
    assert sorted(shown(page.get(path))) == ["blue", "red", "warm", "warm"]


def test_an_order_that_there_is_not_is_refused(page, path):
    assert page.get(f"{path}?sort=taste").status_code == 400
