"""Odd but legal pictures with the real network: each has a finite vector, and finds itself first by its own file."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image as Pillow

from retrieval import conf, live_encoders
from retrieval.ingest import decode as decoder
from retrieval.ingest.decode import decode
from retrieval.ingest.picture import DecodeRequest
from retrieval.models import Embedding
from retrieval.services.encoders import weights
from retrieval.services.images import images
from retrieval.services.searching import search
from retrieval.services.searching.search import SearchRequest
from retrieval.work import jobs
from tests.factories import CollectionFactory
from tests.ingest.pictures import encoded, scene

pytestmark = pytest.mark.django_db


def turned(picture):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return encoded(picture, "JPEG", exif=exif)


def deep(picture):
    return encoded(Pillow.fromarray(np.asarray(picture.convert("L"), dtype=np.uint16) << 8), "PNG")


ODD = {
    "black": encoded(Pillow.new("RGB", (30, 20))),
    "white": encoded(Pillow.new("RGB", (30, 20), "white")),
    "1x1": encoded(Pillow.new("RGB", (1, 1), (200, 30, 40))),
    "1x10000": encoded(scene(1, 10_000, seed=3)),
    "10000x1": encoded(scene(10_000, 1, seed=4)),
    "CMYK": encoded(scene(90, 60, seed=5).convert("CMYK"), "JPEG"),
    "16 bit": deep(scene(90, 60, seed=6)),
    "another of 16 bit": deep(scene(90, 60, seed=16)),
    "palette": encoded(scene(90, 60, seed=7).quantize(16)),
    "grey and alpha": encoded(scene(90, 60, seed=8).convert("LA")),
    "one bit": encoded(scene(90, 60, seed=9).convert("1")),
    "turned by EXIF": turned(scene(90, 60, seed=10)),
}


@pytest.fixture
def collection(settings, tmp_path, monkeypatch):
    """The odd pictures, ready, in somebody's collection beside ordinary ones."""
    settings.IMAGESEARCH = dataclasses.replace(conf.get(), data_dir=tmp_path)
    monkeypatch.setattr(
        live_encoders, "load", live_encoders.plain
    )  # to prepare the quickest runtime takes longer than all this
    weights.first_encoder()
    collection = CollectionFactory()
    files = ODD | {f"ordinary {seed}": encoded(scene(90, 60, seed=seed)) for seed in range(20, 28)}
    for name, data in files.items():
        images.add(images.Upload(io.BytesIO(data), f"{name}.jpg"), user=collection.owner, collection=collection)
    jobs.embed()
    return collection


@pytest.mark.long
def test_each_has_a_finite_vector_and_finds_itself_first(collection, figure):
    rows = {row.image.title: row for row in Embedding.objects.select_related("image")}
    assert set(ODD) < set(rows)
    for name, data in ODD.items():
        assert np.isfinite([*rows[name].vector, rows[name].length]).all()
        first = search.run(SearchRequest(file=data, k=1), user=collection.owner).hits[0]
        assert (name, first.image.title) == (name, name)
        assert first.score > 0.999
    figure(f"{len(ODD)} odd pictures among {len(rows)}: each finds itself at rank 1")


def test_without_the_care_for_deep_colours_two_pictures_become_one(monkeypatch):
    monkeypatch.setattr(decoder, "to_rgb", lambda raster, shrink: shrink(raster.image.convert("RGB")))
    wanted = DecodeRequest(working_side=512)
    pixels = [decode(ODD[name], wanted).pixels for name in ("16 bit", "another of 16 bit", "white")]
    assert np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(decode(ODD["palette"], wanted).pixels, pixels[0])
