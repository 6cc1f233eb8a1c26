"""Pictures of training: what a config's augmentation does to a collection's, and what a finished GAN draws."""

from __future__ import annotations

import io
import shutil
import tomllib
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from rest_framework.test import APIClient

from retrieval.embedding import resized
from retrieval.ingest import sandbox, store
from retrieval.models import LongJobState, TrainingRun
from retrieval.services.encoders import sheets
from retrieval.services.encoders.training import KIND
from retrieval.services.images import images
from retrieval.training import Places, drawing, run
from retrieval.training.generator import Generator
from retrieval.web.forms.training import EXAMPLE
from tests.factories import CollectionFactory, EncoderFactory, ImageFactory, UserFactory
from tests.training import make

pytestmark = pytest.mark.django_db

CONFIG = tomllib.loads(EXAMPLE)
OPTIONS = {"gan": {"latent": 8, "width": 8, "side": 32}, "autoencoder": {"width": 8, "side": 32}}


@pytest.fixture(autouse=True)
def folders(tmp_path, settings):
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, data_dir=tmp_path)


@pytest.fixture
def admin():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.fixture
def collection(admin):
    """Three pictures, each in one colour."""
    row = CollectionFactory(owner=admin)
    for number, colour in enumerate(("red", "green", "blue")):
        out = io.BytesIO()
        Picture.new("RGB", (64, 48), colour).save(out, "PNG")
        upload = images.Upload(io.BytesIO(out.getvalue()), f"{number}.png")
        images.add(upload, user=admin, collection=row)
    return row


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train by each recipe once; the folder that its run left."""

    @cache
    def folder_of(recipe):
        folder = tmp_path_factory.mktemp(recipe)
        config = make.config(recipe, options=OPTIONS[recipe], optimiser={"steps": 1, "lr": 1e-3})
        run(config, places=Places(make.pictures(), folder.joinpath, folder))
        return folder

    return folder_of


@pytest.fixture
def gan(admin, collection, trained):
    """A finished run of a tiny GAN."""
    return ran(admin, collection, "gan", trained=trained)


def ran(admin, collection, recipe, *, trained):
    row = TrainingRun.objects.create(
        user=admin, name="artist", recipe=recipe, collection=collection, config={}, steps=1,
        state=LongJobState.DONE, encoder=EncoderFactory(),
    )  # fmt: skip
    shutil.copytree(trained(recipe), KIND.folder_of(row))
    return row


@pytest.fixture
def calls():
    """Make a client of the API."""

    def make(person):
        client = APIClient()
        client.force_authenticate(person)
        return client

    return make


def pixels(answer):
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "image/png"
    return np.asarray(Picture.open(io.BytesIO(answer.content)))


def test_each_picture_stands_before_its_views(calls, sees, admin, collection):
    body = {"collection": str(collection.pk), "config": CONFIG}
    found = pixels(calls(admin).post("/api/v1/training/views/", body, format="json"))
    height, width = 160 + 2, 8 * (160 + 2)  # the first steps of the example see 160 x 160
    assert found.shape == (3 * height, width, 3)
    for row, colour in enumerate([(255, 0, 0), (0, 128, 0), (0, 0, 255)]):
        np.testing.assert_allclose(found[row * height + 80, 80], colour, atol=2)
        assert np.ptp(found[row * height + 80, 80::162].astype(int), axis=0).max() > 5  # brightness differs
    form = {"collection": collection.pk, "by": "tags", "config": EXAMPLE}
    np.testing.assert_array_equal(pixels(sees(admin).post("/training/views/", form)), found)


def test_a_wrong_config_is_told_beside_its_field(calls, sees, admin, collection):
    wrong = {**CONFIG, "augment": {"smallest_crop": 7}}
    answer = calls(admin).post(
        "/api/v1/training/views/", {"collection": str(collection.pk), "config": wrong}, format="json"
    )
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["config.augment.smallest_crop"])
    form = {"collection": collection.pk, "by": "tags", "config": EXAMPLE.replace("0.6", "7")}
    page = sees(admin).post("/training/views/", form)
    assert page.status_code == 400
    assert "augment.smallest_crop" in page.content.decode()


def test_an_empty_collection_has_nothing_to_show(calls, admin):
    body = {"collection": str(CollectionFactory(owner=admin).pk), "config": CONFIG}
    answer = calls(admin).post("/api/v1/training/views/", body, format="json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["config.collection"])


def test_a_finished_gan_draws_on_its_page_and_in_the_api(calls, sees, admin, gan):
    artist = drawing.load(KIND.folder_of(gan))
    found = pixels(calls(admin).get(f"/api/v1/training/{gan.pk}/drawn/?count=2&seed=5"))
    np.testing.assert_array_equal(found, drawing.sheet([drawing.samples(artist, 2, seed=5)]))
    page = sees(admin).get(f"/training/{gan.pk}/").content.decode()
    assert page.count("data-search-with") == 12
    assert f"/training/{gan.pk}/drawn/11/" in page
    one = pixels(sees(admin).get(f"/training/{gan.pk}/drawn/11/"))
    np.testing.assert_array_equal(one, drawing.sheet([drawing.samples(artist, 1, seed=11)]))


def test_a_gan_draws_like_a_picture(calls, sees, gan, collection, monkeypatch):
    monkeypatch.setattr(sheets, "STEPS", 3)
    image = collection.images.order_by("pk").first()
    found = pixels(calls(gan.user).get(f"/api/v1/training/{gan.pk}/drawn/?like={image.pk}&count=2"))
    like = drawing.Near(2, sheets.SPREAD, drawing.Inversion(3))
    artist, picture = drawing.load(KIND.folder_of(gan)), sandbox.pixels(store.original(image.sha256))
    row = drawing.near(artist, picture, like=like)
    assert row.shape == (4, 3, 32, 32)
    np.testing.assert_array_equal(found, drawing.sheet([row]))
    page = sees(gan.user).get(f"/training/{gan.pk}/").content.decode()
    assert page.count("/drawn/like/") == sheets.SOUGHT
    assert pixels(sees(gan.user).get(f"/training/{gan.pk}/drawn/like/{image.pk}/")).shape == (66, 8 * 66, 3)


@pytest.fixture
def autoencoder(admin, collection, trained):
    """A finished run of a tiny autoencoder."""
    return ran(admin, collection, "autoencoder", trained=trained)


def test_an_autoencoder_redraws_pictures_on_its_page_and_in_the_api(calls, sees, autoencoder, collection):
    admin, image = collection.owner, collection.images.order_by("pk").first()
    found = pixels(calls(admin).get(f"/api/v1/training/{autoencoder.pk}/drawn/?like={image.pk}"))
    artist = drawing.load(KIND.folder_of(autoencoder), recipe="autoencoder")
    picture = resized(sandbox.pixels(store.original(image.sha256)), (artist.encoder.spec.image_size,) * 2)
    with torch.no_grad():
        literal = artist.generator(artist.encoder(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255))
    np.testing.assert_array_equal(found[:, 66:], drawing.sheet([literal]))
    page = sees(admin).get(f"/training/{autoencoder.pk}/").content.decode()
    assert page.count("/drawn/like/") == 3
    assert "data-search-with" not in page  # it draws nothing of its own
    refused = calls(admin).get(f"/api/v1/training/{autoencoder.pk}/drawn/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "draws_nothing")


def test_another_person_s_picture_is_drawn_like_by_nobody(calls, admin, gan):
    hidden = ImageFactory()
    assert calls(admin).get(f"/api/v1/training/{gan.pk}/drawn/?like={hidden.pk}").status_code == 404


@pytest.mark.parametrize("lost", ["file", "size"])
def test_an_autoencoder_whose_decoder_does_not_fit_redraws_nothing(calls, autoencoder, collection, lost, monkeypatch):
    if lost == "file":
        next(KIND.folder_of(autoencoder).glob("*-generator.safetensors")).unlink()
    else:
        other = SimpleNamespace(generator=Generator(9, side=32), encoder=make.encoder())
        monkeypatch.setattr(drawing, "load", lambda *_, **__: other)
    image = collection.images.first()
    answer = calls(collection.owner).get(f"/api/v1/training/{autoencoder.pk}/drawn/?like={image.pk}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "draws_nothing")


def test_what_is_no_finished_gan_draws_nothing(calls, sees, admin, gan):
    TrainingRun.objects.update(recipe="arcface")
    answer = calls(admin).get(f"/api/v1/training/{gan.pk}/drawn/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "draws_nothing")
    assert "data-search-with" not in sees(admin).get(f"/training/{gan.pk}/").content.decode()


@pytest.mark.parametrize("query", ["count=0", "count=17", "seed=-1", "seed=9223372036854775808", "side=3"])
def test_bounds(calls, admin, gan, query):
    assert calls(admin).get(f"/api/v1/training/{gan.pk}/drawn/?{query}").status_code == 400
