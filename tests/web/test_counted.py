"""Every search is counted, whichever page or call makes it."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval import conf
from retrieval.services.people import limits
from tests.web.library import put

EDGES = Path(__file__).parents[2] / "retrieval"
SEARCHES = ("similar/", "measures/")


def called(function):
    """The calls in a function, each as (what it is called on, its name)."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = [(getattr(one, "value", None), getattr(one, "attr", "") or getattr(one, "id", "")) for one in calls]
    return {(getattr(on, "id", ""), name) for on, name in names}


def uncounted(text):
    """The functions of a module that search and count nothing."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    wrong = []
    for function in functions:
        calls = called(function)
        searches = calls & {("search", "run"), ("search", "similar")}
        if searches and not calls & {("limits", "search"), ("", "_slow_down")}:
            wrong.append(function.name)
    return wrong


def test_no_edge_searches_without_counting():
    files = [path for room in ("web", "api", "admin") for path in (EDGES / room).rglob("*.py")]
    assert sum("search.similar(" in path.read_text() for path in files) >= 2
    assert {path.name: found for path in files if (found := uncounted(path.read_text()))} == {}


def test_a_search_that_is_not_counted_is_found():
    assert uncounted("def page(request):\n    return search.similar(1)\n") == ["page"]


@pytest.fixture
def one_search(settings):
    """A person may search once a minute."""
    settings.IMAGESEARCH = replace(conf.get(), limits=replace(conf.get().limits, user_searches=1))
    limits._local.windows.clear()


@pytest.mark.parametrize("act", SEARCHES)
def test_what_lies_near_a_picture_is_counted(act, page, collection, encoder, one_search):
    image = put(collection, "red", encoder=encoder)
    put(collection, "green", encoder=encoder)
    statuses = [page.get(f"/pictures/{image.pk}/{act}").status_code for _ in range(2)]
    assert statuses[-1] == 429


def test_without_counting_it_may_be_asked_for_ever(page, collection, encoder, one_search, monkeypatch):
    image = put(collection, "red", encoder=encoder)
    monkeypatch.setattr(limits, "search", lambda *_, **__: None)
    assert [page.get(f"/pictures/{image.pk}/{act}").status_code for act in SEARCHES * 2] == [200] * 4
