"""Watches sharpened by what was wrong: what fires no more, from where on, what it tells of that, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Alert, ConceptExample, Membership, Watch
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import Clicks
from retrieval.services.searching.search import SearchRequest
from retrieval.services.watching import alerts, sharpening, trying, watches
from retrieval.services.watching.avoiding import least_after
from retrieval.services.watching.watches import Least, WatchRequest
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.services.test_verdicts import CALIBRATION
from tests.services.test_watches import RAW, arrives, encoder, library, watch  # noqa: F401

pytestmark = pytest.mark.django_db

AXES = np.eye(4, dtype=np.float32)
GOOD, BAD = AXES[0] + AXES[2] / 2, AXES[0] + AXES[1] / 2


def said(row, image, verdict):
    """What its person says of the alert for this picture, and the worker makes of it."""
    alerts.mark(Alert.objects.get(watch=row, image=image).pk, user=row.user, verdict=verdict)
    sharpening.work()
    return Watch.objects.get(pk=row.pk)


@pytest.fixture
def fired(library, encoder):  # noqa: F811
    """A watch that fired for a picture that it was meant for, and for one that it was not."""
    collection, images = library
    row = watch(images[0], least=0.8)
    return row, arrives(collection, GOOD, encoder=encoder), arrives(collection, BAD, encoder=encoder)


def test_what_was_wrong_fires_no_more_and_what_was_not_still_does(fired, library, encoder):  # noqa: F811
    row, good, bad = fired
    row = said(row, bad, "wrong")
    assert (row.avoids, row.sharpened["fired_before"], row.sharpened["fired"]) == (1, 2, 1)
    assert (row.sharpened["gone"], row.sharpened["come"]) == ([str(bad.pk)], [])
    assert (row.sharpened["least_before"], row.sharpened["least"]) == (0.8, row.least)
    assert [found.image for found in trying.tried(row.pk, user=row.user).results] == [good]
    again, wrong = (arrives(library[0], raw, encoder=encoder) for raw in (GOOD, BAD))
    assert Alert.objects.filter(image=again).exists()
    assert not Alert.objects.filter(image=wrong).exists()


def test_taken_back_it_is_what_it_was(fired):
    row, _, bad = fired
    before = bytes(row.direction)
    assert bytes(said(row, bad, "wrong").direction) != before
    row = said(row, bad, "")
    assert (bytes(row.direction), row.least, row.avoids) == (before, 0.8, 0)


def test_what_is_said_meanwhile_is_due_again_and_nothing_said_is_not(fired):
    row, _, bad = fired
    alert = Alert.objects.get(image=bad)
    alerts.mark(alert.pk, user=row.user, seen=True)
    assert not sharpening.waiting()
    alerts.mark(alert.pk, user=row.user, verdict="wrong")
    assert list(sharpening.waiting()) == [row]
    assert not sharpening.work()
    alerts.mark(alert.pk, user=row.user, verdict="wrong")
    assert not sharpening.waiting()


def test_a_score_set_later_stays_until_more_is_wrong(fired, library, encoder):  # noqa: F811
    row, _, bad = fired
    moved = bytes(said(row, bad, "wrong").direction)
    row = watches.change(row.pk, {"least": Least(score=0.5)}, user=row.user)
    assert (row.least, bytes(row.direction)) == (0.5, moved)
    other = arrives(library[0], AXES[0] + AXES[3], encoder=encoder)
    assert Alert.objects.filter(image=other).exists()
    row = said(row, other, "wrong")
    assert row.avoids == 2
    assert not [found for found in trying.tried(row.pk, user=row.user).results if found.image == other]


def test_a_probability_is_told_of_the_query_as_it_was_asked_alone(library, encoder):  # noqa: F811
    encoder.calibration = CALIBRATION.to_dict()
    encoder.save()
    collection, images = library
    request = WatchRequest("x", SearchRequest(images=(images[0].pk,)), Least(probability=0.01))
    row = watches.create(request, user=collection.owner)
    bad, good = (arrives(collection, raw, encoder=encoder) for raw in (BAD, GOOD))
    assert Alert.objects.get(image=bad).probability is not None
    row = said(row, bad, "wrong")
    assert (row.by_probability, row.calibration, row.min_probability) == (False, "", 0.01)
    assert trying.tried(row.pk, user=row.user).threshold == row.least
    told = Alert.objects.get(image=arrives(collection, GOOD, encoder=encoder))
    assert (told.probability, told.threshold) == (None, row.least)
    assert said(row, bad, "").by_probability
    assert good


def test_a_concept_learns_what_was_wrong_and_forgets_it_again(library, encoder):  # noqa: F811
    collection, images = library
    taught = concepts.create("Hat", Clicks([images[0].pk], [images[1].pk]), user=collection.owner)
    row = watches.create(WatchRequest("Hats", SearchRequest(concept=taught.pk)), user=collection.owner)
    before = bytes(row.direction)
    bad = arrives(collection, AXES[0] + AXES[2] / 2, encoder=encoder)
    row = said(row, bad, "wrong")
    assert not ConceptExample.objects.get(concept=taught, image=bad).right
    assert (bytes(row.direction) != before, row.avoids) == (True, 0)
    assert str(bad.pk) in row.sharpened["gone"]
    said(row, bad, "right")
    assert not ConceptExample.objects.filter(concept=taught, image=bad).exists()
    concepts.remove(taught.pk, user=collection.owner)
    assert said(row, bad, "wrong").trouble


def test_a_picture_that_one_may_not_see_any_more_counts_no_more(fired, library, encoder):  # noqa: F811
    _, images = library
    elsewhere, member = CollectionFactory(visibility="shared"), UserFactory()
    role = Membership.objects.create(collection=elsewhere, user=member, role="viewer")
    Membership.objects.create(collection=images[0].collection, user=member, role="viewer")
    row = watch(images[0], person=member, least=0.8)
    bad = arrives(elsewhere, BAD, encoder=encoder)
    assert said(row, bad, "wrong").avoids == 1
    role.delete()
    Watch.objects.filter(pk=row.pk).update(said=9)
    sharpening.work()
    assert Watch.objects.get(pk=row.pk).avoids == 0


def test_where_nothing_passed_beside_the_wrong_ones_only_nearer_ones_fire(library, encoder):  # noqa: F811
    collection, images = library
    row = watch(images[0], least=0.85)
    bad = arrives(collection, BAD, encoder=encoder)
    row = said(row, bad, "wrong")
    assert (row.sharpened["fired_before"], row.sharpened["fired"]) == (1, 0)
    assert Alert.objects.filter(image=arrives(collection, AXES[0], encoder=encoder)).exists()


def test_its_scores_are_cosines_whatever_the_encoder_measures_by(library, encoder):  # noqa: F811
    encoder.measure = "euclidean"
    encoder.save()
    collection, images = library
    arrives(collection, GOOD, encoder=encoder)
    (found,) = trying.tried(watch(images[0], least=0.8).pk, user=collection.owner).results
    assert found.score == pytest.approx(2 / np.sqrt(5), abs=0.02)


def test_alerts_of_a_watch_that_is_broken_can_be_judged(fired):
    row, _, bad = fired
    Watch.objects.filter(pk=row.pk).update(asked=[])
    assert alerts.mark(Alert.objects.get(image=bad).pk, user=row.user, verdict="wrong").verdict == "wrong"


@pytest.mark.parametrize(
    ("floor", "wrong", "right", "least"),
    [
        (0.5, [], [], 0.5),
        (0.5, [0.4], [], 0.5),
        (0.5, [0.6, 0.7], [], 0.701),
        (0.5, [0.6], [0.55, 0.58], 0.5),  # it would lose two for one
        (0.5, [0.6], [0.55], 0.5),  # as many either way: the lower one
        (0.5, [0.6, 0.7], [0.65], 0.601),
        (0.5, [0.6, 0.9], [0.65, 0.7, 0.8], 0.601),
    ],
)
def test_the_threshold_errs_in_the_fewest(floor, wrong, right, least):
    assert least_after(floor, wrong, right) == pytest.approx(least, abs=1e-9)


def test_without_an_encoder_nothing_is_sharpened(fired):
    row, _, bad = fired
    alerts.mark(Alert.objects.get(image=bad).pk, user=row.user, verdict="wrong")
    EncoderFactory._meta.model.objects.update(state="retired")
    assert not sharpening.work()
    assert sharpening.waiting()
