"""The two networks against each other: who learns from which loss, the exported body, samples and inversion."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from retrieval.errors import InvalidInput
from retrieval.training.gan import GAN, GANOptions, invert, neighbours, samples
from retrieval.training.generator import Generator
from retrieval.training.recipe import Batch
from tests.training import make


def gan() -> GAN:
    torch.manual_seed(0)
    return GAN(make.encoder(), GANOptions(latent=8, width=8, side=32))


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    nothing = torch.zeros(4, dtype=torch.long)
    return Batch((torch.rand(4, 3, 32, 32, generator=generator),), nothing, nothing, generator)


def gradients(model: nn.Module) -> float:
    return sum(p.grad.abs().sum().item() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("part", "learns", "rests"), [("generator", "generator", "encoder"), ("discriminator", "encoder", "generator")]
)
def test_each_loss_reaches_only_its_own_network(part, learns, rests):
    model = gan().train()
    model.step(batch())[part].backward()
    assert gradients(model.get_submodule(learns)) > 0
    assert gradients(model.get_submodule(rests)) == 0


def test_every_weight_of_the_discriminator_has_spectral_norm_one():
    model = gan().train()
    for _ in range(30):  # the power iteration goes one step with each pass
        model.step(batch())
    layers = [layer for layer in [*model.encoder.modules(), model.score] if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


def test_the_exported_body_is_a_plain_encoder_with_the_same_vectors():
    model = gan().eval()
    plain = model.exported()
    assert plain.state_dict().keys() == make.encoder().state_dict().keys()
    images = batch().views[0]
    torch.testing.assert_close(plain(images), model.encoder(images))


def test_samples_follow_their_seed():
    model = gan()
    first = samples(model, 3, seed=1)
    assert first.shape == (3, 3, 32, 32)
    assert torch.equal(first, samples(model, 3, seed=1))
    assert not torch.equal(first, samples(model, 3, seed=2))


def test_inversion_draws_the_picture_better_than_the_best_start():
    model = gan().eval()
    model.generator.layers[-2].weight.data.mul_(100)  # untrained, it would draw everything in about one grey
    wanted = samples(model, 1, seed=5)
    errors = [
        (model.generator(invert(model, wanted, steps=steps)) - wanted).square().mean().item() for steps in (1, 60)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_neighbours_differ_by_their_spread():
    model = gan().eval()
    latent = model.draw(1, generator=torch.Generator().manual_seed(0))
    drawn = model.generator(latent).detach()
    near, far = (neighbours(model, latent, count=8, spread=spread, seed=1) for spread in (0.1, 1.0))
    assert (near - drawn).square().mean() < (far - drawn).square().mean()


def test_impossible_wishes_are_refused():
    with pytest.raises(InvalidInput, match="side"):
        Generator(4, side=30)
    with pytest.raises(InvalidInput, match="steps"):
        invert(gan(), torch.rand(1, 3, 32, 32), steps=0)
