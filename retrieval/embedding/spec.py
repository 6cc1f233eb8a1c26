"""What an encoder is made of: a frozen, validated description that travels as JSON beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from retrieval.embedding import backbones
from retrieval.embedding.backbones import Normalisation
from retrieval.embedding.preprocessing import STEP
from retrieval.errors import InvalidInput

POOLINGS = ("avg", "max", "gem", "rmac", "fc")  # ``retrieval.embedding.pooling`` has them
PROJECTIONS = ("identity", "pca", "linear")  # ``retrieval.embedding.projection`` has them
RESIZES = ("fixed", "aspect")
PRECISIONS = ("float", "int8")
CHOICES = {
    "pooling": POOLINGS, "projection": PROJECTIONS, "resize": RESIZES, "precision": PRECISIONS,
}  # fmt: skip
MOST_DIMENSIONS = 4000  # what a half-precision index can hold
LARGEST_SIDE = 1024
CHANNELS = 3
LARGEST_VALUE = 255.0  # of a mean or a deviation: what a channel in 0..1 is shifted and divided by
SMALLEST_DEVIATION = 1e-3
EARLIER = ("levels", "quarters")  # stages whose maps are pooled beside the last one
QUARTERS = 4


# Fields that are lists, and of what; by type, as True is an int too.
_LISTS: dict[str, tuple[type, ...]] = {
    "widths": (int,), "mean": (int, float), "std": (int, float), "levels": (int,), "quarters": (int,),
}  # fmt: skip


@dataclass(frozen=True)
class EncoderSpec:
    """Backbone, pooling, projection and input of an encoder.

    ``dimension`` is the length of the vector; 0 means as long as the pooled one. ``widths`` are the channel counts of
    a narrowed backbone, empty for torchvision's own. ``precision`` int8 means convolutions in whole numbers. ``mean``
    and ``std`` are subtracted from, and then divide, the red, green and blue of a picture in 0..1; empty for those that
    the backbone's published weights were trained with. ``levels`` are earlier stages, counted from 0, whose maps are
    averaged as well, and ``quarters`` such whose maps are averaged in each quarter: what is seen where. Their vectors
    come before the last map's. Raises InvalidInput naming the field that does not fit.
    """

    backbone: str
    pooling: str = "avg"
    projection: str = "identity"
    dimension: int = 0
    image_size: int = 224
    resize: str = "fixed"
    widths: tuple[int, ...] = ()
    precision: str = "float"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    levels: tuple[int, ...] = ()
    quarters: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self._check_types()
        for name in ("widths", *EARLIER):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_normalisation()
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        self._check_parts()
        self._check_widths()
        self._check_earlier()
        object.__setattr__(self, "dimension", self.dimension or self.channels)
        self._check_numbers()

    def _check_types(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _LISTS:
                fits = isinstance(value, tuple | list) and all(type(part) in _LISTS[field.name] for part in value)
            else:
                fits = type(value).__name__ == field.type
            if not fits:
                raise InvalidInput.of(field.name, f"{field.name} must be of the kind {field.type}.")

    def _check_parts(self) -> None:
        entry = backbones.get(self.backbone)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidInput.of(name, f"{name} must be one of {', '.join(choices)}.")
        if self.pooling == "fc" and not entry.fc_width:
            raise InvalidInput.of("pooling", f"{self.backbone} has no fully connected layer to take.")

    def _check_widths(self) -> None:
        expected = backbones.get(self.backbone).narrow_widths
        if self.widths and len(self.widths) != expected:
            raise InvalidInput.of("widths", f"{self.backbone} takes {expected or 'no'} widths.")
        if not all(1 <= width <= 4096 for width in self.widths):
            raise InvalidInput.of("widths", "Each width must be a whole number from 1 to 4096.")

    def _check_earlier(self) -> None:
        most = len(backbones.get(self.backbone).stage_channels) - 2
        for name in EARLIER:
            stages = getattr(self, name)
            if stages and most < 1:
                raise InvalidInput.of(name, f"{self.backbone} does not say how wide its earlier maps are.")
            if stages and self.pooling == "fc":
                raise InvalidInput.of(name, "The pooling 'fc' takes the end of the network alone.")
            if list(stages) != sorted(set(stages)) or not all(1 <= stage <= most for stage in stages):
                raise InvalidInput.of(name, f"{name} must be rising whole numbers from 1 to {most}.")

    def _check_normalisation(self) -> None:
        for name, other, least in (("mean", self.std, -LARGEST_VALUE), ("std", self.mean, SMALLEST_DEVIATION)):
            values = getattr(self, name)
            if len(values) != (CHANNELS if values or other else 0):
                raise InvalidInput.of(name, f"{name} must be three numbers, one a channel, beside three of the other.")
            if not all(least <= value <= LARGEST_VALUE for value in values):
                raise InvalidInput.of(name, f"Each number of {name} must be from {least:g} to {LARGEST_VALUE:g}.")

    def _check_numbers(self) -> None:
        if not STEP <= self.image_size <= LARGEST_SIDE:
            raise InvalidInput.of("image_size", f"image_size must be from {STEP} to {LARGEST_SIDE}.")
        if not 1 <= self.dimension <= min(self.channels, MOST_DIMENSIONS):
            raise InvalidInput.of(
                "dimension",
                f"dimension must be from 1 to {min(self.channels, MOST_DIMENSIONS)}; "
                f"use the projection 'pca' or 'linear' to make it smaller.",
            )
        if self.projection == "identity" and self.dimension != self.channels:
            raise InvalidInput.of("dimension", f"Without a projection the vector has {self.channels} numbers.")

    @property
    def channels(self) -> int:
        """Length of the pooled vector, before the projection."""
        return sum(self.part_channels)

    @property
    def part_channels(self) -> tuple[int, ...]:
        """Length of each part of the pooled vector: levels and quarters by stage, then the last map."""
        entry = backbones.get(self.backbone)
        if self.pooling == "fc":
            return (entry.fc_width,)
        last = self.widths[-1] if self.widths else entry.channels
        earlier = [
            entry.stage_channels[stage] * places
            for stage in range(len(entry.stage_channels))
            for stages, places in ((self.levels, 1), (self.quarters, QUARTERS))
            if stage in stages
        ]
        return (*earlier, last)

    @property
    def normalisation(self) -> Normalisation:
        """What the network is fed with: its own where the spec says so, else the backbone's."""
        if not self.mean:
            return backbones.get(self.backbone).normalisation
        (red, green, blue), (wide_red, wide_green, wide_blue) = self.mean, self.std
        return Normalisation(mean=(red, green, blue), std=(wide_red, wide_green, wide_blue))

    def to_dict(self) -> dict[str, Any]:
        """As JSON: every field, lists as lists."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _LISTS}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EncoderSpec:
        """From JSON; raises InvalidInput for an unknown or unfit field, naming it."""
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise InvalidInput.of(unknown[0], f"An encoder has no field {unknown[0]!r}.")
        if "backbone" not in data:
            raise InvalidInput.of("backbone", "An encoder needs a backbone.")
        return cls(**data)
