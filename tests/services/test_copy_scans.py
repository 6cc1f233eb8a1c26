"""Scans for copies: of a collection, of one against another, of all; gone on with, and the same in any order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from retrieval.errors import NotFound
from retrieval.matching import copy_keys
from retrieval.models import CopyKeys, CopyPair, CopyScan, Image
from retrieval.services.copies import candidates, groups, looking, scans
from retrieval.services.copies.details import WaitingError
from retrieval.services.copies.groups import CopyScope
from retrieval.services.copies.scans import ScanRequest
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, UserFactory
from tests.matching.conftest import details_once, scene  # noqa: F401  # a fixture
from tests.services.test_copies import EDITS, found, look, not_by_vector, put  # noqa: F401
from tests.services.test_same import crop, encoder  # noqa: F401  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("details_once")]


@pytest.fixture
def homes(encoder):  # noqa: F811
    """Two collections of one person: a picture and its copy in the first, another copy in the second."""
    first = CollectionFactory(local_features=True)
    second = CollectionFactory(local_features=True, owner=first.owner)
    put(first, encoder, scene(50), title="whole")
    put(first, encoder, EDITS["half"](scene(50)), title="half")
    put(first, encoder, scene(51), title="stranger")
    put(second, encoder, crop(scene(50)), title="cropped")
    return first, second


def scan(*homes, user=None):
    request = ScanRequest(*(home.pk for home in homes))
    row = scans.start(request, user=user or homes[0].owner)
    long_jobs.run(scans.KIND, row.pk)
    row.refresh_from_db()
    return row


def titles():
    return sorted(sorted([pair.one.title, pair.other.title]) for pair in CopyPair.objects.select_related())


WITHIN, CROPS = ["half", "whole"], [["cropped", "half"], ["cropped", "whole"]]


def test_a_scan_looks_through_what_it_was_asked_and_tells_how_far_it_is(homes):
    row = scan(homes[0])
    assert (row.state, row.done, row.total, row.pairs, titles()) == ("done", 3, 3, 1, [WITHIN])
    assert not CopyKeys.objects.exclude(looked_at=None).exists()  # of copies elsewhere the workers still know nothing


def test_one_against_another_finds_what_they_have_in_common_alone(homes):
    assert scan(homes[0]).pairs == 1
    CopyPair.objects.all().delete()
    scan(homes[1])
    assert scan(*homes).done == 3
    assert titles() == CROPS


def test_all_that_one_sees_is_looked_through_and_nobody_elses(homes):
    stranger = UserFactory()
    with pytest.raises(NotFound):
        scans.start(ScanRequest(), user=stranger)
    with pytest.raises(NotFound):
        scans.start(ScanRequest(homes[0].pk), user=stranger)
    row = scan(user=homes[0].owner)
    assert (row.done, row.name, titles()) == (4, "", [*CROPS, WITHIN])


def test_nearer_copies_elsewhere_take_no_place(homes, encoder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(copy_keys, "MOST", 1)
    put(homes[1], encoder, scene(50), title="elsewhere")
    look()
    CopyPair.objects.all().delete()
    CopyKeys.objects.update(looked_at=None)
    scan(homes[0])
    assert titles() == [WITHIN]


def test_what_is_nearest_by_vector_is_what_each_picture_alone_would_find(homes, encoder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(candidates, "ALIKE", 0.9)
    row = scans.start(ScanRequest(), user=homes[0].owner)
    images = list(scans._left(row, encoder))
    near = scans._near(row, images, encoder=encoder)
    alone = {image.pk: candidates._by_vector(image) for image in images}
    assert {pk: set(others) for pk, others in near.items()} == {pk: set(others) for pk, others in alone.items()}
    assert any(near.values())


@pytest.mark.parametrize("how", ["killed", "turn", "decoder"])
def test_it_goes_on_where_it_was(homes, monkeypatch, how):
    seen, real, errors = Counter(), looking.look_among, {"killed": KeyboardInterrupt, "decoder": WaitingError}

    def counted(image, among):
        if seen.total() == 2 and how in errors:
            seen["broke off"] += 1
            raise errors[how]
        seen[image.title] += 1
        return real(image, among)

    monkeypatch.setattr(looking, "look_among", counted)
    row = scans.start(ScanRequest(homes[0].pk), user=homes[0].owner)
    with monkeypatch.context() as patch:
        patch.setattr(scans, "TURN_SECONDS", 60.0 if how in errors else 0.0)
        try:
            long_jobs.run(scans.KIND, row.pk)
        except KeyboardInterrupt:
            long_jobs.give_back()
    row.refresh_from_db()
    assert (row.state, row.done, row.total) == ("queued", 2 if how in errors else 0, 3)
    long_jobs.run(scans.KIND, row.pk)
    row.refresh_from_db()
    assert (row.state, row.done, row.pairs, titles()) == ("done", 3, 1, [WITHIN])
    assert seen["whole"] == seen["half"] == seen["stranger"] == 1


def test_whatever_came_first_a_scan_gives_the_same_groups(encoder):  # noqa: F811
    pictures = {name: edit(scene(50)) for name, edit in EDITS.items()} | {"whole": scene(50)}
    answers = []
    for seed in range(2):
        home = CollectionFactory(local_features=True)
        for name in random.Random(seed).sample(sorted(pictures), len(pictures)):
            put(home, encoder, pictures[name], title=name, sha256=f"{name:f<64}")
        scan(home)
        answers.append(found(home.owner))
        home.images.all().delete()
    assert answers[0] == answers[1]
    assert groups.find(CopyScope(), user=UserFactory()) == []
    assert CopyScan.objects.count() == 2


def test_a_picture_that_goes_while_it_is_in_line_stops_nothing(homes, monkeypatch):
    real = scans._near

    def slowly(scan, block, **by):
        Image.objects.filter(pk=block[-1].pk).delete()
        return real(scan, block, **by)

    monkeypatch.setattr(scans, "_near", slowly)
    row = scan(homes[0])
    kept = CopyKeys.objects.exclude(prints=[]).count()
    assert (row.state, titles(), kept) == ("done", [WITHIN], 2)
