"""Learning with labels: classification by cross-entropy, and metric learning by pairs, triplets or class centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.embedding import Encoder
from retrieval.training.augment import mixup
from retrieval.training.bounds import Between, Margin, PartOf, Rate, Scale, Stages
from retrieval.training.losses.metric import CosineClassifier, contrastive_loss, triplet_loss
from retrieval.training.recipe import Batch, FineTuned, trainable


@dataclass(frozen=True)
class StageOptions:
    """``frozen_stages``: how many first stages stay as they are; ``fixed_norms``: batch statistics do, too.

    ``head_lr``: learning rate of what is trained beside the encoder, over the encoder's.
    """

    frozen_stages: Stages = 0
    fixed_norms: bool = True
    head_lr: Rate = 10.0


@dataclass(frozen=True)
class ClassifyOptions(StageOptions):
    """``mixup``: alpha of the Beta distribution, 0 for none; ``smoothing``: share given to all classes alike."""

    mixup: Annotated[float, Between(0, 100)] = 0.0
    smoothing: PartOf = 0.1


@dataclass(frozen=True)
class ContrastiveOptions(StageOptions):
    """``margin``: distance of unit vectors that other classes have to keep."""

    margin: Margin = 1.0


@dataclass(frozen=True)
class TripletOptions(StageOptions):
    """``margin``: by how much a squared distance to another class has to be larger."""

    margin: Margin = 0.2


@dataclass(frozen=True)
class ArcFaceOptions(StageOptions):
    """``scale`` of the cosines and ``margin`` in radians on the true class's angle."""

    scale: Scale = 20.0
    margin: Margin = 0.2


class Supervised(FineTuned):
    """Labelled pictures only; a run leaves the others out before it draws batches."""

    def __init__(self, encoder: Encoder, options: StageOptions) -> None:
        super().__init__(encoder, frozen_stages=options.frozen_stages, fixed_norms=options.fixed_norms)
        self.head_lr = options.head_lr

    def parameter_groups(self, lr: float) -> list[dict[str, Any]]:
        """The encoder at ``lr``, whatever stands beside it faster."""
        encoder = {id(parameter) for parameter in self.encoder.parameters()}
        beside = [parameter for parameter in trainable(self) if id(parameter) not in encoder]
        return [
            {"params": trainable(self.encoder), "lr": lr},
            {"params": beside, "lr": lr * self.head_lr},
        ]


class Classify(Supervised):
    """A linear classifier on the vector, with label smoothing and perhaps mixup; the vector is what is kept."""

    def __init__(self, encoder: Encoder, *, classes: int, options: ClassifyOptions) -> None:
        super().__init__(encoder, options)
        self.options = options
        self.classifier = nn.Linear(encoder.spec.dimension, classes)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, with mixup weighted between both pictures' classes."""
        images, labels = batch.views[0], batch.labels
        if not self.options.mixup:
            return {"loss": self._loss(images, labels).mean()}
        images, partner, share = mixup(images, alpha=self.options.mixup, generator=batch.generator)
        logits = self.classifier(self.embed(images))
        mine, other = (self._entropy(logits, target) for target in (labels, labels[partner]))
        return {"loss": (mine * share + other * (1 - share)).mean()}

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        return self._entropy(self.classifier(self.embed(images)), labels)

    def _entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.options.smoothing, reduction="none")


class Contrastive(Supervised):
    """Pairs of one class near, others at least a margin apart."""

    def __init__(self, encoder: Encoder, options: ContrastiveOptions) -> None:
        super().__init__(encoder, options)
        self.margin = options.margin

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The contrastive loss over all pairs of the batch."""
        return {"loss": contrastive_loss(self.embed(batch.views[0]), batch.labels, margin=self.margin)}


class Triplet(Supervised):
    """Triplets with semi-hard negatives."""

    def __init__(self, encoder: Encoder, options: TripletOptions) -> None:
        super().__init__(encoder, options)
        self.margin = options.margin

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The triplet loss over all pairs of a class in the batch."""
        return {"loss": triplet_loss(self.embed(batch.views[0]), batch.labels, margin=self.margin)}


class ArcFace(Supervised):
    """Class centres on the sphere with a margin on the angle, within each label scope."""

    def __init__(self, encoder: Encoder, *, scopes: Tensor, options: ArcFaceOptions) -> None:
        super().__init__(encoder, options)
        dimension = encoder.spec.dimension
        self.classifier = CosineClassifier(dimension, scopes, scale=options.scale, margin=options.margin)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """ArcFace's loss."""
        return {"loss": self.classifier(self.embed(batch.views[0]), batch.labels)}


def spread_centres(vectors: Tensor, labels: Tensor, classifier: CosineClassifier) -> None:
    """Start each class's centre at the mean direction of its pictures: vectors (N, D), labels (N,)."""
    with torch.no_grad():
        for number in torch.unique(labels[labels >= 0]):
            mean = F.normalize(vectors[labels == number], dim=1).mean(dim=0)
            classifier.centres[number] = F.normalize(mean, dim=0)
