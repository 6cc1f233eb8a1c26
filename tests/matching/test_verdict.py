"""Verdicts on pairs that were made for it: edited copies, the same thing from elsewhere, strangers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from retrieval.management import scenes
from retrieval.matching import QueryPicture, compare_stored, local_features, verdict
from retrieval.matching.geometry import align, project
from retrieval.matching.verdict import Side, Verdict, judge, same_file, share_within
from tests.matching.conftest import extracted, pixels, scene

ORIGINAL = scene(11)


def features(picture, *, stored=False):
    found = extracted(pixels(picture), most=320 if stored else 600)
    return local_features.unpack(local_features.pack(found)) if stored else found


def compared(query, result):
    here, there = features(query), features(result, stored=True)
    alignment = align(here, there)
    return alignment and judge(alignment, query=Side(here, query.size), result=Side(there, result.size))


def pasted(picture):
    page = Image.new("RGB", (900, 800), "white")
    page.paste(picture, (500, 100))
    return page


COPIES = {
    "itself": (ORIGINAL, set()),
    "mirrored": (ImageOps.mirror(ORIGINAL), {"mirrored"}),
    "upside down": (ORIGINAL.rotate(180), {"turned 180"}),
    "turned over": (ImageOps.flip(ORIGINAL), {"mirrored", "turned 180"}),
    "clockwise": (ORIGINAL.transpose(Image.Transpose.ROTATE_270), {"turned 90"}),
    "a little": (ORIGINAL.rotate(-10, Image.Resampling.BICUBIC, expand=True), {"turned 10"}),
    "half": (ORIGINAL.crop((100, 60, 260, 180)), {"cropped"}),
    "grey": (ORIGINAL.convert("L").convert("RGB"), {"recoloured"}),
    "larger": (ORIGINAL.resize((640, 480), Image.Resampling.BICUBIC), {"resized"}),
    "wider": (ORIGINAL.resize((400, 240), Image.Resampling.BICUBIC), {"stretched"}),
    "pasted": (pasted(ORIGINAL), {"pasted"}),
    "mirrored part": (ImageOps.mirror(ORIGINAL).crop((40, 30, 240, 190)), {"mirrored", "cropped"}),
}


@pytest.mark.parametrize("name", COPIES)
def test_an_edited_copy_is_known_with_what_was_done_to_it(name):
    copy, edit = COPIES[name]
    found = compared(copy, ORIGINAL)
    assert found.verdict is Verdict.SAME_IMAGE
    assert set(found.edit) - {"resized"} == edit - {"resized"}
    assert ("resized" in found.edit) == ("resized" in edit)


def test_the_outline_is_where_the_crop_was_taken():
    found = compared(COPIES["half"][0], ORIGINAL)
    box = [(100 / 320, 0.25), (260 / 320, 0.25), (260 / 320, 0.75), (100 / 320, 0.75)]
    np.testing.assert_allclose(found.outline, box, atol=0.02)
    np.testing.assert_allclose(found.query_outline, [(0, 0), (1, 0), (1, 1), (0, 1)], atol=0.02)


def test_the_outline_on_the_query_is_where_it_was_pasted():
    found = compared(COPIES["pasted"][0], ORIGINAL)
    corners = [(500 / 900, 100 / 800), (820 / 900, 100 / 800), (820 / 900, 340 / 800), (500 / 900, 340 / 800)]
    np.testing.assert_allclose(found.query_outline, corners, atol=0.02)
    np.testing.assert_allclose(found.outline, [(0, 0), (1, 0), (1, 1), (0, 1)], atol=0.02)


def test_seen_from_the_side_it_is_the_same_thing_and_no_copy():
    slanted = ORIGINAL.transform(
        (320, 240), Image.Transform.QUAD, (0, 0, 40, 240, 280, 240, 320, 0), Image.Resampling.BICUBIC
    )
    found = compared(slanted, ORIGINAL)
    assert (found.verdict, found.edit) == (Verdict.SAME_THING, ())


# Of the demonstration's drawings: boats and flowers of one kind, which a few details near each other seem to join.
DRAWN_ALIKE = [(scenes.sea, 9, 3), (scenes.flower, 11, 7), (scenes.flower, 19, 8)]


def drawn(scene, one, other):
    """The two compared as stored pictures are, the smaller as what was made of the larger."""
    pictures = sorted((scenes.draw(scene, number) for number in (one, other)), key=lambda one: -one.width * one.height)
    seen = [QueryPicture(picture.size, features(picture, stored=True), ()) for picture in pictures]
    return compare_stored(*seen)


@pytest.mark.parametrize(("scene", "one", "other"), DRAWN_ALIKE)
def test_what_shows_the_same_thing_in_one_corner_is_no_copy(scene, one, other, monkeypatch):
    found = drawn(scene, one, other)
    assert found is None or found.verdict is Verdict.SAME_THING
    monkeypatch.setattr(verdict, "AGREED", np.inf)
    monkeypatch.setattr(verdict, "EVIDENCE", 0)
    assert drawn(scene, one, other).verdict is Verdict.SAME_IMAGE


def test_strangers_have_nothing_in_common():
    queries = [features(scene(seed)) for seed in range(20, 25)]
    stored = [features(scene(seed), stored=True) for seed in range(30, 40)]
    assert [align(query, result) for query in queries for result in stored] == [None] * 50


def test_pictures_without_features_have_nothing_in_common():
    even = Image.new("RGB", (100, 80), "grey")
    assert compared(even, ORIGINAL) is None
    assert compared(ORIGINAL, even) is None


def test_the_same_places_in_other_light_are_not_the_same_picture():
    turned_round = Image.fromarray(np.random.default_rng(0).permutation(256).astype(np.uint8)[np.asarray(ORIGINAL)])
    found = compared(turned_round, ORIGINAL)
    assert found is None or found.verdict is Verdict.SAME_THING


def test_areas_are_measured_as_by_counting():
    here = features(ORIGINAL)
    half_right = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]])
    assert share_within(half_right, here, of=here) == pytest.approx(0.5)
    assert share_within(np.eye(3), here, of=here) == 1


def test_projecting_is_the_formula_written_out():
    homography = np.array([[1, 0.2, 0.1], [0.1, 0.9, 0], [0.3, 0.1, 1.0]])
    x, y = 0.4, 0.7
    below = 0.3 * x + 0.1 * y + 1
    np.testing.assert_allclose(
        project(homography, np.array([[x, y]])), [[(x + 0.2 * y + 0.1) / below, (0.1 * x + 0.9 * y) / below]]
    )


def test_the_same_file_is_whole_on_both_sides():
    assert same_file().verdict is Verdict.SAME_FILE
    assert same_file().outline == same_file().query_outline == ((0, 0), (1, 0), (1, 1), (0, 1))
