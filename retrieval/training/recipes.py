"""Recipes by name: each builds what the loop trains from a config, an encoder and the training pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from retrieval.embedding import Encoder, EncoderSpec, Whitening, checkpoint
from retrieval.errors import InvalidInput
from retrieval.training.config import RunConfig, build
from retrieval.training.data import PictureSet
from retrieval.training.distill import Distill, DistillOptions
from retrieval.training.gan import GAN, GANOptions
from retrieval.training.recipe import Recipe
from retrieval.training.reconstruction import Autoencoder, AutoencoderOptions, Regression, RegressionOptions
from retrieval.training.selfsupervised import (
    SimCLR,
    SimCLROptions,
    SwAV,
    SwAVOptions,
    TwoViews,
    VICReg,
    VICRegOptions,
)
from retrieval.training.supervised import (
    ArcFace,
    ArcFaceOptions,
    Classify,
    ClassifyOptions,
    Contrastive,
    ContrastiveOptions,
    Triplet,
    TripletOptions,
    spread_centres,
)
from retrieval.training.targets import POWER, nearest_map, put_whitening, whitened
from retrieval.training.views import View, Watcher, views_of

Options = TypeVar("Options")
Floats = NDArray[np.float32]
Find = Callable[[str], Path]
"""Tells where the weights file of a name is."""

VECTORS = "vectors"  # the folder in a run's own where pooled vectors are kept


@dataclass(frozen=True)
class Setup:
    """What a recipe is built from; ``weights`` finds a weights file by name, ``output`` is the run's folder."""

    config: RunConfig
    encoder: Encoder
    pictures: PictureSet
    weights: Find
    output: Path

    @cached_property
    def data_digest(self) -> str:
        """SHA-256 of the training pictures."""
        return self.pictures.digest()

    def seen_by(self, encoder: Encoder, views: Sequence[View]) -> Floats:
        """An encoder's pooled vectors (N, C) of the training pictures, the mean over the views; kept in the folder."""
        return Watcher(encoder, folder=self.output / VECTORS).mean(self.pictures.pixels, views)

    def options(self, kind: type[Options]) -> Options:
        """The recipe's own options; raises InvalidInput naming the field."""
        return build(kind, self.config.options, where="options.")

    def scopes(self) -> torch.Tensor:
        """The label set of each class (C,); raises InvalidInput when nothing is labelled."""
        if not len(self.pictures.classes):
            raise InvalidInput.of("data", f"The recipe {self.config.recipe} needs labelled pictures.")
        return torch.from_numpy(self.pictures.scopes)


def _classify(setup: Setup) -> Recipe:
    return Classify(setup.encoder, classes=len(setup.scopes()), options=setup.options(ClassifyOptions))


def _contrastive(setup: Setup) -> Recipe:
    setup.scopes()
    return Contrastive(setup.encoder, setup.options(ContrastiveOptions))


def _triplet(setup: Setup) -> Recipe:
    setup.scopes()
    return Triplet(setup.encoder, setup.options(TripletOptions))


def _arcface(setup: Setup) -> Recipe:
    return ArcFace(setup.encoder, scopes=setup.scopes(), options=setup.options(ArcFaceOptions))


def _autoencoder(setup: Setup) -> Recipe:
    return Autoencoder(setup.encoder, setup.options(AutoencoderOptions))


def _regression(setup: Setup) -> Recipe:
    options = setup.options(RegressionOptions)
    targets, _ = teacher_targets(setup, Teaching(options.teachers, options.teacher_sizes))
    return Regression(setup.encoder, targets=targets, options=options)


def _distill(setup: Setup) -> Recipe:
    options = setup.options(DistillOptions)
    teaching = Teaching(options.teachers, options.teacher_sizes, options.teacher_mirrored, options.power)
    targets, fitted = teacher_targets(setup, teaching)
    if setup.config.start.whiten:
        put_whitening(setup.encoder.projection, _start(setup, targets, fitted))
    recipe = Distill(setup.encoder, targets=targets, scopes=torch.from_numpy(setup.pictures.scopes), options=options)
    spread_centres(recipe.targets, torch.from_numpy(setup.pictures.labels), recipe.classifier)
    return recipe


def _start(setup: Setup, targets: Floats, fitted: Whitening) -> Whitening:
    """A student as wide as its only teacher starts at the teacher's whitening, any other as near as a map brings it.

    With its teacher's weights too, the first is already as good as that.
    """
    spec = setup.encoder.spec
    if fitted.matrix.shape[1] == spec.channels:
        return fitted
    return nearest_map(setup.seen_by(setup.encoder, [View(spec.image_size)]), targets)


