"""torchvision must import beside a torch its compiled operators were not built for."""

from __future__ import annotations

import subprocess
import sys

import torch

from retrieval.embedding import vision


def test_operators_exist_one_way_or_the_other():
    assert vision.models().get_model("resnet18", weights=None) is not None
    assert torch.ops.torchvision.nms is not None


def test_torchvision_is_loaded_for_its_own_networks_only():
    program = (
        "import sys; from retrieval.embedding import Encoder, EncoderSpec;"
        "[Encoder(EncoderSpec(name, image_size=64)) for name in ('mobilenet_v2', 'efficientnet_lite0')];"
        "print('torchvision' in sys.modules, 'torch._dynamo' in sys.modules);"
        "Encoder(EncoderSpec('resnet18', image_size=64)); print('torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


def test_missing_library_is_not_an_error(monkeypatch):
    declared = []

    class Library:
        def __init__(self, *names):
            declared.append(names)

        def define(self, schema):
            declared.append(schema)

    monkeypatch.setattr(vision, "_compiled_operators", lambda: None)
    monkeypatch.setattr(torch.library, "Library", Library)
    assert isinstance(vision._define_missing_operators(), Library)
    assert [str(entry).split("(")[0] for entry in declared[1:]] == ["nms", "qnms"]
