"""Pruning: what stays, what it may cost, and that removed channels are made up for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from retrieval.embedding import Encoder, EncoderSpec
from retrieval.errors import InvalidInput
from retrieval.training.pruning import Moments, blocks, prune
from tests.training import make

SEEN = [torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(n)) for n in range(2)]


def wide() -> Encoder:
    return make.encoder(widths=[8, *[32] * 16, 32])


def test_moments_are_mean_and_covariance():
    moments = Moments(3)
    parts = [torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    for part in parts:
        moments.add(part)
    rows = torch.cat(parts).permute(1, 0, 2, 3).reshape(3, -1).double()
    torch.testing.assert_close(moments.mean, rows.mean(dim=1))
    torch.testing.assert_close(moments.covariance, torch.cov(rows, correction=0))


def test_keeping_all_changes_nothing():
    encoder = wide()
    narrow = prune(encoder, keep=1.0, pictures=SEEN)
    torch.testing.assert_close(narrow(SEEN[0]), encoder(SEEN[0]), atol=1e-3, rtol=1e-2)


def test_what_earlier_maps_give_stays_beside_the_last():
    encoder = Encoder(replace(wide().spec, levels=(3,), quarters=(11,)))
    narrow = prune(encoder, keep=1.0, pictures=SEEN)
    assert narrow.spec.widths == encoder.spec.widths
    torch.testing.assert_close(narrow(SEEN[0]), encoder(SEEN[0]), atol=1e-3, rtol=1e-2)


def test_widths_shrink_and_the_result_is_nearer_than_without_making_up():
    encoder = wide()
    narrow = prune(encoder, keep=0.5, pictures=SEEN)
    assert narrow.spec.widths == (8, *[16] * 16, 32)
    assert narrow.spec.dimension == 4
    wanted = encoder(SEEN[0])
    plain = prune(encoder, keep=0.5, pictures=SEEN)
    for old, new in zip(blocks(encoder), blocks(plain), strict=True):
        new.project_norm.load_state_dict(old.project_norm.state_dict())
    error, without = ((net(SEEN[0]) - wanted).square().mean().item() for net in (narrow, plain))
    assert error < without


def test_a_dead_channel_goes_first_and_at_no_cost():
    encoder = wide()
    for block in blocks(encoder):
        block.depthwise_norm.weight.data[:16] = 0
        block.depthwise_norm.bias.data[:16] = 0.5  # constant, but not nothing
    narrow = prune(encoder, keep=0.5, pictures=SEEN)
    torch.testing.assert_close(narrow(SEEN[0]), encoder(SEEN[0]), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_an_impossible_share_is_refused(keep):
    with pytest.raises(InvalidInput, match="keep"):
        prune(wide(), keep=keep, pictures=SEEN)


def test_other_backbones_are_refused():
    with pytest.raises(InvalidInput, match="mobilenet_v2"):
        prune(Encoder(EncoderSpec("resnet18")), keep=0.5, pictures=SEEN)
