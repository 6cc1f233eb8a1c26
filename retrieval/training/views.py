"""A network's pooled vectors of pictures in several views, kept on disk by content: nothing is computed twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval import whole_files
from retrieval.embedding import Encoder, Pixels
from retrieval.training.augment import plain
from retrieval.training.stem import Stem

Floats = NDArray[np.float32]
CHUNK = 256  # pictures in one file: what an interruption costs at most
_BATCH = 32


@dataclass(frozen=True)
class View:
    """A whole picture squeezed to ``size`` x ``size``, perhaps mirrored."""

    size: int
    mirrored: bool = False


def views_of(sizes: Sequence[int], *, mirrored: bool) -> list[View]:
    """Each size plain and, if wanted, mirrored."""
    return [View(size, turned) for size in sizes for turned in ((False, True) if mirrored else (False,))]


class _Pooled(nn.Module):
    """An encoder without its normalisation and its projection."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, maps: Tensor) -> Tensor:
        return self.encoder.pooled(maps)


class Watcher:
    """An encoder up to its pooling; ``folder`` keeps what it said, None for nothing kept.

    A file is named by what it depends on: weights, precision, view, and the bytes of its pictures. So an interrupted
    run goes on where it stopped, and another run, other sizes or a few more pictures compute only what is new.
    """

    def __init__(self, encoder: Encoder, *, folder: Path | None = None) -> None:
        self.encoder, self.folder = encoder, folder
        self.network = Stem(encoder, [_Pooled(encoder)])

    def mean(self, pixels: Pixels, views: Sequence[View]) -> Floats:
        """The mean over the views: uint8 (N, S, S, 3) -> float32 (N, C)."""
        found = np.zeros((len(pixels), self.encoder.spec.channels), np.float32)
        for view in views:
            for start in range(0, len(pixels), CHUNK):
                found[start : start + CHUNK] += self._chunk(pixels[start : start + CHUNK], view)
        found /= len(views)
        return found

    def _chunk(self, pixels: Pixels, view: View) -> Floats:
        if self.folder is None:
            return self._computed(pixels, view)
        path = self.folder / f"{self._key(pixels, view)}.npy"
        if not path.exists():
            _keep(self._computed(pixels, view), path)
        kept: Floats = np.load(path)
        return kept

    def _computed(self, pixels: Pixels, view: View) -> Floats:
        return np.concatenate([self._seen(part, view) for part in _parts(pixels)])

    def _seen(self, pixels: Pixels, view: View) -> Floats:
        images = plain(torch.from_numpy(np.ascontiguousarray(pixels)), size=view.size)
        vectors: Floats = self.network(images.flip(3) if view.mirrored else images).numpy()
        return vectors

    def _key(self, pixels: Pixels, view: View) -> str:
        digest = hashlib.sha256(repr((self._weights, view, pixels.shape)).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.hexdigest()

    @cached_property
    def _weights(self) -> str:
        """A digest of the network up to its pooling, as it runs."""
        spec = self.encoder.spec
        parts = (spec.backbone, spec.pooling, spec.widths, spec.precision, spec.normalisation, self.network.precision)
        earlier = (spec.levels, spec.quarters)
        digest = hashlib.sha256(repr((*parts, earlier) if any(earlier) else parts).encode())
        for part in (self.encoder.backbone, self.encoder.pooling):
            for value in part.state_dict().values():
                digest.update(value.detach().contiguous().numpy().data)
        return digest.hexdigest()


def _parts(pixels: Pixels) -> Iterator[Pixels]:
    return (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))


def _keep(vectors: Floats, path: Path) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_files.replacing(path) as file:
        np.save(file, vectors)
