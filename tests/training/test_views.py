"""Vectors of pictures in several views: the plain mean, and nothing computed twice whatever happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.embedding import Encoder
from retrieval.training import stem, views
from retrieval.training.views import View, Watcher, views_of
from tests.training import make

VIEWS = [View(32), View(32, mirrored=True), View(64)]


@pytest.fixture
def computed(monkeypatch):
    """Pictures a file: 8 of the 24. Every computation is noted, as its number of pictures and its view."""
    monkeypatch.setattr(views, "Stem", make.TorchStem)
    monkeypatch.setattr(views, "CHUNK", 8)
    noted, compute = [], Watcher._computed

    def note(self, pixels, view):
        noted.append((len(pixels), view))
        return compute(self, pixels, view)

    monkeypatch.setattr(Watcher, "_computed", note)
    return noted


def test_the_mean_is_that_of_the_networks_own_vectors(tmp_path, monkeypatch):
    """In single precision: a narrow network of random weights passes on what half precision rounds."""
    monkeypatch.setattr(stem, "precisions", lambda: ["fp32"])
    encoder, pictures = make.encoder(), make.pictures()
    pixels = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float() / 255
    larger = torch.nn.functional.interpolate(pixels, size=(64, 64), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = (encoder.features(pixels) + encoder.features(pixels.flip(3)) + encoder.features(larger)) / 3
    found = Watcher(encoder, folder=tmp_path).mean(pictures.pixels, VIEWS)
    assert torch.cosine_similarity(torch.from_numpy(found), expected).min() > 0.9999


def test_sizes_plain_and_mirrored():
    assert views_of([32], mirrored=True) == VIEWS[:2]
    assert views_of([32, 64], mirrored=False) == [VIEWS[0], VIEWS[2]]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, computed, monkeypatch):
    pictures, whole = make.pictures(), Watcher(make.encoder()).mean(make.pictures().pixels, VIEWS)
    computed.clear()
    compute = Watcher._computed

    def until_the_fifth(self, pixels, view):
        if len(computed) == 4:
            raise KeyboardInterrupt
        return compute(self, pixels, view)

    with monkeypatch.context() as during:
        during.setattr(Watcher, "_computed", until_the_fifth)
        with pytest.raises(KeyboardInterrupt):
            Watcher(make.encoder(), folder=tmp_path).mean(pictures.pixels, VIEWS)
    found = Watcher(make.encoder(), folder=tmp_path).mean(pictures.pixels, VIEWS)
    assert computed == [(8, view) for view in VIEWS for _ in range(3)]
    np.testing.assert_allclose(found, whole, rtol=1e-6)


def test_a_file_half_written_is_not_taken(tmp_path, computed, monkeypatch):
    pictures, view = make.pictures(8), VIEWS[:1]
    expected = Watcher(make.encoder()).mean(pictures.pixels, view)
    with monkeypatch.context() as during:
        during.setattr(np, "save", lambda file, _: file.write(b"\x93NUMPY") and _stop())
        with pytest.raises(KeyboardInterrupt):
            Watcher(make.encoder(), folder=tmp_path).mean(pictures.pixels, view)
    np.testing.assert_array_equal(Watcher(make.encoder(), folder=tmp_path).mean(pictures.pixels, view), expected)


def _stop():
    raise KeyboardInterrupt


def test_what_is_known_by_content_is_not_computed_again(tmp_path, computed):
    pictures = make.pictures()
    first = Watcher(make.encoder(), folder=tmp_path).mean(pictures.pixels, VIEWS[:1])
    computed.clear()
    # another process, the same bytes in another array, another projection behind the same network
    other = make.encoder(projection="identity", dimension=32)
    np.testing.assert_array_equal(Watcher(other, folder=tmp_path).mean(pictures.pixels.copy(), VIEWS[:1]), first)
    assert computed == []


def altered_pixels(pictures, encoder):
    pictures.pixels[0, 0, 0, 0] ^= 1
    return encoder


def altered_weights(_, encoder):
    encoder.backbone.state_dict()["features.5.conv.0.0.weight"][0, 0, 0, 0] += 1
    return encoder


def altered_statistics(_, encoder):
    encoder.backbone.state_dict()["features.5.conv.0.1.running_mean"][0] += 1
    return encoder


def another_range(_, encoder):
    other = Encoder(replace(encoder.spec, mean=(0, 0, 0), std=(1, 1, 1)))
    other.load_state_dict(encoder.state_dict())
    return other


@pytest.mark.parametrize(
    ("alter", "files"), [(altered_pixels, 1), (altered_weights, 3), (altered_statistics, 3), (another_range, 3)]
)
def test_what_differs_is_computed(tmp_path, computed, alter, files):
    pictures, encoder = make.pictures(), make.encoder()
    Watcher(encoder, folder=tmp_path).mean(pictures.pixels, VIEWS[:1])
    computed.clear()
    encoder = alter(pictures, encoder)
    Watcher(encoder, folder=tmp_path).mean(pictures.pixels, VIEWS[:1])
    assert computed == [(8, VIEWS[0])] * files
    Watcher(encoder, folder=tmp_path).mean(pictures.pixels, VIEWS[2:])
    assert computed[files:] == [(8, VIEWS[2])] * 3