def _simclr(setup: Setup) -> TwoViews:
    return SimCLR(setup.encoder, setup.options(SimCLROptions))


def _vicreg(setup: Setup) -> TwoViews:
    return VICReg(setup.encoder, setup.options(VICRegOptions))


def _swav(setup: Setup) -> TwoViews:
    return SwAV(setup.encoder, setup.options(SwAVOptions))


def _gan(setup: Setup) -> Recipe:
    return GAN(setup.encoder, setup.options(GANOptions))


RECIPES: Mapping[str, Callable[[Setup], Recipe]] = {
    "classify": _classify,
    "contrastive": _contrastive,
    "triplet": _triplet,
    "arcface": _arcface,
    "autoencoder": _autoencoder,
    "regression": _regression,
    "distill": _distill,
    "simclr": _simclr,
    "vicreg": _vicreg,
    "swav": _swav,
    "gan": _gan,
}

# What the table ``options`` may hold.
OPTIONS: Mapping[str, type] = {
    "classify": ClassifyOptions,
    "contrastive": ContrastiveOptions,
    "triplet": TripletOptions,
    "arcface": ArcFaceOptions,
    "autoencoder": AutoencoderOptions,
    "regression": RegressionOptions,
    "distill": DistillOptions,
    "simclr": SimCLROptions,
    "vicreg": VICRegOptions,
    "swav": SwAVOptions,
    "gan": GANOptions,
}

# These take the whitening of their teachers, not of the student's own vectors, as a start.
OWN_START = frozenset({"distill"})
# These learn from labels alone: a batch of pictures without any would teach nothing.
LABELLED = frozenset({"classify", "contrastive", "triplet", "arcface"})
# These have the vectors of teachers as targets.
TAUGHT = frozenset({"distill", "regression"})


def require_recipe(config: RunConfig) -> None:
    """Raise InvalidInput naming the field when the recipe is unknown or an option of it does not fit."""
    if config.recipe not in RECIPES:
        raise InvalidInput.of("recipe", f"There is no recipe {config.recipe!r}; choose of {', '.join(RECIPES)}.")
    build(OPTIONS[config.recipe], config.options, where="options.")


def weights_of(config: RunConfig) -> list[str]:
    """The weights files that a run needs, by name: what it starts with, and its teachers."""
    teachers = config.options.get("teachers", ())
    named = [config.start.weights, *(teachers if isinstance(teachers, list | tuple) else ())]
    return [name for name in named if isinstance(name, str) and name]


def require_weights(config: RunConfig, find: Find) -> None:
    """Raise WeightsError when a weights file that the run needs is not there, or does not fit what it is for."""
    for name in weights_of(config):
        load_weights(name, find, spec=config.encoder if name == config.start.weights else None)


def build_recipe(setup: Setup) -> Recipe:
    """The recipe that the config names; raises InvalidInput as ``require_recipe`` does.

    Its first weights follow from the config's seed, whatever was drawn in the process before.
    """
    require_recipe(setup.config)
    with torch.random.fork_rng():
        torch.manual_seed(setup.config.seed)
        return RECIPES[setup.config.recipe](setup)


@dataclass(frozen=True)
class Teaching:
    """Which teachers see every picture, at which sides, also mirrored or not, and how far their vectors are evened out.

    A name is a weights file with its spec inside, or ``backbone:file`` for a plain state dict.
    """

    teachers: Sequence[str]
    sizes: Sequence[int]
    mirrored: bool = True
    power: float = POWER


def teacher_targets(setup: Setup, teaching: Teaching) -> tuple[Floats, Whitening]:
    """Targets (N, D) of the training pictures, and the whitening that made them."""
    if not teaching.teachers:
        raise InvalidInput.of("options.teachers", "options.teachers must name a weights file.")
    if not teaching.sizes:
        raise InvalidInput.of("options.teacher_sizes", "options.teacher_sizes must name a side in pixels.")
    views = views_of(teaching.sizes, mirrored=teaching.mirrored)
    vectors = [setup.seen_by(load_weights(name, setup.weights), views) for name in teaching.teachers]
    return whitened(vectors, dimension=setup.encoder.spec.dimension, power=teaching.power)


def load_weights(name: str, find: Find, *, spec: EncoderSpec | None = None) -> Encoder:
    """A weights file by name, ``backbone:file`` for a plain state dict whose spec is not given otherwise."""
    backbone, colon, file = name.rpartition(":")
    return checkpoint.load(find(file), spec=EncoderSpec(backbone) if colon else spec)
