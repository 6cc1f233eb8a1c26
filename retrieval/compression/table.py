"""What compression measured: a row for each way to make an encoder smaller, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cattrs import structure

from retrieval.evaluation import Interval, Report

# The encoder as it is; what search stores of it; and what it may search by instead (``search.indexes``, kind "bits").
FULL, STORED, BITS = "full", "half", "bits"
CAUTIONS = ("slower", "other_runtime")
SLOWER = 0.9  # of the first row's pictures a second: less than that is no accident of measuring


def slug(name: str) -> str:
    """A row's name as encoders may be named."""
    return name.replace("%", "")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``report`` has mAP and everything else; ``difference`` is mAP minus that of ``full``, paired over queries.
    ``vector_bytes`` for one picture, ``weights_bytes`` of the file, ``pictures_per_second`` resizing included,
    ``query_ms`` for an exact scan of 20,000 vectors in memory: all measured here and now. ``sha256`` is that of the
    weights file to adopt, empty where only the stored vectors differ: search stores halves.
    """

    name: str
    report: Report
    difference: Interval
    vector_bytes: int
    weights_bytes: int
    pictures_per_second: float
    query_ms: float
    runtime: str
    sha256: str = ""

    def brief(self) -> Row:
        """The same without what a report says of single classes and pictures."""
        return replace(self, report=replace(self.report, classes=(), confusions=(), worst=()))


@dataclass(frozen=True)
class Table:
    """The rows, ``full`` first; ``calibrated_on`` names the calibration pictures, ``unreadable`` what was left out."""

    source: str
    rows: tuple[Row, ...]
    calibrated_on: str
    unreadable: tuple[str, ...]

    def row(self, name: str) -> Row | None:
        """The row of this name."""
        return next((row for row in self.rows if row.name == name), None)

    def cautions(self, row: Row) -> tuple[str, ...]:
        """What speaks against adopting a row: ``slower`` than ``full``, or by ``other_runtime`` (torch, OpenVINO)."""
        full = self.rows[0]
        slower = row.pictures_per_second < SLOWER * full.pictures_per_second
        other = row.runtime.split("-")[0] != full.runtime.split("-")[0]
        return tuple(name for name, holds in zip(CAUTIONS, (slower, other), strict=True) if holds)

    def brief(self) -> Table:
        """The same without what reports say of single classes and pictures."""
        return replace(self, rows=tuple(row.brief() for row in self.rows))

    def to_dict(self) -> dict[str, Any]:
        """As JSON, every number finite."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """What ``to_dict`` wrote, also after it went through JSON."""
        return structure(data, cls)
