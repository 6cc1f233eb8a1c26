"""Who may do what at every address of the project: a new address without an entry here fails.

The table is checked against the whole URL conf, and every entry is tried by each actor on a shared collection.
Columns: anonymous, stranger, viewer, contributor, manager, owner, staff (an administrator without any role here).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from retrieval import conf
from retrieval.services import indexes
from tests.api.world import World

ACTORS = ("anonymous", "stranger", "viewer", "contributor", "manager", "owner", "staff")
Statuses = tuple[int, int, int, int, int, int, int]


@dataclass(frozen=True)
class Rule:
    """What a method at an address answers to each actor; in ``body`` FILE and COLLECTION stand for the world's."""

    method: str
    answers: Statuses
    body: dict[str, Any] | None = None


def everyone(status: int) -> Statuses:
    return (status,) * 7


def signed_in(status: int) -> Statuses:
    return (401,) + (status,) * 6


def admins(status: int) -> Statuses:
    return (401,) + (403,) * 5 + (status,)


def from_role(role: str, status: int) -> Statuses:
    """401 for visitors, 404 for those who do not see it, 403 below the role."""
    members = ACTORS[2:6]
    return (401, 404, *(status if members.index(name) >= members.index(role) else 403 for name in members), 404)


# Something that is no picture is sent: who may add gets as far as being told so.
UPLOAD = {"file": "FILE", "collection": "COLLECTION"}
FROM_CONTRIBUTOR_415 = from_role("contributor", 415)

API: dict[str, list[Rule]] = {
    "api/v1/status/": [Rule("get", signed_in(200))],
    "api/v1/jobs/": [Rule("get", signed_in(200))],
    "api/v1/jobs/retry/": [Rule("post", signed_in(202))],
    "api/v1/auth/token/": [Rule("post", everyone(400)), Rule("delete", signed_in(204))],
    "api/v1/auth/tokens/": [Rule("get", signed_in(200))],
    "api/v1/auth/tokens/<token_id>/": [Rule("delete", signed_in(404))],
    "api/v1/collections/": [Rule("get", signed_in(200)), Rule("post", signed_in(201), {"name": "New"})],
    "api/v1/collections/<collection_id>/": [
        Rule("get", from_role("viewer", 200)),
        Rule("patch", from_role("manager", 200), {"name": "Changed"}),
        Rule("delete", from_role("owner", 204)),
    ],
    "api/v1/collections/<collection_id>/members/": [
        Rule("get", from_role("viewer", 200)),
        Rule("post", from_role("manager", 201), {"username": "stranger", "role": "viewer"}),
    ],
    "api/v1/collections/<collection_id>/members/<username>/": [
        Rule("patch", from_role("manager", 200), {"role": "contributor"}),
        Rule("delete", (401, 404, 204, 403, 204, 204, 404)),  # the member named is the viewer, who may leave
    ],
    "api/v1/images/": [Rule("get", signed_in(200)), Rule("post", FROM_CONTRIBUTOR_415, UPLOAD)],
    "api/v1/images/<image_id>/": [
        Rule("get", from_role("viewer", 200)),
        Rule("patch", from_role("contributor", 200), {"title": "Changed"}),
        Rule("delete", from_role("contributor", 204)),
    ],
    "api/v1/images/<image_id>/thumbnail/": [Rule("get", from_role("viewer", 200))],
    "api/v1/images/<image_id>/file/": [Rule("get", from_role("viewer", 200))],
    "api/v1/images/<image_id>/restore/": [Rule("post", signed_in(404))],
    "api/v1/images/<image_id>/retry/": [Rule("post", from_role("contributor", 202))],
    "api/v1/images/<image_id>/similar/": [Rule("get", from_role("viewer", 200))],
    "api/v1/archives/": [Rule("post", FROM_CONTRIBUTOR_415, UPLOAD)],
    "api/v1/imports/<import_id>/": [Rule("get", (401, 404, 404, 404, 404, 200, 404))],
    "api/v1/search/": [Rule("post", signed_in(200), {"text": "anything"})],
    "api/v1/encoders/": [Rule("get", signed_in(200))],
    "api/v1/encoders/<encoder_id>/": [Rule("get", signed_in(200))],
    "api/v1/encoders/<encoder_id>/build/": [Rule("post", admins(409))],
    "api/v1/encoders/<encoder_id>/activate/": [Rule("post", admins(200), {})],
    "api/v1/schema/": [Rule("get", everyone(200))],
    "api/v1/docs/": [Rule("get", everyone(200))],
    "api/v1/^.*$": [Rule("get", everyone(404))],
}

# The pages: filled by whoever adds one.
WEB: dict[str, list[Rule]] = {}

# Addresses of Django itself and of operations.
OTHER: dict[str, list[Rule]] = {
    "i18n/setlang/": [Rule("post", everyone(302), {"language": "en"})],
}

RULES = {**API, **WEB, **OTHER}


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


@pytest.fixture
def world(db, settings, tmp_path, monkeypatch):
    """One shared collection with a member of each role, a picture with its files, an encoder, an archive."""
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(indexes, "ensure", lambda encoder: None)  # PostgreSQL refuses it inside a test's transaction
    return World()


def test_every_address_has_a_rule():
    missing = [address for address in addresses() if not is_admins(address) and address not in RULES]
    assert not missing, f"say in tests/api/test_matrix.py who may call {missing}"


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


@pytest.mark.parametrize("address", [address for address in addresses() if is_admins(address)])
def test_the_admin_site_is_for_staff_only(world, address):
    if address in {"admin/login/", "admin/logout/"}:
        return
    for actor in ACTORS[:-1]:
        answer = world.ask(address, Rule("get", everyone(302)), actor=actor)
        assert answer.status_code == 302
        assert "/login/" in answer.headers["Location"]
