"""Measuring from a page: asked for, followed, read by staff only."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Encoder, Evaluation, Image, LongJobState
from retrieval.services.evaluation import evaluations
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import embed
from tests.web.library import put
from tests.web.test_bands import calibration


@pytest.fixture
def boss(db):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def admin(sees, boss):
    return sees(boss)


@pytest.fixture
def asked(boss, encoder):
    mine = CollectionFactory(owner=boss, name="Mine")
    tags = {"red": "warm", "pink": "warm", "blue": "cold", "green": "warm"}
    for number, (colour, tag) in enumerate([*tags.items()] * 2):
        put(mine, colour, encoder=encoder, title=f"p{number}", tags=[tag])
    return {"collection": mine.pk, "labels": "tags", "measure": "cosine", "encoders": [encoder.name]}


def test_from_form_to_result(admin, asked):
    assert "Tag some pictures" in admin.get("/evaluations/").content.decode()
    assert "in line" in admin.post("/evaluations/", asked, follow=True).content.decode()
    row = Evaluation.objects.get()
    assert 'hx-trigger="every 2s"' in admin.get("/evaluations/now/").content.decode()
    long_jobs.run(evaluations.KIND, row.pk)
    assert "hx-trigger" not in admin.get("/evaluations/now/").content.decode()
    text = admin.get(f"/evaluations/{row.pk}/").content.decode()
    assert "mAP" in text
    assert "✓ right" in text
    assert "✗ warm" in text
    assert "media/thumbnails/" in text


def measured(admin, asked) -> str:
    """The page of one that is asked for and done."""
    admin.post("/evaluations/", asked)
    row = Evaluation.objects.latest("created_at")
    long_jobs.run(evaluations.KIND, row.pk)
    return admin.get(f"/evaluations/{row.pk}/").content.decode()


def test_the_curve_of_calibration_is_drawn_and_told_in_numbers(admin, asked):
    assert "had no calibration" in measured(admin, asked)
    Encoder.objects.update(calibration=calibration())
    shown = measured(admin, asked)
    (curve,) = Evaluation.objects.latest("created_at").result["calibration"].values()
    assert sum(tenth["count"] for tenth in curve) == 8 * 7
    assert shown.count("</title></circle>") == shown.count('<th scope="row">', shown.index("<caption")) == len(curve)
    last = curve[-1]
    assert f'cy="{12 + 260 * (1 - last["seen"]):.1f}"' in shown
    assert f'<td class="num">{100 * last["said"]:.1f} %</td>' in shown
    assert "measure by cosine" in measured(admin, {**asked, "measure": "pearson"})


def test_what_an_encoder_learned_from_is_said_beside_its_figures(admin, asked):
    badge = ">learned from these pictures<"
    assert badge not in measured(admin, asked) + admin.get("/encoders/").content.decode()
    Encoder.objects.update(origin={"collection": str(asked["collection"])})
    assert badge in measured(admin, asked)
    assert Evaluation.objects.latest("created_at").result["learned_from_these"] == asked["encoders"]
    assert badge in admin.get("/encoders/").content.decode()


def test_two_encoders_stand_side_by_side_with_their_difference(admin, asked):
    pictures = list(Image.objects.filter(collection=asked["collection"]))
    second = EncoderFactory(name="second", dimension=3, state="retired")
    embed(pictures, encoder=second, raw=np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
    admin.post("/evaluations/", {**asked, "encoders": ["colours", "second"]})
    row = Evaluation.objects.get()
    long_jobs.run(evaluations.KIND, row.pk)
    first, other = row.encoders
    assert f"{first} − {other}" in admin.get(f"/evaluations/{row.pk}/").content.decode()


def test_what_cannot_be_measured_is_told_beside_its_field(admin, asked, boss):
    bare = CollectionFactory(owner=boss)
    answer = admin.post("/evaluations/", {**asked, "collection": bare.pk})
    assert answer.status_code == 400
    assert "has a tag" in answer.content.decode()
    assert admin.post("/evaluations/", {**asked, "encoders": []}).status_code == 400
    assert not Evaluation.objects.exists()


def test_one_that_failed_says_why(admin, asked):
    admin.post("/evaluations/", asked)
    Evaluation.objects.update(state=LongJobState.FAILED, error_text="A sentence.")
    assert "A sentence." in admin.get(f"/evaluations/{Evaluation.objects.get().pk}/").content.decode()


def test_only_staff(page, asked):
    assert page.get("/evaluations/").status_code == 403
    assert page.post("/evaluations/", asked).status_code == 403
