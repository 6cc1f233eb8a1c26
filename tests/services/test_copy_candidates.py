"""Candidates for copies as the database counts them, and features that are found once."""

from __future__ import annotations

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.matching import copy_keys
from retrieval.models import CopyKeys, Image
from retrieval.services.copies import candidates
from retrieval.services.copies.details import AT_HAND, AtHand, Details, WaitingError
from retrieval.work import features
from tests.factories import CollectionFactory, ImageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def near_equal():
    """Pictures whose fingerprints and corners differ little, and some that share a corner by chance."""
    draw, home, rows = random.Random(5), CollectionFactory(), []
    base = [draw.choice("01") for _ in range(256)]
    for place in range(40):
        flipped = set(draw.sample(range(256), draw.randint(0, 40)))
        pdq = "".join("10"[bit == "1"] if n in flipped else bit for n, bit in enumerate(base))
        image = ImageFactory(collection=home, pdq=pdq)
        corners = draw.sample(range(50), 20) if place % 2 else [draw.randrange(50), *range(100, 110)]
        CopyKeys.objects.filter(image=image).update(prints=copy_keys.of_print(pdq), corners=corners)
        rows.append(image)
    return rows


def first(found):
    return [pk for _, pk in sorted(found)][: copy_keys.MOST]


def test_the_likeliest_by_fingerprint_are_those_that_counting_bits_one_by_one_gives(near_equal):
    for image in near_equal[:5]:
        asked, found = set(copy_keys.asked_prints(copy_keys.turns(image.pdq))), []
        for other in near_equal:
            turns = copy_keys.turns(image.pdq)
            apart = min(sum(a != b for a, b in zip(turn, other.pdq, strict=True)) for turn in turns)
            if other != image and apart <= copy_keys.NEAR and asked & set(copy_keys.of_print(other.pdq)):
                found.append((apart, other.pk))
        assert candidates._by_print(image) == first(found) != []


def test_the_likeliest_by_corners_are_those_that_counting_keys_one_by_one_gives(near_equal, monkeypatch):
    kept = dict(CopyKeys.objects.values_list("image", "corners"))
    for image in near_equal[:6]:
        monkeypatch.setattr(candidates, "_corners", lambda _seen, _keys, image=image: sorted(kept[image.pk]))
        shared = {pk: sum(key in kept[image.pk] for key in keys) for pk, keys in kept.items() if pk != image.pk}
        found = [(-count, pk) for pk, count in shared.items() if count >= copy_keys.LEAST_SHARED]
        assert candidates._by_corners(image, None) == first(found) != []


def test_features_that_nobody_keeps_are_found_once_whatever_is_compared(monkeypatch):
    images, asked = [ImageFactory() for _ in range(2)], []
    images.append(ImageFactory(sha256=images[0].sha256))  # the same file elsewhere
    monkeypatch.setattr(AT_HAND, "_found", type(AT_HAND._found)())
    monkeypatch.setattr(
        features, "found_in", lambda image: asked.append(image.pk) or features.Found(features.NOTHING.packed)
    )
    for _ in range(2):
        details = Details()
        assert [len(details.of(image).whole) for image in images] == [0, 0, 0]
    assert asked == [images[0].pk, images[1].pk]


def test_what_is_at_hand_is_bounded_by_bytes_the_last_used_stay(monkeypatch):
    first_, second, third = images = [Image(sha256=str(n)) for n in range(3)]
    asked = []
    found = features.Found(b"x" * 40, [b"y" * 20])
    monkeypatch.setattr(features, "found_in", lambda image: asked.append(image) or found)
    kept = AtHand(most=130)
    for image in (first_, second, first_, third, first_, second):
        assert kept.of(image) is found
    assert ([images.index(image) for image in asked], kept.bytes) == ([0, 1, 2, 1], 120)


def test_what_cannot_be_read_or_has_to_wait_is_asked_again(monkeypatch):
    answers = [None, features.NOTHING, features.NOTHING]
    monkeypatch.setattr(features, "found_in", lambda _image: answers.pop())
    kept, image = AtHand(), Image(sha256="0")
    assert [kept.of(image), kept.of(image)] == [features.NOTHING] * 2
    with pytest.raises(WaitingError):
        kept.of(image)
    assert kept.bytes == 0


def test_each_key_is_looked_up_in_an_index_that_has_no_list_of_what_waits(near_equal, monkeypatch):
    monkeypatch.setattr(candidates, "_corners", lambda _seen, _keys: list(range(50)))
    with CaptureQueriesContext(connection) as sent:
        candidates._by_corners(near_equal[0], None)
    with connection.cursor() as cursor:
        [sql] = [each["sql"] for each in sent.captured_queries if "LATERAL" in each["sql"]]
        cursor.execute("EXPLAIN " + sql)
        plan = " ".join(row for (row,) in cursor.fetchall())
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname IN ('copy_corners', 'copy_prints')")
        assert cursor.fetchall() == [(["fastupdate=off"],)] * 2
    assert "Bitmap Index Scan on copy_corners" in plan
