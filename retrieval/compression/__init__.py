"""An encoder made smaller, and what that costs, no Django. What others use is named here; torch is loaded late.

So others write ``compression.build``: by ``from retrieval.compression import build`` they would load torch at once.
"""

from typing import TYPE_CHECKING

from retrieval import on_demand
from retrieval.compression.table import CAUTIONS, STORED, Row, Table, slug
from retrieval.compression.wanted import FEWEST_TO_TUNE, Variants

if TYPE_CHECKING:
    from retrieval.compression.measuring import Bench, Workshop, measured, networks, shrunk, weights_file
    from retrieval.compression.variants import build

_MEASURING = dict.fromkeys(("Bench", "Workshop", "measured", "networks", "shrunk", "weights_file"), "measuring")
__getattr__ = on_demand.names(__name__, {**_MEASURING, "build": "variants"})

__all__ = [
    "CAUTIONS", "FEWEST_TO_TUNE", "STORED", "Bench", "Row", "Table", "Variants", "Workshop", "build", "measured",
    "networks", "shrunk", "slug", "weights_file",
]  # fmt: skip
