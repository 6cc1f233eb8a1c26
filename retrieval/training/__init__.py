"""Pictures to better encoders, no Django. What the rest of the app uses of it is named here; torch is loaded late.

So others write ``training.run``: by ``from retrieval.training import run`` they would load torch at once.
"""

from typing import TYPE_CHECKING

from retrieval import on_demand
from retrieval.training import vocabulary, word_folds, word_lessons, word_table
from retrieval.training.config import AugmentConfig, OptimiserConfig, RunConfig, SamplingConfig, ScheduleConfig
from retrieval.training.data import FEWEST, PictureSet, from_arrays, from_entries, listed

if TYPE_CHECKING:
    from retrieval.training import drawing
    from retrieval.training.distill import Distill, DistillOptions
    from retrieval.training.drawing import Artist, Inversion
    from retrieval.training.loop import CHECKPOINT, Hooks, Job, Progress, averaged, fit
    from retrieval.training.pruning import prune
    from retrieval.training.recipes import require_recipe, require_weights, weights_of
    from retrieval.training.runs import Places, Result, run
    from retrieval.training.showing import augmented

__getattr__ = on_demand.names(
    __name__,
    {
        "Artist": "drawing", "CHECKPOINT": "loop", "Distill": "distill", "DistillOptions": "distill", "Hooks": "loop",
        "Inversion": "drawing", "Job": "loop", "Places": "runs", "Progress": "loop", "Result": "runs",
        "augmented": "showing", "averaged": "loop", "drawing": "", "fit": "loop", "prune": "pruning",
        "require_recipe": "recipes", "require_weights": "recipes", "run": "runs", "weights_of": "recipes",
    },
)  # fmt: skip

__all__ = [
    "CHECKPOINT", "FEWEST", "Artist", "AugmentConfig", "Distill", "DistillOptions", "Hooks", "Inversion", "Job",
    "OptimiserConfig", "PictureSet", "Places", "Progress", "Result", "RunConfig", "SamplingConfig", "ScheduleConfig",
    "augmented", "averaged", "drawing", "fit", "from_arrays", "from_entries", "listed", "prune", "require_recipe",
    "require_weights", "run", "vocabulary", "weights_of", "word_folds", "word_lessons", "word_table",
]  # fmt: skip
