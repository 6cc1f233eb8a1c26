"""One training run from config to weights file: split, build, fit, export, and the record of all that."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from retrieval.embedding import Encoder, checkpoint
from retrieval.errors import NO_ROOM, InvalidInput, StorageFull
from retrieval.evaluation import LabelledSet, evaluate
from retrieval.training import finish
from retrieval.training.augment import plain
from retrieval.training.config import RunConfig
from retrieval.training.data import FEWEST, NO_LABEL, PictureSet
from retrieval.training.loop import BEST, Hooks, Job, Score, averaged, fit
from retrieval.training.pruning import prune
from retrieval.training.recipe import Recipe
from retrieval.training.recipes import (
    LABELLED,
    OWN_START,
    TAUGHT,
    Find,
    Setup,
    build_recipe,
    load_weights,
    require_recipe,
)
from retrieval.training.record import Record, write
from retrieval.training.sampling import fitted, hold_out, in_scopes
from retrieval.training.state import State, kept
from retrieval.training.targets import put_whitening, whitened
from retrieval.training.views import View, Watcher

_CALIBRATION = 256  # pictures that pruning looks at
_WHITENING = 4096  # pictures that a whitening is fitted on, at most
_NOT_TO_WRITE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR})


@dataclass(frozen=True)
class Places:
    """The pictures, how weights files are found by name, and the folder for everything that the run writes."""

    pictures: PictureSet
    weights: Find
    output: Path


@dataclass(frozen=True)
class Result:
    """A finished or stopped run: the weights file, its SHA-256, and the record."""

    weights: Path
    sha256: str
    record: Record


def run(config: RunConfig, *, places: Places, hooks: Hooks | None = None, resume: bool = False) -> Result:
    """Train one encoder and write ``<name>.safetensors`` and ``<name>.json`` to the output folder.

    A run that ``hooks.stop`` ends is exported as well, and can be resumed from its checkpoint. Raises InvalidInput for
    a config that does not fit the data and for a folder that cannot be written to, StorageFull, and what the loop
    raises.
    """
    require_recipe(config)
    with _written(places.output):
        places.output.mkdir(parents=True, exist_ok=True)
        return _run(config, places, hooks or Hooks(), resume=resume)


def _run(config: RunConfig, places: Places, hooks: Hooks, *, resume: bool) -> Result:
    _require_enough(places.pictures)
    training, validation = split(config, places.pictures)
    asked, config = config, replace(config, sampling=fitted(config.sampling, training))
    notes = _notes(asked, config, places.pictures) + _unspanned(config, training) + _unscored(config, validation)
    for note in notes:
        hooks.tell(note)
    first = _first(config, training, places.weights)
    setup = Setup(config, first, training, places.weights, places.output)
    recipe = build_recipe(setup)
    start = {name: value.clone() for name, value in recipe.exported().state_dict().items()}
    score = retrieval_score(validation) if measurable(validation) else None
    _check_schedule(config, score)
    if config.finish.wanted:
        finish.require(first, config.finish)
    job = Job(config, training, places.output)
    state = fit(recipe, job=job, hooks=replace(hooks, score=hooks.score or score), resume=resume)
    with _best(state, job) as trained:
        encoder = blended(trained.exported(), start, share=config.start.kept)
        if config.finish.wanted:
            encoder = finish.joined(encoder, config.finish, pictures=training.pixels)
        sha256 = checkpoint.save(encoder, job.folder / f"{config.name}.safetensors")
        besides = {config.name + ending: save for ending, save in trained.besides().items()}
        files = {name: save(job.folder / name) for name, save in besides.items()}
    record = replace(
        Record.of(state, config, data_digest=setup.data_digest, sha256=sha256),
        files=files, notes=notes, left_out=places.pictures.left_out,
    )  # fmt: skip
    write(record, job.folder / f"{config.name}.json")
    return Result(job.folder / f"{config.name}.safetensors", sha256, record)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """What stands in the way of writing to the run's folder, as a sentence that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            text = (
                f"The disk has no room for {folder}. Make some, and begin again: it goes on from its last checkpoint."
            )
            raise StorageFull(text) from error
        if error.errno in _NOT_TO_WRITE:
            raise InvalidInput.of("output", f"{folder} cannot be written to: {error.strerror}.") from error
        raise


def _require_enough(pictures: PictureSet) -> None:
    if len(pictures) < FEWEST:
        raise InvalidInput.of("data", f"Training needs at least {FEWEST} pictures; there are {len(pictures)}.")


def _notes(asked: RunConfig, config: RunConfig, pictures: PictureSet) -> list[str]:
    """What is not as it was asked: pictures are left out, or batches are smaller."""
    found, few = [], pictures.left_out
    if few:
        found.append(f"{len(few)} of {len(few) + len(pictures)} pictures are left out. {few[0]}")
    if asked.batch_size != config.batch_size:
        sizes = f"{config.batch_size} pictures, not {asked.batch_size}"
        found.append(f"Batches have {sizes}: there are no more to draw from.")
    return found


