"""A network small enough to be built, run and converted in a blink."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.embedding import Encoder, EncoderSpec

TINY = EncoderSpec("mobilenet_v2", image_size=64, widths=(*[8] * 17, 16))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Several threads only wait for each other in networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def graphs(tmp_path_factory):
    """Converted graphs, kept for the whole run: converting is the slow part."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture
def tiny():
    return Encoder(TINY)


@pytest.fixture
def pictures():
    """Five pictures of different sizes."""
    draw = np.random.default_rng(3)
    sizes = [(40, 60), (64, 64), (200, 90), (33, 47), (120, 160)]
    return [draw.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
