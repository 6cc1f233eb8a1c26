"""What two pictures share, and how sure that is: arrays in, numbers out, no Django. The front door of the room."""

from retrieval.matching.bands import Band, Match, band, match
from retrieval.matching.calibration import Calibration, Sample, fit
from retrieval.matching.open_set import NEIGHBOURS, closeness

__all__ = [
    "NEIGHBOURS", "Band", "Calibration", "Match", "Sample", "band", "closeness", "fit", "match",
]  # fmt: skip
