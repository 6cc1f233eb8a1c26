"""A spec that cannot work is refused, and the field is named."""

from __future__ import annotations

import json

import pytest

from retrieval.embedding import EncoderSpec
from retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    "spec",
    [
        EncoderSpec("resnet18"),
        EncoderSpec("vgg16", pooling="fc", projection="linear", dimension=512),
        EncoderSpec("mobilenet_v2", "gem", "pca", 256, image_size=192, resize="aspect", widths=(*[8] * 17, 400)),
    ],
)
def test_json_and_back(spec):
    assert EncoderSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_dimension_is_the_pooled_one_when_left_out():
    assert EncoderSpec("resnet50").dimension == 2048
    assert EncoderSpec("mobilenet_v2", widths=(*[8] * 17, 40)).dimension == 40


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("backbone", {}),
        ("backbone", {"backbone": "alexnet9"}),
        ("backbone", {"backbone": 3}),
        ("pooling", {"pooling": "median"}),
        ("pooling", {"pooling": ["avg"]}),
        ("pooling", {"pooling": "fc"}),
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
        ("mean", {"mean": [0.5, 0.5, 0.5]}),
    ],
)
def test_unfit_fields_are_named(field, data):
    whole = data if field == "backbone" else {"backbone": "resnet18", **data}
    with pytest.raises(InvalidInput) as refused:
        EncoderSpec.from_dict(whole)
    assert set(refused.value.fields) == {field}
