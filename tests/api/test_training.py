"""Training through the API: asked for, followed, stopped, refused."""

from __future__ import annotations

import tomllib

import pytest

from retrieval import tasks
from retrieval.models import LongJobState, TrainingRun
from retrieval.web.forms.training import EXAMPLE
from tests.factories import CollectionFactory, EncoderFactory, UserFactory

BASE = "/api/v1/training/"
CONFIG = tomllib.loads(EXAMPLE)


@pytest.fixture
def admin(db):
    return UserFactory(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def client(admin, calls):
    return calls(admin)


@pytest.fixture
def home(admin):
    return CollectionFactory(owner=admin)


@pytest.fixture
def body(home):
    return {"collection": str(home.pk), "config": CONFIG, "by": "group_key"}


@pytest.fixture
def woken(monkeypatch):
    sent = []
    monkeypatch.setattr(tasks, "wake", lambda task, *args: sent.append(args))
    return sent


def test_from_line_to_stop(client, home, body, woken):
    asked = client.post(BASE, body, format="json")
    assert asked.status_code == 202, asked.content
    row = asked.json()
    names = ("state", "user", "name", "recipe", "collection", "by", "step", "steps", "error")
    expected = ["queued", "admin", "mine", "arcface", str(home.pk), "group_key", 0, 200, None]
    assert [row[name] for name in names] == expected
    assert [(name, str(pk)) for name, pk in woken] == [("training", row["id"])]
    assert client.get(BASE).json() == {"results": [row], "next": None, "previous": None}
    whole = client.get(f"{BASE}{row['id']}/").json()
    assert (whole["curve"], whole["config"]["optimiser"]["steps"]) == ([], 200)
    at_the_end = {"precision": "", "notes": [], "left_out": []}
    assert {**row, "curve": [], "config": whole["config"], **at_the_end} == whole
    stopped = client.post(f"{BASE}{row['id']}/cancel/")
    assert (stopped.status_code, stopped.json()["state"]) == (202, "cancelled")


def test_a_running_one_is_asked_to_stop(client, body, woken):
    row = client.post(BASE, body, format="json").json()
    TrainingRun.objects.update(state=LongJobState.RUNNING)
    assert client.post(f"{BASE}{row['id']}/cancel/").json()["state"] == "running"
    assert TrainingRun.objects.get().cancel_asked


def test_what_came_out_is_told(client, body, woken):
    row = client.post(BASE, body, format="json").json()
    point = {"step": 50, "loss": 1.5}
    TrainingRun.objects.update(state=LongJobState.DONE, encoder=EncoderFactory(name="better"), curve=[point], step=50)
    whole = client.get(f"{BASE}{row['id']}/").json()
    assert (whole["encoder"], whole["curve"], whole["step"], whole["error"]) == ("better", [point], 50, None)
    TrainingRun.objects.update(state=LongJobState.FAILED, error_code="odd", error_text="A sentence.")
    assert client.get(f"{BASE}{row['id']}/").json()["error"] == {"code": "odd", "message": "A sentence."}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"by": "title"}, "by"), ({"collection": "odd"}, "collection"), ({"config": "x = 1"}, "config"),
        ({"config": [1]}, "config"), ({"config": {}}, "config.name"),
        ({"config": {**CONFIG, "odd": 1}}, "config.odd"), ({"config": {**CONFIG, "recipe": "magic"}}, "config.recipe"),
        ({"config": {**CONFIG, "name": "a b"}}, "config.name"),
        ({"config": {**CONFIG, "encoder": 1}}, "config.encoder"),
        ({"config": {**CONFIG, "options": [1]}}, "config.options"),
        ({"config": {**CONFIG, "optimiser": {"steps": 0, "lr": 1.0}}}, "config.optimiser.steps"),
        ({"config": {**CONFIG, "optimiser": {"steps": 2**31, "lr": 1.0}}}, "config.optimiser.steps"),
        ({"config": {**CONFIG, "start": {"weights": "x" * 300}}}, "config.start.weights"),
        ({"config": {**CONFIG, "start": {"weights": "lost.safetensors"}}}, "config.start.weights"),
        ({"config": {**CONFIG, "encoder": {"backbone": "magic"}}}, "config.encoder"),
        ({"config": {**CONFIG, "encoder": {**CONFIG["encoder"], "dimension": "many"}}}, "config.encoder"),
        ({"config": {**CONFIG, "encoder": {**CONFIG["encoder"], "odd": 1}}}, "config.encoder"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_by_field(client, body, woken, change, field):
    answer = client.post(BASE, {**body, **change}, format="json")
    assert answer.status_code == 400, answer.content
    (named,) = answer.json()["error"]["fields"]
    assert named.startswith(field)
    assert not woken
    assert not TrainingRun.objects.exists()


def test_a_taken_name_is_a_conflict(client, body):
    EncoderFactory(name="mine")
    answer = client.post(BASE, body, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")


def test_only_administrators_who_see_the_collection(client, home, body, calls, stranger):
    row = client.post(BASE, body, format="json").json()
    other, address = calls(UserFactory(is_staff=True, is_superuser=True)), f"{BASE}{row['id']}/"
    assert other.get(BASE).json()["results"] == []
    assert [other.get(address).status_code, other.post(f"{address}cancel/").status_code] == [404, 404]
    assert other.post(BASE, body, format="json").status_code == 404
    home.visibility = "public"
    home.save()
    assert other.get(address).json()["id"] == row["id"]
    theirs = calls(stranger)
    asked = (theirs.get(BASE), theirs.get(address), theirs.post(f"{address}cancel/"))
    assert [answer.status_code for answer in (*asked, theirs.post(BASE, body, format="json"))] == [403] * 4
    assert TrainingRun.objects.get().state == LongJobState.QUEUED


def test_the_list_comes_in_pages(client, body):
    made = [client.post(BASE, body, format="json").json()["id"]]
    row = TrainingRun.objects.get()
    place = {"user": row.user, "collection": row.collection, "recipe": "x", "config": {}}
    more = [TrainingRun.objects.create(**place, name=name) for name in "ab"]
    made += [str(each.pk) for each in more]
    answer, found = client.get(BASE, {"page_size": 1}).json(), []
    while True:
        found += [each["id"] for each in answer["results"]]
        if not answer["next"]:
            break
        answer = client.get(answer["next"]).json()
    assert found == made[::-1]
    assert client.get(BASE, {"page_size": 201}).status_code == 400
