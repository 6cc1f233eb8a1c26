"""What a config's augmentation does to pictures, for people to look at before a run."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from retrieval.training.augment import augment, plain
from retrieval.training.config import RunConfig
from retrieval.training.data import PictureSet


def augmented(config: RunConfig, pictures: PictureSet, *, views: int) -> list[Tensor]:
    """A row for each picture: as it is, then so many views as the first steps see them, all (1 + views, 3, S, S)."""
    size, generator = config.size_at(0), torch.Generator().manual_seed(config.seed)
    rows = []
    for picture in pictures.pixels:
        alone = torch.from_numpy(np.ascontiguousarray(picture[None]))
        seen = augment(alone.repeat(views, 1, 1, 1), config.augment, size=size, generator=generator)
        rows.append(torch.cat([plain(alone, size=size), seen]))
    return rows
