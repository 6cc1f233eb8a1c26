"""Judging from a page: drawn, graded one by one, skipped, undone, measured; for staff only."""

from __future__ import annotations

import re

import numpy as np
import pytest

from retrieval.models import Evaluation, Image, Judgement, Labels, Pool
from retrieval.services.evaluation import evaluations, pools
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, UserFactory
from tests.search.rows import embed
from tests.web.library import put

COLOURS = ("red", "pink", "green", "blue")


@pytest.fixture
def boss(db):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def admin(sees, boss):
    return sees(boss)


@pytest.fixture
def asked(boss, encoder):
    """Four pictures as two encoders see them, and what to ask for."""
    mine = CollectionFactory(owner=boss, name="Mine")
    images = [put(mine, colour, encoder=encoder) for colour in COLOURS]
    second = EncoderFactory(name="noisy", dimension=3, state="retired")
    embed(images, encoder=second, raw=np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    return {"collection": mine.pk, "encoders": ["colours", "noisy"], "queries": 2, "seed": 0}


@pytest.fixture
def pool(admin, asked):
    admin.post("/judging/", asked)
    return Pool.objects.get()


def place(text):
    return int(re.search(r'name="place" value="(\d+)"', text)[1])


def test_from_form_to_scorecard(admin, asked, boss):
    assert "to be judged yet" in admin.get("/judging/").content.decode()
    text = admin.post("/judging/", asked, follow=True).content.decode()
    pool = Pool.objects.get()
    assert "0 of 6 pictures judged" in text
    assert "query 1 of 2" in text
    for grade in (2, 0, 1, 2, 0, 0):
        answer = admin.post(f"/judging/{pool.pk}/", {"place": place(text), "grade": grade}, follow=True)
        text = answer.content.decode()
    assert "Everything here is judged." in text
    assert "query" not in text.split("judging-line")[1].split("</p>")[0]
    assert "Done" in admin.get("/judging/").content.decode()
    form = {"collection": pool.collection_id, "labels": "judgements", "measure": "cosine", "encoders": pool.encoders}
    assert all(f'name="{name}"' in text for name in form)
    admin.post("/evaluations/", form)
    row = Evaluation.objects.get()
    assert row.labels == Labels.JUDGEMENTS
    long_jobs.run(evaluations.KIND, row.pk)
    text = admin.get(f"/evaluations/{row.pk}/").content.decode()
    assert "unjudged@10" in text
    assert "judge the answers of these encoders" in text
    assert "<small>Yes" in text
    assert "Mine · judgements" in admin.get("/encoders/").content.decode()


def test_nothing_tells_whose_an_answer_is(admin, pool):
    text = admin.get(f"/judging/{pool.pk}/").content.decode()
    assert "colours" not in text
    assert "noisy" not in text


def test_in_the_page_only_the_part_is_sent(admin, pool):
    answer = admin.post(f"/judging/{pool.pk}/", {"place": 0, "grade": 1}, headers={"HX-Request": "true"})
    assert answer.content.decode().startswith('<section class="judging"')
    assert place(answer.content.decode()) == 1


def test_what_is_skipped_comes_back_at_the_end(admin, pool):
    text = admin.get(f"/judging/{pool.pk}/?after=0").content.decode()
    assert place(text) == 1
    for number in range(1, 6):
        answer = admin.post(f"/judging/{pool.pk}/", {"place": number, "grade": 0}, follow=True)
    assert place(answer.content.decode()) == 0


def test_undo_shows_the_answer_again(admin, pool):
    for number in (0, 1):
        admin.post(f"/judging/{pool.pk}/", {"place": number, "grade": 2})
    assert place(admin.post(f"/judging/{pool.pk}/undo/", follow=True).content.decode()) == 1
    assert Judgement.objects.count() == 1
    assert place(admin.post(f"/judging/{pool.pk}/undo/", follow=True).content.decode()) == 0
    assert place(admin.post(f"/judging/{pool.pk}/undo/", follow=True).content.decode()) == 0


@pytest.mark.parametrize("after", ["x", "-5", "9" * 30, "²"])
def test_an_odd_place_in_the_address_begins_at_the_start(admin, pool, after):
    assert place(admin.get(f"/judging/{pool.pk}/", {"after": after}).content.decode()) == 0


@pytest.mark.parametrize("said", [{}, {"place": 0}, {"place": 99, "grade": 1}, {"place": 0, "grade": 3}])
def test_odd_grades_are_refused(admin, pool, said):
    assert admin.post(f"/judging/{pool.pk}/", said).status_code == 404
    assert not Judgement.objects.exists()


def test_what_cannot_be_drawn_is_told_beside_its_field(admin, asked, boss):
    bare = CollectionFactory(owner=boss)
    for change, why in (
        ({"collection": bare.pk}, "Fewer than two pictures"),
        ({"encoders": ["noisy"]}, "Name 2 to 6 encoders"),
        ({"queries": 51}, "less than or equal to 50"),
    ):
        answer = admin.post("/judging/", {**asked, **change})
        assert answer.status_code == 400
        assert why in answer.content.decode()
    assert not Pool.objects.exists()


def test_pictures_that_the_judge_may_not_see_are_not_shown(sees, admin, pool):
    """Another administrator, while the collection is public and after."""
    pool.collection.visibility = "public"
    pool.collection.save()
    other = sees(UserFactory(is_staff=True, is_superuser=True))
    assert other.get(f"/judging/{pool.pk}/").status_code == 200
    pool.collection.visibility = "private"
    pool.collection.save()
    assert other.get(f"/judging/{pool.pk}/").status_code == 404
    assert other.post(f"/judging/{pool.pk}/", {"place": 0, "grade": 1}).status_code == 404
    assert other.post(f"/judging/{pool.pk}/undo/").status_code == 404
    assert "Mine" not in other.get("/judging/").content.decode()
    Image.objects.filter(pk=pool.queries[0][1][0]).update(collection=CollectionFactory())
    assert place(admin.get(f"/judging/{pool.pk}/").content.decode()) == 1


def test_only_staff(page, pool, asked):
    for answer in (
        page.get("/judging/"),
        page.post("/judging/", asked),
        page.get(f"/judging/{pool.pk}/"),
        page.post(f"/judging/{pool.pk}/", {"place": 0, "grade": 1}),
        page.post(f"/judging/{pool.pk}/undo/"),
    ):
        assert answer.status_code == 403


def test_it_is_found_from_encoders_and_measuring(admin, page, encoder):
    for path in ("/encoders/", "/evaluations/"):
        assert 'href="/judging/"' in admin.get(path).content.decode()
    assert 'href="/judging/"' not in page.get("/encoders/").content.decode()


def test_all_queries_of_a_page_of_pools_are_few(admin, asked, django_assert_max_num_queries):
    for seed in range(3):
        admin.post("/judging/", {**asked, "seed": seed})
    with django_assert_max_num_queries(20):
        assert admin.get("/judging/").status_code == 200
    assert len(pools.listing(Pool.objects.first().user)) == 3
