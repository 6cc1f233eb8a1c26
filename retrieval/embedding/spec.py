"""What an encoder is made of: a frozen, validated description that travels as JSON beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from retrieval.embedding import backbones
from retrieval.embedding.pooling import POOLINGS
from retrieval.embedding.preprocessing import STEP
from retrieval.embedding.projection import PROJECTIONS
from retrieval.errors import InvalidInput

RESIZES = ("fixed", "aspect")
PRECISIONS = ("float", "int8")
CHOICES = {
    "pooling": tuple(POOLINGS), "projection": tuple(PROJECTIONS), "resize": RESIZES, "precision": PRECISIONS,
}  # fmt: skip
MOST_DIMENSIONS = 4000  # what a half-precision index can hold
LARGEST_SIDE = 1024


@dataclass(frozen=True)
class EncoderSpec:
    """Backbone, pooling, projection and input of an encoder.

    ``dimension`` is the length of the vector; 0 means as long as the pooled one. ``widths`` are the channel counts of
    a narrowed backbone, empty for torchvision's own. ``precision`` int8 means convolutions in whole numbers. Raises
    InvalidInput naming the field that does not fit.
    """

    backbone: str
    pooling: str = "avg"
    projection: str = "identity"
    dimension: int = 0
    image_size: int = 224
    resize: str = "fixed"
    widths: tuple[int, ...] = ()
    precision: str = "float"

    def __post_init__(self) -> None:
        self._check_types()
        object.__setattr__(self, "widths", tuple(self.widths))
        self._check_parts()
        self._check_widths()
        object.__setattr__(self, "dimension", self.dimension or self.channels)
        self._check_numbers()

    def _check_types(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "widths":
                fits = isinstance(value, tuple | list) and all(type(width) is int for width in value)
            else:  # by type, as True is an int too
                fits = type(value).__name__ == field.type
            if not fits:
                raise InvalidInput.of(field.name, f"{field.name} must be of the kind {field.type}.")

    def _check_parts(self) -> None:
        entry = backbones.get(self.backbone)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidInput.of(name, f"{name} must be one of {', '.join(choices)}.")
        if self.pooling == "fc" and not entry.fc_width:
            raise InvalidInput.of("pooling", f"{self.backbone} has no hidden fully connected layer to take.")

    def _check_widths(self) -> None:
        expected = backbones.get(self.backbone).narrow_widths
        if self.widths and len(self.widths) != expected:
            raise InvalidInput.of("widths", f"{self.backbone} takes {expected or 'no'} widths.")
        if not all(1 <= width <= 4096 for width in self.widths):
            raise InvalidInput.of("widths", "Each width must be a whole number from 1 to 4096.")

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
        entry = backbones.get(self.backbone)
        if self.pooling == "fc":
            return entry.fc_width
        return self.widths[-1] if self.widths else entry.channels

    def to_dict(self) -> dict[str, Any]:
        """As JSON: every field, ``widths`` as a list."""
        return {**asdict(self), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EncoderSpec:
        """From JSON; raises InvalidInput for an unknown or unfit field, naming it."""
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise InvalidInput.of(unknown[0], f"An encoder has no field {unknown[0]!r}.")
        if "backbone" not in data:
            raise InvalidInput.of("backbone", "An encoder needs a backbone.")
        return cls(**data)
