"""One training run as a frozen description, read from TOML; every error names the field at fault."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from retrieval.embedding import EncoderSpec
from retrieval.errors import InvalidInput
from retrieval.training import bounds
from retrieval.training.bounds import (
    MOST_ENTRIES,
    MOST_STEPS,
    Between,
    PartOf,
    Share,
    Side,
    Stages,
    Steps,
    Weight,
    Width,
)

T = TypeVar("T")
SAMPLERS = ("shuffled", "balanced")
PRECISIONS = ("auto", "float32", "bfloat16")
MOST_IN_BATCH = 4096
MOST_PIXELS = 2**26  # as many as 1024 pictures of 256 x 256


@dataclass(frozen=True)
class DataConfig:
    """Which pictures, and how they are divided.

    ``path``: a folder of class folders or a CSV manifest, counted from the folder of the config; empty where whoever
    starts the run says it. ``stored_size``: side in pixels of the square kept in memory. ``held_out_share``: share of
    the groups kept for validation; ``most_validated``: no more pictures than that are measured. ``only``: train on
    these label scopes (the part of a label before the first ``/``) alone; empty for all. ``unlabelled``: labels, or
    scopes, not to believe. ``groups``: folders are ``class/group``, as an evaluation reads them, and not
    ``scope/class``.
    """

    path: str = ""
    stored_size: Side = 176
    held_out_share: PartOf = 0.1
    most_validated: Annotated[int, Between(0, 100_000)] = 1000
    only: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    groups: bool = False


@dataclass(frozen=True)
class StartConfig:
    """What the encoder is before the first step: random, or a weights file by name; perhaps narrowed and whitened.

    ``keep``: share of the hidden channels that pruning leaves. ``whiten``: the projection starts as the PCA-whitening
    of the encoder's own vectors of the training pictures. ``kept``: share of the first weights in those exported; some
    keep what the training pictures do not show (Wortsman et al.: Robust Fine-Tuning of Zero-Shot Models, 2022).
    """

    weights: str = ""
    keep: Annotated[float, Between(0, 1, above=True)] = 1.0
    whiten: bool = False
    kept: PartOf = 0.0


@dataclass(frozen=True)
class SamplingConfig:
    """What a batch is made of.

    ``shuffled``: ``batch`` pictures of a shuffled pass. ``balanced``: ``classes`` x ``per_class`` labelled pictures and
    ``batch`` more, drawn from all.
    """

    kind: str = "shuffled"
    batch: Annotated[int, Between(0, MOST_IN_BATCH)] = 64
    classes: Annotated[int, Between(0, MOST_IN_BATCH)] = 0
    per_class: Annotated[int, Between(0, MOST_IN_BATCH)] = 0


@dataclass(frozen=True)
class AugmentConfig:
    """How far each view of a picture may be changed; 0 (or 1 for ``smallest_crop``) switches a change off.

    ``smallest_crop``: least share of the area. ``rotation``: degrees. ``brightness``, ``contrast``, ``colour``: largest
    relative change. ``blur``: largest sigma in pixels. ``grey``, ``flip``, ``erase``: probabilities.
    """

    smallest_crop: Annotated[float, Between(0, 1, above=True)] = 1.0
    stretch: Annotated[float, Between(1, 10)] = 1.0
    rotation: Annotated[float, Between(0, 180)] = 0.0
    flip: Share = 0.5
    brightness: Share = 0.0
    contrast: Share = 0.0
    colour: Share = 0.0
    grey: Share = 0.0
    blur: Annotated[float, Between(0, 10)] = 0.0
    erase: Share = 0.0


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with a cosine schedule after a linear warm-up; ``ema`` is the decay of the averaged weights.

    ``precision``: what is computed in; ``auto`` is the quickest on the machine that begins the run, as measured there.
    """

    steps: Annotated[int, Between(1, MOST_STEPS)]
    lr: Annotated[float, Between(0, 10, above=True)] = 1e-3
    last_lr_share: Share = 0.01
    warmup_steps: Steps = 0
    weight_decay: Annotated[float, Between(0, 10)] = 1e-4
    betas: tuple[PartOf, PartOf] = (0.9, 0.999)
    clip: Annotated[float, Between(0, 1e6)] = 1.0
    ema: PartOf = 0.0
    precision: str = "auto"


@dataclass(frozen=True)
class ScheduleConfig:
    """When things happen, in steps; 0 is never.

    ``sizes``: pairs (share of the steps done, side of the input from there on), the first at share 0.
    ``patience``: stop after so many evaluations without a better score.
    """

    sizes: tuple[tuple[Share, Side], ...] = ((0.0, 128),)
    evaluate_every: Steps = 0
    checkpoint_every: Steps = 0
    report_every: Steps = 10
    patience: Steps = 0


@dataclass(frozen=True)
class FinishConfig:
    """What is put beside the learned vector after the last step, and how long all of it together becomes.

    ``levels``, ``quarters``: stages, as in the spec of an encoder; with neither nothing is done. ``weights``: how much
    each of them counts, by stage, levels before quarters; the learned vector counts 1. ``power``: of the eigenvalues, 0
    a mere rotation. ``pictures``: so many of the training pictures it is fitted on, at most.
    """

    levels: tuple[Stages, ...] = ()
    quarters: tuple[Stages, ...] = ()
    weights: tuple[Weight, ...] = ()
    dimension: Width = 512
    power: Share = 0.0
    pictures: Annotated[int, Between(1, 1_000_000)] = 12_000

    @property
    def wanted(self) -> bool:
        """Is there anything to put beside it?"""
        return bool(self.levels or self.quarters)


