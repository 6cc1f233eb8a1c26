"""The end of a run: averages of earlier maps put beside the learned vector, and all of it made one short vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from retrieval.embedding import Encoder, Pixels, Whitening, fit_pca_whitening
from retrieval.errors import InvalidInput
from retrieval.training.config import FinishConfig
from retrieval.training.targets import put_whitening
from retrieval.training.views import View, Watcher

Floats = NDArray[np.float32]


def joined(encoder: Encoder, config: FinishConfig, *, pictures: Pixels) -> Encoder:
    """An encoder of the same network whose vector also holds what earlier maps say.

    Each part, the learned vector first of all, has its mean over the pictures taken away and is scaled to the root mean
    square length that ``config.weights`` says, 1 for the learned one; the parts side by side are turned to their
    strongest directions, as by ``fit_pca_whitening``. All of this is linear, so it becomes the one projection. Raises
    InvalidInput naming the field that does not fit.
    """
    wide = _wide(encoder, config)
    rows = np.linspace(0, len(pictures) - 1, min(config.pictures, len(pictures))).astype(np.int64)
    pooled = Watcher(wide).mean(pictures[rows], [View(encoder.spec.image_size)])
    matrix = _side_by_side(encoder, pooled, channels=wide.spec.part_channels, weights=config.weights)
    fitted = fit_pca_whitening(pooled @ matrix.T, dimension=config.dimension, power=config.power)
    found = Encoder(replace(wide.spec, projection="linear", dimension=config.dimension))
    found.backbone.load_state_dict(wide.backbone.state_dict())
    found.pooling.load_state_dict(wide.pooling.state_dict())
    put_whitening(found.projection, Whitening(mean=pooled.mean(axis=0), matrix=fitted.matrix @ matrix))
    return found


def require(encoder: Encoder, config: FinishConfig) -> None:
    """Raise InvalidInput naming the field of ``finish`` that does not fit the encoder."""
    _wide(encoder, config)


def _wide(encoder: Encoder, config: FinishConfig) -> Encoder:
    """The network with the wanted parts and no projection."""
    spec = encoder.spec
    if spec.levels or spec.quarters:
        raise InvalidInput.of("finish", "A run can be finished where its encoder pools the last map alone.")
    wide = Encoder(replace(spec, levels=config.levels, quarters=config.quarters, projection="identity", dimension=0))
    if len(config.weights) != len(wide.spec.part_channels) - 1:
        raise InvalidInput.of("finish.weights", "finish.weights must have one number for each level and quarter.")
    if not isinstance(encoder.projection, nn.Linear):
        raise InvalidInput.of("encoder.projection", "Only behind a linear projection can a run be finished.")
    wide.backbone.load_state_dict(encoder.backbone.state_dict())
    wide.pooling.load_state_dict(encoder.pooling.state_dict())
    return wide


def _side_by_side(encoder: Encoder, pooled: Floats, *, channels: Sequence[int], weights: Sequence[float]) -> Floats:
    """The map (sum of lengths, C) from pooled vectors (N, C) to the scaled parts, the learned vector last."""
    learned = encoder.projection.get_parameter("weight").detach().numpy()
    maps = [*(np.eye(width, dtype=np.float32) for width in channels[:-1]), learned]
    blocks, start = [], 0
    for part, width, weight in zip(maps, channels, (*weights, 1.0), strict=True):
        seen = pooled[:, start : start + width] @ part.T
        length = np.sqrt(np.square(seen - seen.mean(axis=0)).sum(axis=1).mean())
        whole = np.zeros((len(part), pooled.shape[1]), np.float32)
        whole[:, start : start + width] = part * (weight / length)
        blocks.append(whole)
        start += width
    return np.concatenate(blocks)
