"""Pictures to better encoders: torch only, no Django. What the rest of the app uses of it is named here."""

from retrieval.training.config import AugmentConfig, OptimiserConfig, RunConfig, SamplingConfig, ScheduleConfig
from retrieval.training.data import FEWEST, PictureSet, from_arrays, from_entries, listed
from retrieval.training.distill import Distill, DistillOptions
from retrieval.training.drawing import Artist, Inversion
from retrieval.training.loop import CHECKPOINT, Hooks, Job, Progress, averaged, fit
from retrieval.training.prune import prune
from retrieval.training.recipes import require_recipe, require_weights, weights_of
from retrieval.training.runs import Places, Result, run
from retrieval.training.showing import augmented

__all__ = [
    "CHECKPOINT", "FEWEST", "Artist", "AugmentConfig", "Distill", "DistillOptions", "Hooks", "Inversion", "Job",
    "OptimiserConfig", "PictureSet", "Places", "Progress", "Result", "RunConfig", "SamplingConfig", "ScheduleConfig",
    "augmented", "averaged", "drawing", "fit", "from_arrays", "from_entries", "listed", "prune", "require_recipe",
    "require_weights", "run", "vocabulary", "weights_of", "word_folds", "word_lessons", "word_table",
]  # fmt: skip
