"""A spec that cannot work is refused, and the field is named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from retrieval.embedding import EncoderSpec
from retrieval.embedding.backbones import REGISTRY, Normalisation, get
from retrieval.embedding.pooling import POOLINGS
from retrieval.embedding.projection import PROJECTIONS
from retrieval.embedding.spec import CHOICES
from retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    "spec",
    [
        EncoderSpec("resnet18"),
        EncoderSpec("vgg16", pooling="fc", projection="linear", dimension=512),
        EncoderSpec("resnet50", pooling="fc", projection="pca", dimension=256),
        EncoderSpec("resnet18", mean=(0, 0.5, 1), std=(1, 0.5, 255)),
        EncoderSpec("efficientnet_lite0", projection="linear", dimension=512, levels=(7, 11), quarters=(16,)),
        EncoderSpec("mobilenet_v2", "gem", "pca", 256, image_size=192, resize="aspect", widths=(*[8] * 17, 400)),
    ],
)
def test_json_and_back(spec):
    assert EncoderSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_spec_from_before_there_were_means_is_fed_as_it_was():
    old = {"backbone": "resnet18", "pooling": "avg", "projection": "identity", "dimension": 512, "image_size": 224,
           "resize": "fixed", "widths": [], "precision": "float"}  # fmt: skip
    assert EncoderSpec.from_dict(old) == EncoderSpec("resnet18")
    assert EncoderSpec.from_dict(old).normalisation == get("resnet18").normalisation


def test_a_fully_connected_end_has_no_levels(monkeypatch):
    monkeypatch.setitem(REGISTRY, "resnet18", replace(get("resnet18"), stage_channels=(64,) * 8))
    with pytest.raises(InvalidInput, match="the end of the network alone"):
        EncoderSpec("resnet18", pooling="fc", levels=(1,))


def test_own_means_go_over_the_backbones():
    assert EncoderSpec("resnet18", mean=(0.1, 0.2, 0.3), std=(1, 2, 3)).normalisation == Normalisation(
        mean=(0.1, 0.2, 0.3), std=(1, 2, 3)
    )


def test_dimension_is_the_pooled_one_when_left_out():
    assert EncoderSpec("resnet50").dimension == 2048
    assert EncoderSpec("mobilenet_v2", widths=(*[8] * 17, 40)).dimension == 40
    assert EncoderSpec("resnet18", pooling="fc").dimension == 1000
    assert EncoderSpec("efficientnet_lite0", levels=(4, 11)).dimension == 40 + 112 + 1280
    narrow = EncoderSpec("mobilenet_v2", widths=(*[8] * 17, 40), levels=(7,), quarters=(3, 7))
    assert narrow.part_channels == (4 * 24, 64, 4 * 64, 40)
    assert narrow.dimension == 96 + 64 + 256 + 40


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("backbone", {}),
        ("backbone", {"backbone": "alexnet9"}),
        ("backbone", {"backbone": 3}),
        ("pooling", {"pooling": "median"}),
        ("pooling", {"pooling": ["avg"]}),
        ("pooling", {"backbone": "mobilenet_v2", "pooling": "fc"}),
        ("projection", {"projection": "umap"}),
        ("resize", {"resize": "crop"}),
        ("dimension", {"dimension": 513, "projection": "linear"}),
        ("dimension", {"dimension": 100}),
        ("dimension", {"dimension": "512"}),
        ("dimension", {"dimension": -1, "projection": "linear"}),
        ("dimension", {"backbone": "vgg16", "pooling": "fc"}),
        ("image_size", {"image_size": 16}),
        ("image_size", {"image_size": 4096}),
        ("image_size", {"image_size": True}),
        ("widths", {"widths": [8] * 18}),
        ("widths", {"backbone": "mobilenet_v2", "widths": [8] * 17}),
        ("widths", {"backbone": "mobilenet_v2", "widths": [8] * 17 + [0]}),
        ("widths", {"backbone": "mobilenet_v2", "widths": "8" * 18}),
        ("widths", {"backbone": "mobilenet_v2", "widths": 8}),
        ("colour", {"colour": 1}),
        ("levels", {"levels": [3]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": [0]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": [18]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": [7, 3]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": [3, 3]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": ["3"]}),
        ("levels", {"backbone": "mobilenet_v2", "levels": 3}),
        ("quarters", {"quarters": [3]}),
        ("quarters", {"backbone": "mobilenet_v2", "quarters": [18]}),
        ("std", {"mean": [0.5, 0.5, 0.5]}),
        ("mean", {"std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5], "std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5, "0.5"], "std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5, True], "std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5, float("nan")], "std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5, 256], "std": [0.5, 0.5, 0.5]}),
        ("mean", {"mean": [0.5, 0.5, 10**400], "std": [0.5, 0.5, 0.5]}),
        ("std", {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0]}),
        ("std", {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, -1]}),
        ("std", {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, float("inf")]}),
        ("std", {"mean": [0.5, 0.5, 0.5], "std": 0.5}),
    ],
)
def test_unfit_fields_are_named(field, data):
    whole = data if field == "backbone" else {"backbone": "resnet18", **data}
    with pytest.raises(InvalidInput) as refused:
        EncoderSpec.from_dict(whole)
    assert set(refused.value.fields) == {field}


def test_the_names_of_poolings_and_projections_are_those_that_there_are():
    assert list(CHOICES["pooling"]) == list(POOLINGS)
    assert list(CHOICES["projection"]) == list(PROJECTIONS)
