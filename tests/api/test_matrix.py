"""Who may do what at every address of the project: a new address without an entry here fails.

The table (``rules.py``) is checked against the whole URL conf, and every entry is tried by each actor on a shared
collection.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from retrieval import conf
from retrieval.models import Heartbeat
from retrieval.services.encoders import indexes
from retrieval.services.people import rights
from tests.api.rules import ACTORS, RULES, Rule
from tests.api.world import World


def addresses(patterns: Any = None, prefix: str = "") -> list[str]:
    """Every address of the URL conf, without the converters' names."""
    found = []
    for item in get_resolver().url_patterns if patterns is None else patterns:
        text = prefix + re.sub(r"<\w+:(\w+)>", r"<\1>", str(item.pattern))
        if isinstance(item, URLResolver):
            found += addresses(item.url_patterns, text)
        elif isinstance(item, URLPattern):
            found.append(text)
    return found


def is_admins(address: str) -> bool:
    return address.startswith("admin/")


@pytest.fixture(scope="module")
def made(once, tmp_path_factory):
    """One world for all tests, and the folder of its files."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(django_settings, "IMAGESEARCH", replace(conf.get(), data_dir=folder))
        patched.setattr(indexes, "ensure", lambda encoder: None)
        return World(), folder


@pytest.fixture
def world(made, db, settings, monkeypatch):
    """One shared collection with a member of each role, a picture with its files, an encoder, an archive.

    What a test does to its rows is undone after it (``db`` opens a savepoint in the transaction of ``once``).
    """
    found, folder = made
    settings.IMAGESEARCH = replace(conf.get(), data_dir=folder)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)  # PostgreSQL refuses it inside a test's transaction
    Heartbeat.objects.update(at=timezone.now())  # on a slow machine those of the beginning are old by now
    return found


def test_every_address_has_a_rule():
    missing = [address for address in addresses() if not is_admins(address) and address not in RULES]
    assert not missing, f"say in tests/api/rules.py who may call {missing}"


def test_an_address_without_a_rule_is_noticed():
    from django.urls import path

    assert addresses([path("new/<uuid:image_id>/", lambda request: None)]) == ["new/<image_id>/"]
    assert "new/<image_id>/" not in RULES


def test_no_rule_is_left_over():
    assert not set(RULES) - set(addresses())


@pytest.mark.parametrize(
    ("address", "rule"),
    [(address, rule) for address, rules in RULES.items() for rule in rules],
    ids=lambda value: value.method if isinstance(value, Rule) else value,
)
def test_each_actor_gets_the_answer_of_the_rule(world, address, rule):
    answers = {actor: world.status(address, rule, actor=actor) for actor in ACTORS}
    assert answers == dict(zip(ACTORS, rule.answers, strict=True))
    # Being staff opens nothing by itself; the right to change encoders makes an administrator, here as in the services.
    if answers["staff"] != answers["stranger"]:
        assert world.status(address, rule, actor="helper") == answers["stranger"]
        assert world.status(address, rule, actor="steward") == answers["staff"]


def test_where_being_staff_is_enough_the_matrix_shows_it(world, monkeypatch):
    monkeypatch.setattr(rights, "may", lambda user, right: user.is_staff)
    address = "api/v1/encoders/<encoder_id>/activate/"
    assert world.status(address, RULES[address][0], actor="helper") == 200


def test_the_admin_site_is_for_staff_only(world):
    closed = [address for address in addresses() if is_admins(address)]
    assert len(closed) > 50
    for actor in ACTORS[:-1]:
        client = world.client(actor, by_api=False)
        for address in closed:
            answer = client.get(world.path(address))
            opened = address in {"admin/login/", "admin/logout/"}
            assert opened or (answer.status_code == 302 and "/login/" in answer.headers["Location"]), (actor, address)