def _unspanned(config: RunConfig, training: PictureSet) -> list[str]:
    """Whether the pictures are too few for every number of a vector to start with a meaning."""
    wanted, spanned = config.encoder.dimension, len(training) - 1
    if spanned >= wanted or not (config.start.whiten or config.recipe in TAUGHT):
        return []
    return [f"{len(training)} pictures give a meaning to {spanned} of the {wanted} numbers at most; the rest is zero."]


def _unscored(config: RunConfig, validation: PictureSet) -> list[str]:
    """Why there will be no score where one was to be taken."""
    if not config.schedule.evaluate_every or measurable(validation):
        return []
    return [f"There is no score: of the {len(validation)} pictures held out no two are of one class, or all are."]


def split(config: RunConfig, pictures: PictureSet) -> tuple[PictureSet, PictureSet]:
    """Training and validation pictures; of the latter only labelled ones, and no more than the config says.

    A recipe that learns from labels alone has labelled ones to train on, too.
    """
    pictures = pictures.without_labels(config.data.unlabelled)
    if config.data.only:
        pictures = pictures.at(in_scopes(pictures, config.data.only))
    if config.recipe in LABELLED:
        pictures = pictures.at(np.flatnonzero(pictures.labels != NO_LABEL))
        if not len(pictures):
            raise InvalidInput.of("data", f"The recipe {config.recipe} needs labelled pictures.")
    if not config.data.held_out_share:
        return pictures, pictures.at(np.empty(0, np.int64))
    held = hold_out(pictures, share=config.data.held_out_share, seed=config.seed)
    labelled = np.flatnonzero(held & (pictures.labels != NO_LABEL))
    chosen = np.random.default_rng(config.seed).permutation(labelled)[: config.data.most_validated]
    return pictures.at(~held), pictures.at(np.sort(chosen))


def measurable(pictures: PictureSet) -> bool:
    """Can one tell how well pictures find their class: two of one, and others to be told from?"""
    counts = np.unique(pictures.labels[pictures.labels != NO_LABEL], return_counts=True)[1]
    return len(counts) > 1 and bool((counts > 1).any())


def retrieval_score(pictures: PictureSet) -> Score:
    """A measure of an encoder: leave-one-out mAP of these pictures, cosine, every labelled picture a query."""

    def score(recipe: Recipe) -> float:
        vectors = recipe.exported().encode(list(pictures.pixels))
        items = tuple(map(str, range(len(pictures))))
        outcome = evaluate(LabelledSet(vectors, pictures.labels, pictures.classes, items))
        return float(np.nanmean(outcome.scores[:, outcome.names.index("mAP")]))

    return score


def _first(config: RunConfig, training: PictureSet, weights: Find) -> Encoder:
    """The encoder before the first step."""
    if config.start.weights:
        encoder = load_weights(config.start.weights, weights, spec=config.encoder)
    else:
        encoder = Encoder(config.encoder, seed=config.seed)
    if config.start.keep < 1:
        encoder = prune(encoder, keep=config.start.keep, pictures=_calibration(config, training))
    if config.start.whiten and config.recipe not in OWN_START:
        some = training.pixels[: len(training) : max(1, len(training) // _WHITENING)]
        own = Watcher(encoder).mean(some, [View(config.encoder.image_size)])
        put_whitening(encoder.projection, whitened([own], dimension=config.encoder.dimension)[1])
    return encoder


def _calibration(config: RunConfig, training: PictureSet) -> list[torch.Tensor]:
    rows = np.random.default_rng(config.seed).permutation(len(training))[:_CALIBRATION]
    pixels = torch.from_numpy(training.pixels[np.sort(rows)])
    return [plain(part, size=config.encoder.image_size) for part in torch.split(pixels, 32)]


def _check_schedule(config: RunConfig, score: Score | None) -> None:
    if config.schedule.patience and (score is None or not config.schedule.evaluate_every):
        raise InvalidInput.of(
            "schedule.patience", "Stopping early needs labelled pictures to validate on and evaluate_every."
        )


@contextmanager
def _best(state: State, job: Job) -> Iterator[Recipe]:
    """The recipe with the weights to keep: of the best score where a run may stop early, else the averaged ones."""
    with averaged(state) as recipe:
        if job.config.schedule.patience:
            recipe.load_state_dict(kept(job.folder / BEST))
        yield recipe


@torch.no_grad()
def blended(encoder: Encoder, start: Mapping[str, Tensor], *, share: float) -> Encoder:
    """A copy whose weights are ``share`` of the starting ones and the rest of the encoder's."""
    found = deepcopy(encoder)
    for name, value in found.state_dict().items():
        if value.is_floating_point():
            value.lerp_(start[name].to(value.device), share)
    return found
