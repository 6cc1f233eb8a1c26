"""Made-up requests against every call, by two people: never a server error, always what the description says."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Step
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from retrieval import conf

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
HERE = UUID("00000000-0000-4000-8000-000000000001")
# What a search names, where it is to name what is there.
KNOWN = {
    "image": str(HERE), "positives": [str(HERE)], "negatives": [str(HERE)], "collections": [str(HERE)],
    "tags": ["known"], "min_score": -1.0, "offset": 0, "region": {"x": 0.1, "y": 0.1, "w": 0.5, "h": 0.5},
}  # fmt: skip
# By chance few of them fit together; half the time those that do.
NAMED = st.sets(st.sampled_from(sorted(KNOWN))) | st.sampled_from(
    [{"image"}, {"positives"}, {"positives", "negatives"}]
)
SEARCHES = ("/search/", "/similar/")
MORE = int(os.environ.get("IMAGESEARCH_FUZZ_EXAMPLES", "0"))
EXAMPLES, SEARCHED = MORE or 3, 4 * (MORE or 6)


@pytest.fixture
def site(db):
    """The site, which leaves the test's transaction open between requests, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def callers(site, settings, tmp_path, monkeypatch):
    """Tokens of an owner who is an administrator and of a stranger; the first of each kind is ``HERE``."""
    from retrieval import live_encoders
    from retrieval.models import ArchiveImport
    from retrieval.services.people import accounts
    from tests.factories import CollectionFactory, EncoderFactory, UserFactory
    from tests.web.library import MeanColour, put

    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path, fetch=False)  # made-up addresses are not asked
    owner = UserFactory(username="owner", is_staff=True, is_superuser=True)
    collection = CollectionFactory(id=HERE, owner=owner, visibility="public")
    monkeypatch.setattr(live_encoders, "for_row", lambda row: MeanColour())
    encoder = EncoderFactory(id=HERE, dimension=3)
    put(collection, "red", encoder=encoder, id=HERE, tags=["known"])
    put(collection, "pink", encoder=encoder, tags=["known"])  # to be found
    ArchiveImport.objects.create(id=HERE, user=owner, collection=collection, name="a.zip")
    return [accounts.issue_token(person)[0] for person in (owner, UserFactory(username="stranger"))]


def test_every_call_keeps_its_word(site, callers, record_property):
    description = schemathesis.openapi.from_wsgi("/api/v1/schema/", site)
    operations = [found.ok() for found in description.get_all_operations()]
    assert len(operations) > 30
    statuses, searches = Counter(), Counter()
    for operation in operations:
        with rolled_back():
            found, answered = tried(operation, callers)
        statuses, searches = statuses + found, searches + answered
    assert len(statuses) > 3
    assert min(searches["image"], searches["several"]) > 0, f"no search by vectors ever found anything: {searches}"
    record_property("figure", f"{statuses.total():,} requests to {len(operations)} calls, none answered by a 5xx; "
                              f"searches that found something: {dict(searches)}")  # fmt: skip


@pytest.mark.long
def test_a_call_that_fails_on_the_server_is_found(site, callers, monkeypatch):
    from retrieval.services.images import collections

    description = schemathesis.openapi.from_wsgi("/api/v1/schema/", site)
    (listed,) = (found.ok() for found in description.get_all_operations()
                 if (found.ok().method.upper(), found.ok().path) == ("GET", "/api/v1/collections/"))  # fmt: skip
    monkeypatch.setattr(collections, "listing", lambda user: 1 / 0)
    with pytest.raises(BaseException, match=r"[Ss]erver error"), rolled_back():
        tried(listed, callers)


def tried(operation, callers):
    """Ask for things that are not there and for those that are, as both people.

    Returns how often each status came, and how often each kind of search found something.
    """
    statuses, searches = Counter(), Counter()

    @settings(
        max_examples=SEARCHED if operation.path.endswith(SEARCHES) else EXAMPLES,
        deadline=None,
        derandomize=not MORE,
        database=None,
        phases=[Step.explicit, Step.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(), st.booleans(), NAMED, st.booleans(), st.sampled_from(callers))
    def ask(case, known, named, mixed, caller):
        for name in case.path_parameters if known else ():
            case.path_parameters[name] = "owner" if name == "username" else str(HERE)
        if known and operation.path.endswith("/search/") and isinstance(case.body, dict):
            case.body = (case.body if mixed else {}) | {name: KNOWN[name] for name in named}
        headers = {"Authorization": f"Token {caller}", "Accept-Encoding": "identity"}
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        statuses[answer.status_code] += 1
        if answer.status_code == 200 and operation.path.endswith(SEARCHES) and answer.json()["results"]:
            searches[answer.json()["query"]["kind"]] += 1

    ask()
    return statuses, searches


@contextmanager
def rolled_back():
    """Undo what happens inside, so that each call finds everything in place."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
