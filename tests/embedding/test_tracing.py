"""A graph traced as one function says what the network says, and leaves the network as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.embedding import OpenVINORuntime, tracing
from tests.training import make


@pytest.mark.parametrize("changes", [{}, {"levels": [3], "quarters": [11], "projection": "identity", "dimension": 0}])
def test_the_graph_says_what_the_network_says_and_leaves_it_trainable(changes):
    encoder = make.encoder(**changes)
    batch = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    graph = tracing.graph(encoder, torch.zeros(2, 3, 32, 32), shape=(-1, 3, 32, 32))
    found = OpenVINORuntime(graph, precision="fp32").start(batch.numpy())()
    with torch.no_grad():
        np.testing.assert_allclose(found, encoder(batch).numpy(), rtol=1e-3, atol=1e-3)
    assert all(parameter.requires_grad for parameter in encoder.parameters())
