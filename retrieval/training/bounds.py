"""The least and the most of a number in a config, written beside its field; what is outside is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from retrieval.errors import InvalidInput

MOST_STEPS = 100_000_000
MOST_ENTRIES = 10_000


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``; without the first when ``above``, without the last when ``below``."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def holds(self, number: float) -> bool:
        """Is the number inside? One that is none (NaN) is not."""
        return (self.low < number if self.above else self.low <= number) and (
            number < self.high if self.below else number <= self.high
        )

    def __str__(self) -> str:
        first = f"above {self.low:g}" if self.above else f"from {self.low:.15g}"
        return f"{first} to {'below ' if self.below else ''}{self.high:.15g}"


Share = Annotated[float, Between(0, 1)]
PartOf = Annotated[float, Between(0, 1, below=True)]  # all of it would leave nothing
Steps = Annotated[int, Between(0, MOST_STEPS)]
Side = Annotated[int, Between(8, 1024)]  # pixels
Weight = Annotated[float, Between(0, 1e6)]  # of a part of a loss
Rate = Annotated[float, Between(0, 1000)]  # over another learning rate
Temperature = Annotated[float, Between(0, 100, above=True)]
Scale = Annotated[float, Between(0, 1000, above=True)]  # of cosines
Margin = Annotated[float, Between(0, 4)]  # squared distances of unit vectors go no further
Stages = Annotated[int, Between(0, 1000)]
Channels = Annotated[int, Between(1, 128)]  # of the last layer; the first of a generator has 32 times as many
Width = Annotated[int, Between(1, 4096)]


@cache
def types_of(cls: type, *, extras: bool) -> Mapping[str, Any]:
    """The types of a dataclass's fields, with their bounds or without: compiled once, they are texts else."""
    return get_type_hints(cls, include_extras=extras)


def require(instance: Any, *, where: str = "") -> None:
    """Raise InvalidInput naming the first number of a dataclass's fields that is out of its bounds."""
    hints = types_of(type(instance), extras=True)  # type: ignore[arg-type]  # mypy: a class has no hash
    for entry in fields(instance):
        for bound, number in bounded(hints[entry.name], getattr(instance, entry.name)):
            if not bound.holds(number):
                name = where + entry.name
                raise InvalidInput.of(name, f"{name} must be {bound}.")


def bounded(kind: Any, value: Any) -> Iterator[tuple[Between, float]]:
    """Every number in a value with its bound, as the annotation of the field has them."""
    if get_origin(kind) is Annotated:
        yield from ((bound, value) for bound in get_args(kind)[1:] if isinstance(bound, Between))
    elif get_origin(kind) is tuple:
        kinds = get_args(kind)
        kinds = (kinds[0],) * len(value) if kinds[-1] is Ellipsis else kinds
        for inner, part in zip(kinds, value, strict=True):
            yield from bounded(inner, part)


def plain(kind: Any) -> Any:
    """The type that an annotation names, without its bounds."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind
