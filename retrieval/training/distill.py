"""Distillation: a small student learns the vectors of one or several teachers, and where there are labels, more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.embedding import Encoder
from retrieval.training.bounds import Rate, Scale, Share, Side, Stages, Weight
from retrieval.training.losses.distillation import cosine_loss, logit_loss, relation_loss
from retrieval.training.losses.metric import CosineClassifier
from retrieval.training.recipe import Batch, FineTuned, trainable
from retrieval.training.targets import POWER

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DistillOptions:
    """Weights of the loss's parts, and what stays fixed.

    ``teachers``: weights files. ``cosine``: 1 - cosine to the target. ``relation``: squared error of the cosine
    matrices. ``metric``: class centres within each label scope, at ``scale``. ``logits``: divergence from the target's
    softened scores of the class centres. ``teacher_sizes``: sides at which the teachers see each picture, plain and, if
    ``teacher_mirrored``, mirrored; their vectors are averaged. ``power``: of the eigenvalues, in the whitening of the
    teachers' vectors. ``centre_lr``: learning rate of the class centres over the encoder's.
    """

    teachers: tuple[str, ...] = ()
    cosine: Weight = 1.0
    relation: Weight = 10.0
    metric: Weight = 0.0
    logits: Weight = 0.0
    scale: Scale = 16.0
    frozen_stages: Stages = 0
    fixed_norms: bool = True
    centre_lr: Rate = 10.0
    teacher_sizes: tuple[Side, ...] = (224,)
    teacher_mirrored: bool = True
    power: Share = POWER


class Distill(FineTuned):
    """Every picture has one target, the teachers' vector of the whole picture, whatever view the student gets.

    So the student also learns that a part should be found by the whole. ``targets`` (rows, D), of the student's
    dimension; ``scopes`` (C,) the label set of each class.
    """

    targets: Tensor

    def __init__(self, encoder: Encoder, *, targets: Floats, scopes: Tensor, options: DistillOptions) -> None:
        super().__init__(encoder, frozen_stages=options.frozen_stages, fixed_norms=options.fixed_norms)
        self.options = options
        self.register_buffer("targets", torch.from_numpy(targets), persistent=False)
        self.classifier = CosineClassifier(encoder.spec.dimension, scopes, scale=options.scale)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted sum and its parts."""
        vectors = self.embed(batch.views[0])
        target = self.targets[batch.rows]
        parts = {"cosine": cosine_loss(vectors, target), "relation": relation_loss(vectors, target)}
        if self.options.metric:
            parts["metric"] = self.classifier(vectors, batch.labels)
        if self.options.logits:
            parts["logits"] = logit_loss(self.classifier.scores(vectors), self.classifier.scores(target))
        loss = sum((getattr(self.options, name) * part for name, part in parts.items()), vectors.new_zeros(()))
        return {"loss": loss, **parts}

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """The encoder at ``lr``; the class centres, which start from nothing, faster."""
        return [
            {"params": trainable(self.encoder), "lr": lr},
            {"params": trainable(self.classifier), "lr": lr * self.options.centre_lr},
        ]
