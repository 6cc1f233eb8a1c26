"""An encoder made smaller, and what that costs and finds: torch and numpy, no Django. What others use is named here."""

from retrieval.compression.measuring import Bench, Workshop, measured, networks, shrunk, slug, weights_file
from retrieval.compression.storing import STORED
from retrieval.compression.table import CAUTIONS, Row, Table
from retrieval.compression.variants import FEWEST_TO_TUNE, Variants, build

__all__ = [
    "CAUTIONS", "FEWEST_TO_TUNE", "STORED", "Bench", "Row", "Table", "Variants", "Workshop", "build", "measured",
    "networks", "shrunk", "slug", "weights_file",
]  # fmt: skip
