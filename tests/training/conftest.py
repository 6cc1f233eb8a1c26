"""Tests of training use one thread: their networks are too small for two. Graphs of equal ones are made once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import torch

from retrieval.embedding import Encoder, OpenVINORuntime
from retrieval.training.stem import Stem

_graphs: dict[bytes, OpenVINORuntime] = {}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stems of equal weights share their graph of a side, for tests of what is done with its answer."""
    convert = Stem._runtime

    def shared(self: Stem, side: int) -> OpenVINORuntime:
        specs = [layer.spec for layer in self._network.modules() if isinstance(layer, Encoder)]
        digest = hashlib.sha256(repr((side, self.precision, self._network, specs)).encode())
        for value in self._network.state_dict().values():
            digest.update(value.contiguous().numpy().data)
        if digest.digest() not in _graphs:
            _graphs[digest.digest()] = convert(self, side)
        return _graphs[digest.digest()]

    monkeypatch.setattr(Stem, "_runtime", shared)
