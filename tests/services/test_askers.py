"""How long a person's pictures may hold decoders in a minute, and for whom each way in decodes."""

from __future__ import annotations

import dataclasses
import io

import pytest
from django.contrib.auth.models import AnonymousUser

from retrieval import conf
from retrieval.errors import TooMany
from retrieval.ingest import Asker, sandbox
from retrieval.services.images import images
from retrieval.services.images.images import Upload
from retrieval.services.people import askers, limits
from tests.factories import CollectionFactory, UserFactory
from tests.ingest.pictures import sample

pytestmark = pytest.mark.django_db
VISITOR = AnonymousUser()


@pytest.fixture(autouse=True)
def ten_seconds(settings, tmp_path):
    settings.IMAGESEARCH = dataclasses.replace(
        conf.get(), data_dir=tmp_path, limits=dataclasses.replace(conf.get().limits, decode_seconds=10)
    )


@pytest.fixture
def without_broker(monkeypatch):
    monkeypatch.setattr(limits._local, "broker_rests_until", float("inf"))


def used_up(user, *, seconds=10, address=""):
    """Have the person's pictures hold decoders so long."""
    askers.waiting(user, address=address).charge(seconds)


@pytest.mark.parametrize("broker", [True, False])
def test_who_has_used_up_the_decoders_time_is_refused_and_others_are_not(broker, request):
    if not broker:
        request.getfixturevalue("without_broker")
    greedy, other = UserFactory(), UserFactory()
    used_up(greedy, seconds=9.9)
    used_up(greedy, seconds=0.1)
    with pytest.raises(TooMany) as caught:
        askers.waiting(greedy)
    assert caught.value.code == "decoding_used_up"
    assert 0 < caught.value.retry_after <= 60
    assert "10 s" in caught.value.message
    askers.waiting(other)


def test_the_time_is_counted_across_processes(monkeypatch):
    user = UserFactory()
    used_up(user)
    monkeypatch.setattr(limits, "_local", limits.LocalCounts())  # as another process begins
    with pytest.raises(TooMany):
        askers.waiting(user)


def test_visitors_are_told_apart_by_their_address():
    used_up(VISITOR, address="192.0.2.1")
    with pytest.raises(TooMany):
        askers.waiting(VISITOR, address="192.0.2.1")
    askers.waiting(VISITOR, address="192.0.2.2")


def test_all_addresses_of_one_network_of_ipv6_are_one_visitor():
    used_up(VISITOR, address="2001:db8:1:2::1")
    with pytest.raises(TooMany):
        askers.waiting(VISITOR, address="2001:db8:1:2::ffff")
    askers.waiting(VISITOR, address="2001:db8:1:3::1")


def test_what_workers_decode_is_not_charged_and_never_refused():
    user = UserFactory()
    used_up(user)
    behind = Asker.behind(user.pk)
    behind.charge(100)
    assert behind.patient
    assert behind.name == f"user:{user.pk}"


def test_an_upload_is_charged_and_then_refused(monkeypatch):
    collection = CollectionFactory()
    real = sandbox.upload

    def slowly(data, *, asker):
        asker.charge(10)
        return real(data, asker=asker)

    monkeypatch.setattr(sandbox, "upload", slowly)
    images.add(Upload(open_(0), "a.jpg"), user=collection.owner, collection=collection)
    with pytest.raises(TooMany):
        images.add(Upload(open_(1), "b.jpg"), user=collection.owner, collection=collection)


def test_without_the_bound_a_person_goes_on(monkeypatch):
    monkeypatch.setattr(limits, "decoding", lambda name: None)
    user = UserFactory()
    used_up(user, seconds=1000)
    askers.waiting(user)


def open_(seed):
    """An open file with a picture."""
    return io.BytesIO(sample("JPEG", seed=seed))