@dataclass(frozen=True)
class RunConfig:
    """A whole run: the recipe by name with its own options, and everything the loop needs."""

    name: str
    recipe: str
    optimiser: OptimiserConfig
    encoder: EncoderSpec
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    start: StartConfig = StartConfig()
    data: DataConfig = DataConfig()
    sampling: SamplingConfig = SamplingConfig()
    augment: AugmentConfig = AugmentConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    finish: FinishConfig = FinishConfig()

    def __post_init__(self) -> None:
        _require(self.sampling.kind in SAMPLERS, "sampling.kind", f"must be one of {', '.join(SAMPLERS)}")
        _require(
            self.optimiser.precision in PRECISIONS, "optimiser.precision", f"must be one of {', '.join(PRECISIONS)}"
        )
        bounds.require(self)
        for table in (self.optimiser, self.start, self.data, self.sampling, self.augment, self.schedule, self.finish):
            bounds.require(table, where=f"{NAMES[type(table)]}.")
        shares = [share for share, _ in self.schedule.sizes]
        _require(shares[:1] == [0.0] and shares == sorted(shares), "schedule.sizes", "must start at share 0 and rise")
        self._check_batch()

    def _check_batch(self) -> None:
        if self.sampling.kind == "balanced":
            _require(self.sampling.classes > 0, "sampling.classes", "must be positive for balanced batches")
            _require(self.sampling.per_class > 1, "sampling.per_class", "must be at least 2 for balanced batches")
        _require(self.batch_size > 0, "sampling.batch", "must be positive")
        _require(self.batch_size <= MOST_IN_BATCH, "sampling.batch", f"must leave a batch of at most {MOST_IN_BATCH}")
        pixels = self.batch_size * max(side for _, side in self.schedule.sizes) ** 2
        text = f"must leave a batch of at most {MOST_PIXELS} pixels at the largest of schedule.sizes"
        _require(pixels <= MOST_PIXELS, "sampling.batch", text)

    @property
    def batch_size(self) -> int:
        """Pictures in one batch."""
        return self.sampling.batch + self.sampling.classes * self.sampling.per_class

    def size_at(self, step: int) -> int:
        """Side of the input, in pixels, at a step."""
        done = step / self.optimiser.steps
        return [size for share, size in self.schedule.sizes if share <= done][-1]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "encoder": self.encoder.to_dict()}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> RunConfig:
        """From a table as TOML or JSON has it; raises InvalidInput naming a field that does not fit."""
        return build(cls, table)

    @classmethod
    def from_toml(cls, path: Path) -> RunConfig:
        """From a file; raises InvalidInput when it cannot be read or does not fit."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput.of("config", f"{path.name} cannot be read: {error}") from error
        return cls.from_dict(table)


NAMES = {
    OptimiserConfig: "optimiser", StartConfig: "start", DataConfig: "data", SamplingConfig: "sampling",
    AugmentConfig: "augment", ScheduleConfig: "schedule", FinishConfig: "finish",
}  # fmt: skip


def build(cls: type[T], table: Mapping[str, Any], *, where: str = "") -> T:
    """A frozen dataclass from a table, its fields checked against their annotations."""
    if not isinstance(table, Mapping):
        raise InvalidInput.of(where or "config", f"{where or 'config'} must be a table.")
    hints = bounds.types_of(cls, extras=False)  # type: ignore[arg-type]
    known = {entry.name: entry for entry in fields(cls)}  # type: ignore[arg-type]
    for name in table:
        _require(name in known, where + name, "is not a known field")
    for name, entry in known.items():
        needed = entry.default is MISSING and entry.default_factory is MISSING
        _require(not needed or name in table, where + name, "is missing")
    made = cls(**{name: _convert(hints[name], value, where + name) for name, value in table.items()})
    bounds.require(made, where=where)
    return made


def _convert(kind: Any, value: Any, name: str) -> Any:
    if kind is EncoderSpec:
        return _spec(value, name)
    if get_origin(kind) is Mapping:
        _require(isinstance(value, Mapping), name, "must be a table")
    if is_dataclass(kind):
        return build(kind, value, where=f"{name}.")  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return _convert_tuple(get_args(kind), value, name)
    if kind is float and type(value) is int:
        return float(value)
    if kind in (int, float, str, bool):
        _require(type(value) is kind, name, f"must be of type {kind.__name__}")
    return value


def _spec(table: Any, name: str) -> EncoderSpec:
    _require(isinstance(table, Mapping), name, "must be a table")
    try:
        return EncoderSpec.from_dict(table)
    except InvalidInput as error:
        fields = {f"{name}.{field}": texts for field, texts in error.fields.items()}
        raise InvalidInput(error.message, code=error.code, fields=fields) from error


def _convert_tuple(kinds: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    _require(isinstance(value, list | tuple), name, "must be a list")
    _require(len(value) <= MOST_ENTRIES, name, f"must have at most {MOST_ENTRIES} entries")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    _require(len(kinds) == len(value), name, f"must have {len(kinds)} entries")
    return tuple(_convert(kind, part, name) for kind, part in zip(kinds, value, strict=True))


def _require(condition: bool, name: str, message: str) -> None:
    if not condition:
        raise InvalidInput.of(name, f"{name} {message}.")
