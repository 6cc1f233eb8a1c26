"""The word table of an encoder: words and phrases with vectors in the space of its pictures, as one small file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialised

from retrieval import whole_files
from retrieval.errors import WeightsError

Floats = NDArray[np.float32]

KIND = "imagesearch.words"
VERSION = 1
MOST_BYTES = 64 * 1024**2
NEAR = 0.5  # the cosine from which a class tells what a word was taken for
LEVELS = 127  # of an int8, either side of 0
# What each tensor of the file is: its type, and how many dimensions it has.
LAYOUT = {
    "words": (np.uint8, 1),  # UTF-8, a line each
    "vectors": (np.int8, 2),  # (N, R)
    "scales": (np.float16, 1),  # (N,), of one level
    "weights": (np.float16, 1),  # (N,), how much a word says beside others
    "basis": (np.float16, 2),  # (R, D), directions of the pictures' space
    "classes": (np.int32, 1),  # (C,), the rows that name what pictures showed
}


@dataclass(frozen=True)
class WordTable:
    """N words in the space of D-dimensional pictures; ``weights_sha256`` names the weights that it was made for.

    Row i stands for ``words[i]``: its vector (D,) is ``scales[i] * vectors[i] @ basis``, not of unit length: the more a
    word says of how a picture looks, the longer. ``weights`` (N,) are smaller for words that stand beside everything.
    ``classes`` are the rows whose words name classes of the pictures it was made with. Commoner words come first.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.int8]
    scales: NDArray[np.float16]
    weights: NDArray[np.float16]
    basis: NDArray[np.float16]
    classes: NDArray[np.int32]
    weights_sha256: str
    about: dict[str, str] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        """D, the length of the encoder's vectors."""
        return int(self.basis.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of its words and their vectors: what was measured of one table is not true of another."""
        parts = ("\n".join(self.words).encode(), *(getattr(self, name).tobytes() for name in LAYOUT if name != "words"))
        return hashlib.sha256(b"".join(parts)).hexdigest()

    @cached_property
    def rows(self) -> dict[str, int]:
        """Where each word stands."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def longest(self) -> int:
        """How many letters the longest word of a script without spaces has, for those who cut such text."""
        return max((len(word) for word in self.words if not word.isascii()), default=0)

    def vector(self, row: int) -> Floats:
        """The vector (D,) of a row."""
        vector: Floats = self._full([row])[0]
        return vector

    def nearest_classes(self, vector: Floats, *, most: int, alike: str) -> list[str]:
        """The names of the classes nearest to a vector (D,) by cosine, in the script of ``alike``, best first.

        Only those with a cosine of at least NEAR are named.
        """
        names, units = self._class_units[alike.isascii()]
        cosines = units @ (vector / max(float(np.linalg.norm(vector)), float(np.finfo(np.float32).tiny)))
        return [names[place] for place in np.argsort(-cosines, kind="stable")[:most] if cosines[place] >= NEAR]

    @cached_property
    def _class_units(self) -> dict[bool, tuple[list[str], Floats]]:
        """The classes' names and their vectors at unit length (C, D), those in plain letters and the others."""
        found: dict[bool, tuple[list[str], Floats]] = {}
        for plain in (True, False):
            rows = [int(row) for row in self.classes if self.words[row].isascii() == plain]
            full = self._full(rows)
            units = full / np.maximum(np.linalg.norm(full, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            found[plain] = [self.words[row] for row in rows], units
        return found

    def _full(self, rows: Sequence[int]) -> Floats:
        levels = self.vectors[list(rows)].astype(np.float32) * self.scales[list(rows)].astype(np.float32)[:, None]
        full: Floats = levels @ self.basis.astype(np.float32)
        return full


def pack(vectors: Floats, *, rank: int) -> tuple[NDArray[np.int8], NDArray[np.float16], NDArray[np.float16]]:
    """Vectors (N, D) -> int8 levels (N, R), a scale a row (N,), and the R strongest directions (R, D).

    The directions are the right singular vectors of all vectors, so no other basis of R rows loses less (Eckart and
    Young, The approximation of one matrix by another of lower rank, 1936); they come from the vectors' Gram matrix.
    """
    _, directions = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    basis = directions[:, ::-1].T[:rank].astype(np.float16)
    inside = vectors @ basis.astype(np.float32).T
    scales = (np.abs(inside).max(axis=1) / LEVELS).astype(np.float16)
    steps = np.maximum(scales.astype(np.float32), np.finfo(np.float16).tiny)[:, None]
    return np.clip(np.rint(inside / steps), -LEVELS, LEVELS).astype(np.int8), scales, basis


def write(table: WordTable, path: Path) -> None:
    """Write the table as one safetensors file, whole or not at all."""
    text = "\n".join(table.words).encode()
    tensors = {name: np.ascontiguousarray(getattr(table, name)) for name in LAYOUT if name != "words"}
    about = {KIND: str(VERSION), "weights_sha256": table.weights_sha256, "about": json.dumps(table.about)}
    whole_files.write(path, serialised({**tensors, "words": np.frombuffer(text, np.uint8)}, metadata=about))


def read(path: Path) -> WordTable:
    """Read a table. Raises WeightsError for a file that is none, or one whose parts do not fit together."""
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise WeightsError(f"{path.name} is no word table: {size} bytes are more than {MOST_BYTES}.")
        data = path.read_bytes()
        tensors, about = parse(data), _about(data)
        words = tuple(tensors["words"].tobytes().decode().split("\n"))
        said = json.loads(about.get("about", "{}"))
    except OSError as error:
        raise WeightsError(f"The word table {path.name} cannot be read: {error.strerror}.") from error
    except (SafetensorError, ValueError, LookupError, RecursionError) as error:
        raise WeightsError(f"{path.name} is no word table: {str(error).partition(chr(10))[0]}") from error
    if problem := _problem(tensors, words=words, about=about):
        raise WeightsError(f"{path.name} is no word table: {problem}.")
    parts = {name: tensors[name] for name in LAYOUT if name != "words"}
    return WordTable(words=words, weights_sha256=about["weights_sha256"], about=said, **parts)


def _about(data: bytes) -> dict[str, str]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header.get("__metadata__") or {})


def _problem(tensors: dict[str, NDArray[np.generic]], *, words: tuple[str, ...], about: dict[str, str]) -> str:
    """What is wrong with the parts of a file; empty for nothing."""
    if about.get(KIND) != str(VERSION) or "weights_sha256" not in about:
        return f"it does not say that it is one of version {VERSION}"
    for name, (kind, dimensions) in LAYOUT.items():
        if name not in tensors or tensors[name].dtype != kind or tensors[name].ndim != dimensions:
            return f"it lacks {name}, or has another kind of it"
    rows, rank = tensors["vectors"].shape
    if {len(words), len(tensors["scales"]), len(tensors["weights"])} != {rows} or len(set(words)) != rows:
        return "it has another number of words than of vectors, or a word twice"
    if len(tensors["basis"]) != rank:
        return "its basis has another rank than its vectors"
    classes = tensors["classes"]
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < rows:
        return "it names classes that are not in it"
    if not all(np.isfinite(tensors[name]).all() for name in ("scales", "weights", "basis")):
        return "it holds numbers that are not finite"
    return ""
