"""Every admin page opens for an administrator, for nobody else, and its actions do what they say."""

from __future__ import annotations

import io

import pytest
from django.contrib import admin
from django.urls import reverse

from retrieval import live_encoders
from retrieval.admin import operations
from retrieval.models import AuditEvent, Collection, EmbeddingJob, Encoder, Image, JobState
from retrieval.services.images import images
from retrieval.services.operations import totals
from retrieval.work import jobs
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory, job
from tests.services.test_jobs import ColourEncoder, png

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def boss(client):
    user = UserFactory(is_staff=True, is_superuser=True)
    client.force_login(user)
    return client


@pytest.fixture
def picture(monkeypatch):
    """A real picture with files, ready."""
    EncoderFactory(dimension=3)
    monkeypatch.setattr(live_encoders, "for_row", lambda row: ColourEncoder())
    collection = CollectionFactory(name="Holidays")
    added = images.add(
        images.Upload(io.BytesIO(png((9, 8, 7))), "sea.png"), user=collection.owner, collection=collection
    )
    jobs.embed()
    return added.image


def act(client, name, action, rows, **more):
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(reverse(f"admin:retrieval_{name}_changelist"), data, follow=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_list_opens(boss, picture, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert boss.get(address).status_code == 200
    assert boss.get(address, {"q": "sea"}).status_code in {200, 302}


@pytest.mark.parametrize("name", ["collection", "image", "encoder", "joboverview"])
def test_a_row_opens(boss, picture, name):
    model = next(model for model in MODELS if model._meta.model_name == name)
    row = model.objects.first()
    assert boss.get(reverse(f"admin:retrieval_{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("name", ["collection", "image", "encoder", "joboverview"])
def test_nobody_else_gets_in(client, name):
    client.force_login(UserFactory())
    assert client.get(reverse(f"admin:retrieval_{name}_changelist")).status_code == 302


def test_the_front_page_shows_totals_and_the_day(boss, picture):
    text = boss.get(reverse("admin:index")).content.decode()
    assert "The last 24 hours" in text
    assert "1 done, 0 failed" in text


def test_totals_count_whoever_it_belongs_to(picture):
    ImageFactory(deleted_at="2026-01-01T00:00:00Z")
    figures = totals.overall()
    assert (figures.images, figures.vectors, figures.waiting, figures.failed) == (1, 1, 0, 0)
    assert [(hour.done, hour.failed) for hour in totals.by_hour()[-2:]] in ([(0, 0), (1, 0)], [(1, 0), (0, 0)])
    assert len(totals.by_hour()) == 24


def test_the_chart_fits_its_height():
    rows = [totals.Hour(totals.timezone.now(), done, failed) for done, failed in [(0, 0), (1, 0), (500, 500)]]
    empty, small, full = operations.bars(rows)
    assert (empty.done_height, empty.failed_height) == (0, 0)
    assert small.done_height == 1
    assert full.failed_y == 0


@pytest.mark.parametrize(("size", "status"), [(320, 200), (999, 404)])
def test_thumbnails_are_for_staff(boss, client, picture, size, status):
    address = reverse("admin:retrieval_image_thumbnail", args=[picture.pk, 320]).replace("320", str(size))
    assert boss.get(address).status_code == status
    client.force_login(UserFactory())
    assert client.get(address).status_code == 302


def test_embedding_again_begins_a_new_round(boss, picture):
    act(boss, "image", "embed_again", [picture])
    assert EmbeddingJob.objects.get().round == 2


def test_moving_needs_a_goal_and_leaves_a_trail(boss, picture):
    act(boss, "image", "move", [picture])
    goal = CollectionFactory(name="Goal")
    assert Image.objects.get().collection.name == "Holidays"
    act(boss, "image", "move", [picture], collection=str(goal.pk))
    assert Image.objects.get().collection == goal
    assert AuditEvent.objects.filter(action="image.moved").exists()


def test_deleting_hides_at_once(boss, picture):
    act(boss, "image", "delete_selected", [picture], post="yes")
    assert not Image.objects.alive().exists()
    assert AuditEvent.objects.filter(action="image.deleted").exists()


def test_deleting_a_collection_takes_its_pictures_along(boss, picture):
    act(boss, "collection", "delete_selected", [picture.collection], post="yes")
    assert Collection.objects.get().deleted_at is not None
    assert not Image.objects.alive().exists()


def test_an_export_has_no_formulas_and_is_noted(boss, picture):
    Image.objects.update(title="=1+1", caption="@SUM(A1)")
    answer = act(boss, "image", "export_csv", [picture])
    text = answer.content.decode()
    assert str(picture.pk) in text
    assert ",'=1+1,'@SUM(A1)," in text
    assert AuditEvent.objects.get(action="images.exported").detail["count"] == 1


def test_a_failed_job_is_tried_again(boss):
    row = job(ImageFactory(), EncoderFactory(), state=JobState.FAILED, error_code="x", error_text="y")
    overview = f"{row.image_id}:{row.encoder_id}"
    data = {"action": "try_again", "_selected_action": [overview]}
    boss.post(reverse("admin:retrieval_joboverview_changelist"), data)
    assert EmbeddingJob.objects.get().state == JobState.PENDING


def test_an_incomplete_encoder_is_not_activated_here_either(boss, picture):
    other = EncoderFactory(dimension=3, state="building")
    page = act(boss, "encoder", "activate", [other])
    assert "build it to the end first" in page.content.decode()
    assert Encoder.objects.active() != other


def test_it_speaks_the_readers_language_and_needs_no_migration_for_it(boss, picture):
    from django.core.management import call_command

    chinese = {"Accept-Language": "zh-Hans"}
    text = boss.get(reverse("admin:retrieval_image_changelist"), headers=chinese).content.decode()
    for word in ("图集", "格式", "放入者", "添加时间", "就绪"):
        assert word in text
    for word in ("Uploader", "Created at", "Ready"):
        assert word not in text
    assert "私有" in boss.get(reverse("admin:retrieval_collection_changelist"), headers=chinese).content.decode()
    front = boss.get(reverse("admin:index"), headers=chinese).content.decode()
    assert "数据库" in front
    assert "完成 1，失败 0" in front
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_pictures_are_found_by_a_tag(boss, picture):
    Image.objects.update(tags=["harbour", "boats at dusk"])
    for words, found in (("harbour", True), ("boats", True), ("forest", False)):
        text = boss.get(reverse("admin:retrieval_image_changelist"), {"q": words}).content.decode()
        assert (str(picture.pk) in text) == found, words
