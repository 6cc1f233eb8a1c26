"""What is put beside the learned vector, by the formula written out slowly; and what does not fit is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.embedding import Encoder
from retrieval.errors import InvalidInput
from retrieval.training import finish, stem
from retrieval.training.config import FinishConfig
from tests.training import make

pytestmark = pytest.mark.usefixtures("converted_once")
CONFIG = FinishConfig(levels=(3,), quarters=(11,), weights=(0.5, 0.25), dimension=10, power=0.1)


@pytest.fixture(autouse=True)
def single(monkeypatch):
    """A narrow network of random weights passes on what half precision rounds."""
    monkeypatch.setattr(stem, "precisions", lambda: ["fp32"])


def parts(encoder, pixels):
    """The level, the quarters and the learned vector of uint8 pictures."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    wide = Encoder(replace(encoder.spec, levels=(3,), quarters=(11,), projection="identity", dimension=0))
    wide.backbone.load_state_dict(encoder.backbone.state_dict())
    with torch.inference_mode():
        pooled, learned = wide.features(x).numpy().astype(np.float64), encoder(x).numpy().astype(np.float64)
    return [pooled[:, :24], pooled[:, 24 : 24 + 4 * 96], learned]


def test_the_vector_is_the_whitening_of_the_scaled_parts():
    encoder, pixels = make.encoder(), make.pictures(40).pixels
    scaled = []
    for part, weight in zip(parts(encoder, pixels), (0.5, 0.25, 1), strict=True):
        centred = part - part.mean(axis=0)
        scaled.append(weight * centred / np.sqrt(np.mean([row @ row for row in centred])))
    joined = np.concatenate(scaled, axis=1)
    values, vectors = np.linalg.eigh(np.cov(joined, rowvar=False))
    expected = joined @ (vectors[:, ::-1][:, :10] * values[::-1][:10] ** -0.1)
    found = finish.joined(encoder, CONFIG, pictures=pixels)
    assert found.spec == replace(encoder.spec, levels=(3,), quarters=(11,), dimension=10)
    vectors = found.encode(list(pixels))
    np.testing.assert_allclose(
        vectors @ vectors.T, expected @ expected.T, atol=0.01 * np.abs(expected @ expected.T).max()
    )


def test_no_more_pictures_are_looked_at_than_the_config_says():
    encoder, pixels = make.encoder(), make.pictures(40).pixels
    some = finish.joined(encoder, replace(CONFIG, pictures=20), pictures=pixels)
    same = finish.joined(encoder, CONFIG, pictures=pixels[np.linspace(0, 39, 20).astype(int)])
    for name, value in some.state_dict().items():
        torch.testing.assert_close(value, same.state_dict()[name])


@pytest.mark.parametrize(
    ("field", "changes", "spec"),
    [
        ("finish.weights", {"weights": (0.5,)}, {}),
        ("encoder.projection", {}, {"projection": "identity", "dimension": 32}),
        ("levels", {"levels": (18,)}, {}),
        ("finish", {}, {"levels": [5]}),
    ],
)
def test_what_does_not_fit_is_named(field, changes, spec):
    with pytest.raises(InvalidInput) as refused:
        finish.require(make.encoder(**spec), replace(CONFIG, **changes))
    assert set(refused.value.fields) == {field}
