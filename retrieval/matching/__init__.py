"""What two pictures share, and how sure that is: arrays in, numbers out, no Django. The front door of the room."""

from retrieval.matching.bands import Band, Match, band, match
from retrieval.matching.calibration import Calibration, Reliability, Sample, fit, reliability
from retrieval.matching.open_set import closeness

__all__ = [
    "Band",
    "Calibration",
    "Match",
    "Reliability",
    "Sample",
    "band",
    "closeness",
    "fit",
    "match",
    "reliability",
]
