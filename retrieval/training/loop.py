"""The one training loop: a recipe's step, schedule, averaged weights, evaluation, checkpoints, early stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from retrieval.errors import RetrievalError
from retrieval.training.augment import augment
from retrieval.training.config import OptimiserConfig, RunConfig
from retrieval.training.data import PictureSet
from retrieval.training.mixed import keep_depthwise_single
from retrieval.training.precision import AUTO, loss_of, measured, quickest
from retrieval.training.recipe import Batch, Recipe, trainable
from retrieval.training.sampling import Sampler, sampler_for
from retrieval.training.state import Point, State, keep

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"

Score = Callable[[Recipe], float]


class Diverged(RetrievalError):
    """The loss is no longer a finite number; the step is named."""

    code = "diverged"


@dataclass(frozen=True)
class Progress:
    """What a watcher is told: the steps done, of how many, and the newest point of the curve."""

    step: int
    steps: int
    point: Point


def _quiet(_told: Progress | str) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Hooks:
    """The loop's ties to the outside: ``watch`` is told of progress, ``stop`` asked at each step, ``score`` measures.

    ``tell`` gets a sentence for people on what was decided before the first step.
    ``score`` is called with the averaged weights in place, in evaluation mode; larger is better.
    """

    watch: Callable[[Progress], None] = _quiet
    stop: Callable[[], bool] = _never
    score: Score | None = None
    tell: Callable[[str], None] = _quiet


@dataclass(frozen=True)
class Job:
    """What to train on, how, and where to keep checkpoints."""

    config: RunConfig
    pictures: PictureSet
    folder: Path


def fit(recipe: Recipe, *, job: Job, hooks: Hooks, resume: bool = False) -> State:
    """Train until the steps are done, the score stops rising, or ``hooks.stop`` says so; returns the final state.

    A checkpoint is written as the schedule says and at the end. A resumed run gives bit for bit the weights of one
    that never stopped: every random number is drawn from the seed and the step, and the precision is kept. Raises
    Diverged.
    """
    keep_depthwise_single(recipe)
    state = State(recipe, optimiser_for(recipe, job.config.optimiser), average={})
    if resume:
        state.load(job.folder / CHECKPOINT)
    elif job.config.optimiser.ema:
        state.average = {name: value.clone() for name, value in floats(recipe)}
    sampler = sampler_for(job.pictures, job.config.sampling, seed=job.config.seed)
    state.precision = state.precision or _precision(recipe, job, hooks, sampler)
    _until_done(state, job, hooks, sampler)
    state.save(job.folder / CHECKPOINT)
    return state


def _precision(recipe: Recipe, job: Job, hooks: Hooks, sampler: Sampler) -> str:
    """As the config says, or the quickest here, by a step of the run itself."""
    if job.config.optimiser.precision != AUTO:
        return job.config.optimiser.precision
    seconds = measured(recipe.train(), batch_at(0, job, sampler, views=recipe.views))
    found = quickest(seconds)
    figures = ", ".join(f"{precision} {taken:.2f} s" for precision, taken in seconds.items())
    hooks.tell(f"Computing in {found}; a step takes, of processor time: {figures}.")
    return found


def _until_done(state: State, job: Job, hooks: Hooks, sampler: Sampler) -> None:
    config = job.config
    if state.step == 0:
        _evaluate(state, job, hooks)
    while state.step < config.optimiser.steps and not hooks.stop():
        started = time.monotonic()
        values = train_step(state, job, sampler)
        state.seconds += time.monotonic() - started
        if _due(state.step, config.schedule.report_every):
            _report(state, job, hooks, values)
        if _due(state.step, config.schedule.evaluate_every):
            _evaluate(state, job, hooks)
        if _due(state.step, config.schedule.checkpoint_every):
            state.save(job.folder / CHECKPOINT)
        if config.schedule.patience and state.waited >= config.schedule.patience:
            return


def train_step(state: State, job: Job, sampler: Sampler) -> dict[str, float]:
    """One step of the optimiser; returns the parts of the loss."""
    config, recipe = job.config, state.recipe.train()
    _set_lr(state.optimiser, share=lr_share(config.optimiser, state.step))
    batch = batch_at(state.step, job, sampler, views=recipe.views)
    parts = loss_of(recipe, batch, precision=state.precision)
    if not parts["loss"].isfinite():
        raise Diverged(f"The loss became {parts['loss'].item()} at step {state.step}.")
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(parts["loss"])
    if config.optimiser.clip:
        nn.utils.clip_grad_norm_(trainable(recipe), config.optimiser.clip)
    state.optimiser.step()
    state.step += 1
    _update_average(state, config.optimiser.ema)
    return {name: float(value.detach()) for name, value in parts.items()}


def batch_at(step: int, job: Job, sampler: Sampler, *, views: int) -> Batch:
    """The batch of a step: its pictures, views and every further random number follow from the seed and the step."""
    config = job.config
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([config.seed, step]).generate_state(1)[0]))
    torch.manual_seed(generator.initial_seed())
    rows = sampler.rows(step)
    pixels = torch.from_numpy(np.ascontiguousarray(job.pictures.pixels[rows]))
    size = config.size_at(step)
    return Batch(
        views=tuple(augment(pixels, config.augment, size=size, generator=generator) for _ in range(views)),
        labels=torch.from_numpy(job.pictures.labels[rows]),
        rows=torch.from_numpy(rows),
        generator=generator,
    )


def optimiser_for(recipe: Recipe, config: OptimiserConfig) -> AdamW:
    """AdamW over the recipe's parameter groups; each remembers its full learning rate. Vectors do not decay."""
    groups = []
    for group in recipe.parameter_groups(config.lr):
        matrices = [parameter for parameter in group["params"] if parameter.ndim > 1]
        vectors = [parameter for parameter in group["params"] if parameter.ndim <= 1]
        full = group["lr"]
        groups.append({**group, "params": matrices, "full_lr": full, "weight_decay": config.weight_decay})
        groups.append({**group, "params": vectors, "full_lr": full, "weight_decay": 0.0})
    return AdamW([group for group in groups if group["params"]], lr=config.lr, betas=config.betas)


