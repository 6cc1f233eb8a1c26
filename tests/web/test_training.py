"""Training from a page: start, watch, stop; and the curve drawn to scale."""

from __future__ import annotations

import html
import tomllib

import pytest

from retrieval.models import LongJobState, TrainingRun
from retrieval.web.curves import HEIGHT, WIDTH, curves
from retrieval.web.forms.training import EXAMPLE
from tests.factories import CollectionFactory, EncoderFactory, UserFactory


@pytest.fixture
def boss(db):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def admin(sees, boss):
    return sees(boss)


@pytest.fixture
def mine(boss):
    return CollectionFactory(owner=boss, name="Birds")


def test_the_example_starts_as_it_stands(admin, mine):
    answer = admin.post("/training/", {"collection": mine.pk, "by": "tags", "config": EXAMPLE}, follow=True)
    assert "mine is in line." in answer.content.decode()
    row = TrainingRun.objects.get()
    assert (row.state, row.recipe, row.steps) == (LongJobState.QUEUED, "arcface", 200)


def test_a_recipe_is_chosen_from_a_list_and_a_tenth_is_held_out(admin, mine):
    chosen = {"collection": mine.pk, "by": "tags", "recipe": "triplet", "name": "nearer", "steps": "80", "config": ""}
    assert "nearer is in line." in admin.post("/training/", chosen, follow=True).content.decode()
    row = TrainingRun.objects.get()
    assert (row.recipe, row.steps, row.config["data"]["held_out_share"]) == ("triplet", 80, 0.1)
    assert "10.0 % of the pictures" in admin.get(f"/training/{row.pk}/").content.decode()
    again = admin.post("/training/", {**chosen, "held_out": "0"})
    assert (again.status_code, "called nearer" in again.content.decode()) == (400, True)
    admin.post("/training/", {**chosen, "name": "all", "held_out": "0"})
    row = TrainingRun.objects.get(name="all")
    assert (row.config["data"]["held_out_share"], row.config["schedule"]["evaluate_every"]) == (0, 0)
    assert "Nothing is held out" in admin.get(f"/training/{row.pk}/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "Give the run a name."), ({"recipe": "magic"}, "magic"), ({"recipe": ""}, "recipe is one of"),
        ({"held_out": "60"}, "50"), ({"steps": "0"}, "1"), ({"name": "two words"}, "slug"),
    ],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_told_beside_its_field(admin, mine, wrong, said):
    chosen = {"collection": mine.pk, "by": "tags", "recipe": "arcface", "name": "mine"}
    answer = admin.post("/training/", {**chosen, **wrong})
    assert (answer.status_code, TrainingRun.objects.count()) == (400, 0)
    assert said in answer.content.decode().split('class="errorlist"')[1].split("</ul>")[0]


def test_choices_are_written_out_as_settings_that_then_count(admin, mine):
    chosen = {"collection": mine.pk, "by": "tags", "recipe": "distill", "name": "mine", "held_out": "20"}
    shown = admin.post("/training/", {**chosen, "write": "1"}).content.decode()
    written = html.unescape(shown.split("<textarea")[1].split(">", 1)[1].split("</textarea>")[0])
    assert tomllib.loads(written)["data"]["held_out_share"] == 0.2
    assert not TrainingRun.objects.exists()
    admin.post("/training/", {**chosen, "recipe": "simclr", "config": written})
    assert TrainingRun.objects.get().recipe == "distill"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("not toml [", "config"),
        (EXAMPLE.replace("arcface", "magic"), "recipe"),
        (EXAMPLE + "\n[odd]\n", "odd"),
        (EXAMPLE.replace("compact-v1.", "lost."), "start.weights"),
    ],
)
def test_a_wrong_config_is_told_beside_its_field(admin, mine, config, said):
    answer = admin.post("/training/", {"collection": mine.pk, "by": "tags", "config": config})
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_a_taken_name_is_told_beside_the_config_which_stays(admin, mine):
    EncoderFactory(name="mine")
    answer = admin.post("/training/", {"collection": mine.pk, "by": "tags", "config": EXAMPLE})
    assert answer.status_code == 400
    assert "compact-v1.safetensors" in answer.content.decode()
    assert "called mine already" in answer.content.decode()


def test_only_staff_who_see_its_collection(page, sees, admin, mine):
    data = {"collection": mine.pk, "by": "tags", "config": EXAMPLE}
    admin.post("/training/", data)
    run = TrainingRun.objects.get()
    assert f"/training/{run.pk}/cancel/" in admin.get("/training/").content.decode()
    other = sees(UserFactory(is_staff=True, is_superuser=True))
    for address in ("/training/", "/training/now/"):
        assert run.name not in other.get(address).content.decode().partition("<textarea")[0]
    assert other.get(f"/training/{run.pk}/").status_code == 404
    assert other.post(f"/training/{run.pk}/cancel/").status_code == 404
    mine.visibility = "public"
    mine.save()
    assert page.post("/training/", data).status_code == 403
    assert page.post(f"/training/{run.pk}/cancel/").status_code == 403


def test_a_run_is_watched_and_stopped(admin, mine):
    admin.post("/training/", {"collection": mine.pk, "by": "tags", "config": EXAMPLE})
    points = [{"step": step, "seconds": 1.0, "values": {"loss": 2.0 - step / 100}} for step in (10, 20, 30)]
    TrainingRun.objects.update(curve=points, stage="training", done=30, total=200, state=LongJobState.RUNNING)
    run = TrainingRun.objects.get()
    assert "training · 30 / 200" in admin.get("/training/now/").content.decode()
    for address in (f"/training/{run.pk}/", f"/training/{run.pk}/now/"):
        text = admin.get(address).content.decode()
        assert "<polyline" in text
        assert 'hx-trigger="every 2s"' in text
    admin.post(f"/training/{run.pk}/cancel/")
    assert TrainingRun.objects.get().cancel_asked
    TrainingRun.objects.update(state=LongJobState.CANCELLED)
    over = admin.get(f"/training/{run.pk}/now/")
    assert (over.headers["HX-Refresh"], "hx-trigger" in over.content.decode()) == ("true", False)


def test_a_curve_fills_its_box():
    points = [{"step": 0, "values": {"loss": 4.0}}, {"step": 10, "values": {"loss": 1.0, "score": 0.5}}]
    (loss,) = curves(points)
    assert loss.points == f"0.0,0.0 {WIDTH}.0,{HEIGHT}.0"
    assert (loss.last, loss.low, loss.high) == (1.0, 1.0, 4.0)


def test_what_is_not_finite_is_left_out():
    points = [{"step": step, "values": {"loss": value}} for step, value in ((0, 1.0), (1, float("nan")), (2, 1.0))]
    assert curves(points)[0].points == f"0.0,{HEIGHT}.0 {WIDTH}.0,{HEIGHT}.0"
