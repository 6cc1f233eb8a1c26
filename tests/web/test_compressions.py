"""Compression from a page: asked for, followed, stopped, adopted, removed, by staff only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval import conf
from retrieval.models import Compression, Encoder, LongJobState
from retrieval.services.encoders import compression, compressions
from retrieval.work import long_jobs
from tests import tables
from tests.factories import CollectionFactory, EncoderFactory, UserFactory


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    settings.IMAGESEARCH = replace(conf.get(), data_dir=tmp_path, weights_dir=tmp_path / "weights")
    monkeypatch.setattr(compression, "run", tables.canned)


@pytest.fixture
def boss(db):
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def admin(sees, boss):
    return sees(boss)


@pytest.fixture
def asked(boss):
    mine = CollectionFactory(owner=boss, name="Mine")
    tables.labelled(mine)
    EncoderFactory(name="whole", spec=tables.TINY.to_dict(), dimension=64)
    return {
        "encoder": "whole",
        "collection": mine.pk,
        "labels": "tags",
        "calibration": "",
        "int8": "on",
        "dimensions": "7, 4",
        "keep": "1",
        "steps": "10",
    }


@pytest.fixture
def done(admin, asked):
    """The address of one with its table."""
    admin.post("/compressions/", asked)
    row = Compression.objects.get()
    long_jobs.run(compressions.KIND, row.pk)
    return f"/compressions/{row.pk}/"


def text(answer):
    return answer.content.decode()


def test_from_form_to_table(admin, asked):
    assert "Tag some pictures" in text(admin.get("/compressions/"))
    page = text(admin.post("/compressions/", asked, follow=True))
    row = Compression.objects.get()
    assert "in line" in page
    assert f"/compressions/{row.pk}/now/" in page
    assert (row.dimensions, row.int8, row.keep, row.steps, row.calibration) == ([7, 4], True, 1.0, 10, None)
    Compression.objects.update(state=LongJobState.RUNNING, stage="measuring pca-4", done=3, total=9)
    assert 'hx-trigger="every 2s"' in text(admin.get("/compressions/now/"))
    assert "measuring pca-4 · 3 / 9" in text(admin.get(f"/compressions/{row.pk}/now/"))
    Compression.objects.update(state=LongJobState.QUEUED)
    long_jobs.run(compressions.KIND, row.pk)
    assert "hx-trigger" not in text(admin.get("/compressions/now/"))
    table = text(admin.get(f"/compressions/{row.pk}/"))
    assert "hx-trigger" not in table.split('id="job"')[1]
    for word in ("0.897", "-0.010", "3.2", "652", "the network in 8 bits", "torch-cpu", "1 pictures could not be read"):
        assert word in table
    assert table.count('class="adopt"') == 1  # only what is a network of its own
    assert 'value="whole-int8"' in table


def test_adopted_it_leads_to_the_encoders(admin, done):
    answer = admin.post(f"{done}adopt/", {"row": "int8", "name": "small"}, follow=True)
    assert answer.redirect_chain == [("/encoders/", 302)]
    assert "small is a draft encoder now" in text(answer)
    assert Encoder.objects.get(name="small").origin["row"] == "int8"
    assert "adopted as small" in text(admin.get(done))
    again = {"row": "int8", "name": "smaller"}
    refused = admin.post(f"{done}adopt/", again)
    assert refused.status_code == 400
    assert "An encoder was made of this row already" in text(refused) or "adopted already, as small" in text(refused)
    assert admin.post(f"{done}adopt/", {**again, "again": "on"}).status_code == 302


def test_what_speaks_against_a_row_stands_before_it_is_adopted(admin, done):
    before = text(admin.get(done))
    assert '<small class="badge warn">' not in before
    assert ">learned from these pictures<" in before
    row = Compression.objects.get()
    row.result["rows"][2] |= {"pictures_per_second": 40.0, "runtime": "torch-cpu"}
    row.result["rows"][0]["runtime"] = "openvino-bf16"
    row.save(update_fields=["result"])
    page = text(admin.get(done))
    assert "Slower than the first line, which does 652 pictures/s." in page.split('class="adopt"')[0]
    assert "Runs by another program than the first line (openvino-bf16)." in page.split('class="adopt"')[0]


@pytest.mark.parametrize(
    ("name", "said"), [("whole", "an encoder called whole already"), ("two words", "A name is 1 to 80 letters")]
)
def test_a_name_that_cannot_be_taken_is_told_beside_it(admin, done, name, said):
    answer = admin.post(f"{done}adopt/", {"row": "int8", "name": name})
    assert answer.status_code == 400
    assert said in text(answer).split('aria-invalid="true"')[1]
    assert f'value="{name}"' in text(answer)
    assert Encoder.objects.count() == 1


def test_stopped_then_removed(admin, asked):
    admin.post("/compressions/", asked)
    row = Compression.objects.get()
    assert "stops in a moment" in text(admin.post(f"/compressions/{row.pk}/cancel/", follow=True))
    assert "Stopped" in text(admin.get(f"/compressions/{row.pk}/"))
    assert "is gone" in text(admin.post(f"/compressions/{row.pk}/remove/", follow=True))
    assert not Compression.objects.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dimensions": "many"}, "numbers with commas"),
        ({"dimensions": "63"}, "need more than 63 pictures"),
        ({"keep": "0.5"}, "at least 16 pictures"),
        ({"steps": "0"}, "greater than or equal to 1"),
        ({"encoder": "nobody"}, "valid choice"),
    ],
)
def test_what_cannot_be_made_is_told_beside_its_field(admin, asked, change, said):
    answer = admin.post("/compressions/", {**asked, **change})
    assert answer.status_code == 400
    assert said in text(answer)
    assert not Compression.objects.exists()


def test_a_collection_without_labels_is_refused(admin, asked, boss):
    bare = CollectionFactory(owner=boss)
    answer = admin.post("/compressions/", {**asked, "collection": bare.pk, "dimensions": ""})
    assert "has a tag" in text(answer)


def test_one_that_failed_says_why(admin, done):
    Compression.objects.update(state=LongJobState.FAILED, error_text="A sentence.")
    assert "A sentence." in text(admin.get(done))
    assert "A sentence." in text(admin.get("/compressions/"))


def test_reachable_from_encoders_and_measuring(admin, asked):
    for address in ("/encoders/", "/evaluations/"):
        assert 'href="/compressions/"' in text(admin.get(address))


def test_only_staff(page, asked, done):
    for address in ("/compressions/", done):
        assert page.get(address).status_code == 403
    assert page.post("/compressions/", asked).status_code == 403
    assert page.post(f"{done}adopt/", {"row": "int8", "name": "mine"}).status_code == 403
