"""Calibrate the words of an encoder: what the scores of its word table mean, on words that it did not learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrieval import live_encoders
from retrieval.errors import InvalidInput
from retrieval.matching import AskedWord, Calibration, fit_words
from retrieval.models import Encoder
from retrieval.progress import Progress
from retrieval.search import vectors
from retrieval.services.encoders.word_tables import Recipe, vocabulary_of, watched
from retrieval.training import word_folds, word_lessons

__all__ = ["measure"]


def measure(row: Encoder, recipe: Recipe, *, progress: Progress) -> Calibration:
    """Fit on the recipe's labelled pictures, each source asked by a table made without it; nothing is stored.

    It is for the encoder's own word table, and names it. Raises InvalidInput for an encoder without one or too few
    words, and WeightsError.
    """
    table = live_encoders.words(row)
    if table is None:
        raise InvalidInput.of("name", f"{row.name} has no word table; make one with make_word_table.")
    lessons = word_lessons.read(recipe.places, encode=live_encoders.for_row(row).encode, progress=progress)
    entries = vocabulary_of(recipe, lessons)
    text = watched(recipe.text, len(entries), progress)
    gallery = vectors.unit(np.concatenate([each.vectors for each in lessons.classes])).vectors
    asked = word_folds.unlearned(entries, lessons, text=text, rank=recipe.rank)
    found = fit_words(gallery, [AskedWord(each.vector, each.source, each.own, each.shows) for each in asked])
    return replace(found, fitted_on={**found.fitted_on, "table": table.digest})
