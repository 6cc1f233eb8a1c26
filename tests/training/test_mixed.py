"""Half precision where it pays."""

from __future__ import annotations

import torch
from torch import nn

from retrieval.training.mixed import keep_depthwise_single
from tests.training import make


def precisions(network: nn.Module, images: torch.Tensor) -> dict[bool, set[torch.dtype]]:
    """What convolutions answer in under autocast, by whether they are depthwise."""
    found: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, maps: found[layer.groups > 1].add(maps.dtype))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        network(images)
    return found


def test_depthwise_convolutions_alone_stay_in_single_precision():
    images = torch.rand(2, 3, 32, 32)
    network = make.encoder().backbone
    assert precisions(network, images) == {True: {torch.bfloat16}, False: {torch.bfloat16}}
    keep_depthwise_single(network)
    assert precisions(network, images) == {True: {torch.float32}, False: {torch.bfloat16}}


def test_names_weights_and_single_precision_are_as_before():
    images = torch.rand(2, 3, 32, 32)
    encoder = make.encoder()
    before, names = encoder(images), list(encoder.state_dict())
    keep_depthwise_single(encoder)
    assert torch.equal(encoder(images), before)
    assert list(encoder.state_dict()) == names