def lr_share(config: OptimiserConfig, step: int) -> float:
    """Share of the full learning rate: linear warm-up, then half a cosine down to ``last_lr_share``.

    Loshchilov, Hutter: SGDR (2017), equation 5, with one period.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    return config.last_lr_share + (1 - config.last_lr_share) * (1 + math.cos(math.pi * done)) / 2


def _set_lr(optimiser: AdamW, *, share: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = group["full_lr"] * share


def floats(recipe: Recipe) -> Iterator[tuple[str, Tensor]]:
    """Names and values of everything that is averaged: parameters and floating buffers."""
    return ((name, value) for name, value in recipe.state_dict().items() if value.is_floating_point())


def _update_average(state: State, decay: float) -> None:
    """Exponential moving average; early on a shorter one, so that the start is forgotten soon."""
    if not decay:
        return
    decay = min(decay, (1 + state.step) / (10 + state.step))
    for name, value in floats(state.recipe):
        state.average[name].lerp_(value, 1 - decay)


@contextmanager
def averaged(state: State) -> Iterator[Recipe]:
    """The recipe with the averaged weights in place (its own where none are kept), in evaluation mode."""
    own = {name: value.clone() for name, value in floats(state.recipe)} if state.average else {}
    state.recipe.load_state_dict(state.average, strict=False)
    try:
        yield state.recipe.eval()
    finally:
        state.recipe.load_state_dict(own, strict=False)


def _due(step: int, every: int) -> bool:
    return bool(every) and step % every == 0


def _report(state: State, job: Job, hooks: Hooks, values: dict[str, float]) -> None:
    point = Point(state.step, round(state.seconds, 3), values)
    state.curve.append(point)
    hooks.watch(Progress(state.step, job.config.optimiser.steps, point))


def _evaluate(state: State, job: Job, hooks: Hooks) -> None:
    """Measure; a best score is kept as a file of its own."""
    if hooks.score is None or not job.config.schedule.evaluate_every:
        return
    with averaged(state) as recipe:
        score = hooks.score(recipe)
        better = score > state.best
        if better:
            keep(recipe.state_dict(), job.folder / BEST)
    state.best = max(score, state.best)
    state.waited = 0 if better else state.waited + 1
    _report(state, job, hooks, {"score": score})
