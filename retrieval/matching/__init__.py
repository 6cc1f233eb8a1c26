"""What two pictures share, and how sure that is: arrays in, numbers out, no Django. The front door of the room."""

from retrieval.matching import open_set
from retrieval.matching.bands import Band, Match, band, match
from retrieval.matching.calibration import Calibration, Reliability, Sample, fit, reliability
from retrieval.matching.exemplar import Exemplar, Moments
from retrieval.matching.expansion import Further
from retrieval.matching.open_set import NEIGHBOURS, Refusals, closeness

__all__ = [
    "NEIGHBOURS", "Band", "Calibration", "Exemplar", "Further", "Match", "Moments", "Refusals", "Reliability",
    "Sample", "band", "closeness", "fit", "match", "open_set", "reliability",
]  # fmt: skip
