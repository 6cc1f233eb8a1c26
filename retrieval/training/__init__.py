"""Pictures to better encoders: torch only, no Django. What the rest of the app uses of it is named here."""

from retrieval.training.config import RunConfig
from retrieval.training.data import PictureSet, from_arrays, from_folder, from_manifest
from retrieval.training.loop import Diverged, Hooks, Progress
from retrieval.training.recipes import RECIPES, require_recipe
from retrieval.training.record import Record
from retrieval.training.runs import Places, Result, run

__all__ = [
    "RECIPES", "Diverged", "Hooks", "PictureSet", "Places", "Progress", "Record", "Result", "RunConfig",
    "from_arrays", "from_folder", "from_manifest", "require_recipe", "run",
]  # fmt: skip
