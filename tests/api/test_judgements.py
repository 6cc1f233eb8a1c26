"""Judging through the API: a pool drawn, answers graded, scores asked for, refused."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.models import Judgement, Pool
from retrieval.services.evaluation import evaluations
from retrieval.work import long_jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.search.rows import embed

BASE = "/api/v1/judgements/"
POOLS = f"{BASE}pools/"


@pytest.fixture
def admin(db):
    return UserFactory(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def client(admin, calls):
    return calls(admin)


@pytest.fixture
def pictures(admin):
    """Six pictures as two encoders see them."""
    row = CollectionFactory(owner=admin)
    images = [ImageFactory(collection=row) for _ in range(6)]
    for seed, (name, state) in enumerate((("first", "active"), ("second", "retired"))):
        raw = np.random.default_rng(seed).normal(size=(6, 3)).astype(np.float32)
        embed(images, encoder=EncoderFactory(name=name, dimension=3, state=state), raw=raw)
    return images


@pytest.fixture
def body(pictures):
    return {"collection": str(pictures[0].collection_id), "encoders": ["first", "second"], "queries": 2}


def test_from_pool_to_result(client, body):
    drawn = client.post(POOLS, body, format="json")
    assert drawn.status_code == 201
    pool = drawn.json()
    assert (pool["user"], pool["encoders"], pool["depth"], pool["seed"]) == ("admin", ["first", "second"], 10, 0)
    assert [len(each["answers"]) for each in pool["queries"]] == [5, 5]
    assert {each["grade"] for query in pool["queries"] for each in query["answers"]} == {None}
    said = [
        {"query": query["query"], "answer": answer["image"], "grade": number % 3}
        for query in pool["queries"]
        for number, answer in enumerate(query["answers"])
    ]
    assert client.post(BASE, {"judgements": said}, format="json").status_code == 204
    assert client.post(BASE, {"judgements": [{**said[0], "grade": None}]}, format="json").status_code == 204
    now = client.get(f"{POOLS}{pool['id']}/").json()
    assert [each["grade"] for each in now["queries"][0]["answers"]] == [None, 1, 2, 0, 1]
    (listed,) = client.get(POOLS).json()["results"]
    assert listed["id"] == pool["id"]
    assert "queries" not in listed
    wanted = {"collection": body["collection"], "encoders": body["encoders"], "labels": "judgements"}
    row = client.post("/api/v1/evaluations/", wanted, format="json").json()
    long_jobs.run(evaluations.KIND, row["id"])
    found = client.get(f"/api/v1/evaluations/{row['id']}/").json()
    assert (found["state"], found["labels"]) == ("done", "judgements")
    assert set(found["result"]["reports"][0]["overall"]) == {"mAP", "MRR", "P@10", "nDCG@10", "unjudged@10"}


@pytest.mark.parametrize(
    ("change", "field"),
    [({"encoders": ["first"]}, "encoders"), ({"encoders": ["first", "nobody"]}, "encoders"),
     ({"queries": 51}, "queries"), ({"seed": -1}, "seed"), ({"collection": "odd"}, "collection")],
)  # fmt: skip
def test_pools_that_cannot_be_drawn_are_refused_by_field(client, body, change, field):
    answer = client.post(POOLS, {**body, **change}, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, [field])
    assert not Pool.objects.exists()


def test_odd_judgements_are_refused(client, pictures):
    one, two = str(pictures[0].pk), str(pictures[1].pk)
    for said in (
        [],
        [{"query": one, "answer": two, "grade": 3}],
        [{"query": one, "answer": one, "grade": 1}],
        [{"query": one, "answer": two}],
        [{"query": "odd", "answer": two, "grade": 1}],
    ):
        assert client.post(BASE, {"judgements": said}, format="json").status_code == 400
    assert not Judgement.objects.exists()


def test_only_administrators_who_see_the_pictures(client, body, pictures, calls, stranger):
    pool = client.post(POOLS, body, format="json").json()
    said = {"judgements": [{"query": str(pictures[0].pk), "answer": str(pictures[1].pk), "grade": 1}]}
    other = calls(UserFactory(is_staff=True, is_superuser=True))
    assert other.get(f"{POOLS}{pool['id']}/").status_code == 404
    assert other.post(POOLS, body, format="json").status_code == 404
    assert other.post(BASE, said, format="json").status_code == 404
    assert other.get(POOLS).json()["results"] == []
    pictures[0].collection.visibility = "public"
    pictures[0].collection.save()
    person = calls(stranger)
    for answer in (
        person.get(f"{POOLS}{pool['id']}/"),
        person.get(POOLS),
        person.post(POOLS, body, format="json"),
        person.post(BASE, said, format="json"),
    ):
        assert answer.status_code == 403
    assert other.get(f"{POOLS}{pool['id']}/").status_code == 200
    assert other.post(BASE, said, format="json").status_code == 204


def test_what_a_judge_may_not_see_is_not_in_the_pool(client, body, pictures):
    pool = client.post(POOLS, body, format="json").json()
    gone = pool["queries"][0]["answers"][0]["image"]
    client.delete(f"/api/v1/images/{gone}/")
    now = client.get(f"{POOLS}{pool['id']}/")
    assert gone not in now.content.decode()
