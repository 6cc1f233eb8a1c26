"""The two networks against each other: who learns from which loss, and what a run keeps of both."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from torch import nn

from retrieval.errors import InvalidInput
from retrieval.training import Places, generator, run
from retrieval.training.gan import GAN, GANOptions
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
    with torch.no_grad():
        for _ in range(30):  # the power iteration goes one step with each pass
            model.judge(batch().views[0])
    layers = [layer for layer in [*model.encoder.modules(), model.score] if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


def test_the_exported_body_is_a_plain_encoder_with_the_same_vectors():
    model = gan().eval()
    plain = model.exported()
    assert plain.state_dict().keys() == make.encoder().state_dict().keys()
    images = batch().views[0]
    torch.testing.assert_close(plain(images), model.encoder(images))


def test_a_run_keeps_the_averaged_generator_beside_the_encoder(tmp_path):
    options = {"latent": 8, "width": 8, "side": 32}
    config = make.config("gan", options=options, optimiser={"steps": 3, "lr": 1e-2, "ema": 0.5})
    result = run(config, places=Places(make.pictures(), tmp_path.joinpath, tmp_path))
    assert result.record.files == {"tiny-generator.safetensors": sha256(tmp_path / "tiny-generator.safetensors")}
    assert json.loads((tmp_path / "tiny.json").read_text())["files"] == result.record.files
    average = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["average"]
    kept = generator.load(tmp_path / "tiny-generator.safetensors").state_dict()
    torch.testing.assert_close(kept["first.weight"], average["generator.first.weight"], rtol=1e-3, atol=1e-4)


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_impossible_side_is_refused():
    with pytest.raises(InvalidInput, match="side"):
        Generator(4, side=30)
