"""Weights come back as they were written, and nothing else is ever accepted."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.embedding import Encoder, EncoderSpec, checkpoint, fit_pca_whitening, header
from retrieval.errors import WeightsError

WIDTHS = (*[8] * 17, 16)


@pytest.fixture
def trained(tiny):
    """A tiny encoder whose numbers differ from fresh ones and fit into half precision."""
    draw = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for value in tiny.parameters():
            value.copy_((value + torch.randn(value.shape, generator=draw) * 0.1).half())
    return tiny


def test_round_trip_with_spec_digest_and_half_the_size(trained, pictures, tmp_path):
    path = tmp_path / "own.safetensors"
    digest = checkpoint.save(trained, path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = checkpoint.load(path, sha256=digest)
    assert loaded.spec == header.read_spec(path) == trained.spec
    np.testing.assert_array_equal(loaded.encode(pictures), trained.encode(pictures))
    numbers = sum(value.numel() for value in trained.state_dict().values() if value.ndim > 1)
    assert path.stat().st_size < 2 * numbers + 61_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.safetensors"]


def test_variances_beyond_half_precision_survive(tiny, tmp_path):
    tiny.backbone.features[0][1].running_var.fill_(1e6)
    checkpoint.save(tiny, tmp_path / "own.safetensors")
    assert checkpoint.load(tmp_path / "own.safetensors").backbone.features[0][1].running_var[0] == 1e6


def test_fitted_whitening_travels_along(tmp_path, pictures):
    spec = EncoderSpec("mobilenet_v2", projection="pca", dimension=3, image_size=64, widths=WIDTHS)
    encoder = Encoder(spec)
    pooled = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    encoder.projection.set(fit_pca_whitening(pooled, dimension=3))
    checkpoint.save(encoder, tmp_path / "own.safetensors")
    found = checkpoint.load(tmp_path / "own.safetensors").encode(pictures)
    np.testing.assert_allclose(found, encoder.encode(pictures), atol=2e-2)


def folded(trained):
    """As some files are: half precision, BatchNorm's scale inside the convolutions, its statistics the identity."""
    state = dict(trained.backbone.state_dict())
    for name, value in state.items():
        if name.endswith("running_mean"):
            state[name] = torch.zeros_like(value)
        elif name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
            state[name] = torch.ones_like(value)
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_plain_state_dict_with_folded_norms_and_a_classifier(trained, pictures, tmp_path, suffix):
    path, state = tmp_path / f"plain{suffix}", folded(trained)
    whole = {**state, "classifier.1.weight": torch.zeros(10, 16), "classifier.1.bias": torch.zeros(10)}
    (torch.save if suffix == ".pth" else save_file)(whole, path)
    trained.backbone.load_state_dict(state)
    found = checkpoint.load(path, spec=trained.spec)
    assert found.backbone.features[0][0].weight.dtype == torch.float32
    np.testing.assert_array_equal(found.encode(pictures), trained.encode(pictures))
    assert suffix == ".pth" or header.read_spec(path) is None


def test_plain_state_dict_needs_a_spec(trained, tmp_path):
    torch.save(folded(trained), tmp_path / "plain.pth")
    with pytest.raises(WeightsError, match="give its spec"):
        checkpoint.load(tmp_path / "plain.pth")


def test_one_flipped_bit_is_refused_before_anything_is_parsed(trained, tmp_path, monkeypatch):
    path = tmp_path / "own.safetensors"
    digest = checkpoint.save(trained, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(checkpoint, "_parse", lambda *_: pytest.fail("parsed"))
    with pytest.raises(WeightsError, match="was altered"):
        checkpoint.load(path, sha256=digest)


def test_without_the_digest_one_flipped_bit_gives_other_vectors(trained, tmp_path):
    path = tmp_path / "own.safetensors"
    checkpoint.save(trained, path)
    data, good = bytearray(path.read_bytes()), checkpoint.load(path)
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    altered = checkpoint.load(path)
    pairs = zip(good.state_dict().values(), altered.state_dict().values(), strict=True)
    assert not all(bool((one == other).all()) for one, other in pairs)


class Bomb:
    def __reduce__(self):
        return (print, ("boom",))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pth", pickle.dumps(Bomb(), protocol=2)),
        ("a.pth", b""),
        ("a.pth", b"not weights"),
        ("a.safetensors", b""),
        ("a.safetensors", b"not weights at all"),
        ("a.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
    ],
)
def test_other_files_are_refused_and_nothing_in_them_runs(tmp_path, capsys, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name} is not a weights file"):
        checkpoint.load(tmp_path / name, spec=EncoderSpec("resnet18"))
    assert "boom" not in capsys.readouterr().out


def test_truncated_and_missing_files_are_refused(trained, tmp_path):
    path = tmp_path / "own.safetensors"
    checkpoint.save(trained, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="not a weights file"):
        checkpoint.load(path)
    with pytest.raises(WeightsError, match="cannot be read"):
        checkpoint.load(tmp_path / "none.safetensors")


def test_a_list_of_tensors_is_no_state_dict(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="state dict"):
        checkpoint.load(tmp_path / "list.pth", spec=EncoderSpec("resnet18"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("backbone.features.0.0.weight"), "lacks backbone.features.0.0.weight"),
        (lambda state: state.update({"extra": torch.zeros(1)}), "holds unknown extra"),
        (lambda state: state.update({"backbone.features.0.0.weight": torch.zeros(1)}), "has other shapes for"),
        (
            lambda state: state.update({"backbone.features.0.0.weight": torch.zeros(8, 3, 3, 3, dtype=torch.int8)}),
            "has another kind of numbers for",
        ),
        (lambda state: state["backbone.features.0.0.weight"].fill_(torch.nan), "not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tiny, tmp_path, change, complaint):
    state = dict(tiny.state_dict())
    change(state)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=complaint):
        checkpoint.load(tmp_path / "odd.safetensors", spec=tiny.spec)


def test_weights_of_another_network_are_refused_in_one_line(tiny, tmp_path):
    save_file(tiny.backbone.state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"does not fit resnet18: it lacks .* and \d+ more"):
        checkpoint.load(tmp_path / "other.safetensors", spec=EncoderSpec("resnet18"))


def test_a_spec_that_is_not_valid_any_more_is_refused(tiny, tmp_path):
    save_file(dict(tiny.state_dict()), tmp_path / "old.safetensors", metadata={header.SPEC_KEY: '{"backbone": 1}'})
    with pytest.raises(WeightsError, match=r"old\.safetensors is not a weights file"):
        checkpoint.load(tmp_path / "old.safetensors")
