"""Layers without first weights: nothing is drawn for them, and read from a file they are what the file says."""

from __future__ import annotations

import pytest
import torch

from retrieval.embedding import Encoder, EncoderSpec, checkpoint
from retrieval.embedding.undrawn import Undrawn

SPECS = [
    EncoderSpec("mobilenet_v2", image_size=32, widths=(8,) * 17 + (32,), projection="linear", dimension=4),
    EncoderSpec("resnet18", image_size=32),
]


def test_only_what_is_drawn_is_left_out():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Undrawn():
        layers = torch.nn.Conv2d(3, 4, 3), torch.nn.Linear(4, 5), torch.nn.BatchNorm2d(6)
        torch.nn.init.kaiming_normal_(layers[0].weight)
        torch.nn.init.trunc_normal_(layers[1].weight)
    assert torch.equal(torch.get_rng_state(), before)
    assert layers[2].weight.tolist() == [1] * 6
    torch.nn.Linear(4, 5)
    assert not torch.equal(torch.get_rng_state(), before)


def test_what_is_not_drawn_is_zero_so_that_nobody_draws_again_without_end():
    """As ``trunc_normal_`` does while a number is out of its bounds."""
    weight = torch.nn.Parameter(torch.full((2, 3), 7.0))
    with Undrawn():
        torch.nn.init.uniform_(weight)
        assert weight.tolist() == torch.full((3,), 7.0).normal_().expand(2, 3).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.backbone)
def test_what_is_read_from_a_file_is_all_the_files(tmp_path, spec):
    made = Encoder(spec, seed=3)
    checkpoint.save(made, tmp_path / "weights.safetensors")
    for name, value in checkpoint.load(tmp_path / "weights.safetensors").state_dict().items():
        kept = made.state_dict()[name]
        assert torch.equal(value, kept.half().to(kept.dtype) if kept.ndim > 1 else kept), name
