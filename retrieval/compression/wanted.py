"""Which smaller encoders compression is to try."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.embedding import EncoderSpec

BATCH = 16
FEWEST_TO_TUNE = BATCH


@dataclass(frozen=True)
class Variants:
    """Which variants: numbers of dimensions, whole numbers, and the share of hidden channels that pruning leaves.

    ``keep`` 1 means no pruning; ``steps`` is the length of the fine-tune after it, in batches of 16 pictures.
    """

    dimensions: tuple[int, ...] = (512, 256, 128)
    int8: bool = True
    keep: float = 1.0
    steps: int = 100

    def names(self, spec: EncoderSpec) -> list[str]:
        """What ``build`` makes of an encoder of this spec."""
        names = ["int8"] if self.int8 and spec.precision != "int8" else []
        names += [shorter(dimension) for dimension in self.fewer(spec.dimension)]
        return names + ([pruned(self.keep)] if self.keep < 1 else [])

    def fewer(self, than: int) -> list[int]:
        """The numbers of dimensions that make vectors shorter."""
        return [dimension for dimension in self.dimensions if dimension < than]


def shorter(dimension: int) -> str:
    """The name of the row with so many dimensions."""
    return f"pca-{dimension}"


def pruned(keep: float) -> str:
    """The name of the row that keeps this share of its channels."""
    return f"pruned-{keep:.0%}"
