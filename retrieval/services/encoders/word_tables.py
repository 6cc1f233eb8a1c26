"""Word tables of encoders: made from a text encoder and labelled pictures, and measured on pictures never seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval import conf, embedding, live_encoders
from retrieval.embedding import Encoder, word_query, word_table
from retrieval.errors import InvalidInput
from retrieval.evaluation import metrics, sets
from retrieval.progress import Progress
from retrieval.training import vocabulary, word_lessons
from retrieval.training import word_table as fitting

__all__ = [
    "Recipe", "Score", "describe", "make", "measure_captions", "measure_classes", "vocabulary_of", "watched",
]  # fmt: skip

Floats = NDArray[np.float32]
MOST_BYTES = 12 * 1024**2  # of a table


@dataclass(frozen=True)
class Recipe:
    """What a table is made of: the ``words`` lists with how many of each, the pictures' places, and how exact it is."""

    text: fitting.TextEncoder
    words: Sequence[tuple[Path, int]]
    places: word_lessons.Places
    rank: int = 128
    text_name: str = ""


@dataclass(frozen=True)
class Score:
    """How well words found pictures: means over queries, 0..1; ``values`` by the measure's name."""

    name: str
    queries: int
    pictures: int
    values: Mapping[str, float]


def make(name: str, recipe: Recipe, *, output: Path | None = None, progress: Progress) -> Path:
    """Write the table of a weights file (``.safetensors`` left out) and return where: by default beside the weights
    in the settings' folder. Raises WeightsError and InvalidInput, also for a table of more than 12 MB.
    """
    live, sha256 = _encoder(name)
    lessons = word_lessons.read(recipe.places, encode=live.encode, progress=progress)
    entries = vocabulary_of(recipe, lessons)
    table = fitting.fit(entries, lessons=lessons, text=watched(recipe.text, len(entries), progress), rank=recipe.rank)
    about = {"text": recipe.text_name, "words": str(len(entries)), "classes": str(len(lessons.classes))}
    path = output or conf.get().weights_dir / live_encoders.words_name(f"{name}.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    word_table.write(replace(table, weights_sha256=sha256, about=about), path)
    if (size := path.stat().st_size) > MOST_BYTES:
        path.unlink()
        raise InvalidInput.of("rank", f"The table would have {size} bytes; at most {MOST_BYTES}. Take fewer words.")
    return path


def _encoder(name: str) -> tuple[Encoder, str]:
    path = live_encoders.weights_path(f"{name}.safetensors")
    live = embedding.use_quickest(embedding.checkpoint.load(path), cache=live_encoders.graphs())
    return live, hashlib.sha256(path.read_bytes()).hexdigest()


def vocabulary_of(recipe: Recipe, lessons: fitting.Lessons) -> list[vocabulary.Entry]:
    """The words of the recipe's lists and the names of its classes. Raises InvalidInput."""
    return vocabulary.joined([vocabulary.read(path, most=most) for path, most in recipe.words], names=lessons.names)


def watched(text: fitting.TextEncoder, total: int, progress: Progress) -> fitting.TextEncoder:
    """The text encoder, telling how many words of so many it has done."""
    done = 0

    def encode(words: Sequence[str]) -> Floats:
        nonlocal done
        found = np.asarray(text(words), np.float32)
        done += len(words)
        progress("words", min(done, total), total)
        return found

    return encode


def measure_classes(name: str, folder: Path, *, queries: Mapping[str, str], progress: Progress) -> Score:
    """Rank the pictures of DIR/class/picture by a query for each class: mAP and P@10. Raises InvalidInput."""
    live, table = _with_table(name)
    rows = sets.entries(folder)
    if missing := sorted(set(queries) - {row.class_name for row in rows}):
        raise InvalidInput.of("queries", f"{folder.name} has no pictures of {', '.join(missing)}.")
    vectors = _units(word_lessons.encoded(
        [folder / row.item for row in rows], encode=live.encode, progress=progress
    ))  # fmt: skip
    asked = np.array([_wanted(text, table) for text in queries.values()])
    labels = np.array([row.class_name for row in rows])
    order = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")
    hits = np.array([labels[order[place]] == each for place, each in enumerate(queries)])
    values = {"mAP": metrics.average_precision(hits).mean(), "P@10": metrics.precision_at(hits, 10).mean()}
    return Score(folder.name, len(queries), len(rows), {key: float(value) for key, value in values.items()})


def measure_captions(name: str, places: word_lessons.Places, *, progress: Progress) -> Score:
    """Rank the held-out pictures by each of their captions: R@1 and R@10, the share found so early."""
    live, table = _with_table(name)
    pictures = word_lessons.held_out(places)
    vectors = _units(word_lessons.encoded(
        [file for file, _ in pictures], encode=live.encode, progress=progress
    ))  # fmt: skip
    said = [(owner, text) for owner, (_, texts) in enumerate(pictures) for text in texts]
    order = np.argsort(-(np.array([_wanted(text, table) for _, text in said]) @ vectors.T), axis=1, kind="stable")
    hits = order == np.array([owner for owner, _ in said])[:, None]
    values = {f"R@{k}": float(metrics.recall_at(hits, k).mean()) for k in (1, 10)}
    return Score("captions", len(said), len(pictures), values)


def describe(name: str, text: str) -> word_query.Understood:
    """What the table of a weights file makes of a text."""
    return word_query.understand(text, _with_table(name)[1])


def _with_table(name: str) -> tuple[Encoder, word_table.WordTable]:
    live, sha256 = _encoder(name)
    table = live_encoders.words_of_file(f"{name}.safetensors", sha256=sha256)
    if table is None:
        raise InvalidInput.of("name", f"{name} has no word table; make one with make_word_table.")
    return live, table


def _wanted(text: str, table: word_table.WordTable) -> Floats:
    """The vector (D,) of a text; all zero for one that is not understood, so that it ranks nothing."""
    wanted = word_query.understand(text, table).wanted
    return np.zeros(table.dimension, np.float32) if wanted is None else wanted


def _units(x: Floats) -> Floats:
    units: Floats = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return units
