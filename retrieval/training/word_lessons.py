"""What a word table learns from: class folders with names in a recipe, ImageNet's list of names, captioned pictures."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from retrieval.embedding import Pixels
from retrieval.errors import InvalidInput
from retrieval.progress import Progress
from retrieval.training.data import SUFFIXES
from retrieval.training.word_table import Lessons, NamedClass

Floats = NDArray[np.float32]
Encode = Callable[[Sequence[Pixels]], Floats]

PER_CLASS = 40  # pictures of a class, spread over its folders
HELD_OUT = 4  # every so many captioned pictures, by sorted name, the first of them is only measured with
AT_ONCE = 64  # pictures in memory
WORDNET = re.compile(r"n\d{8}")
APART = re.compile(r"[,，、;；（）()]")


@dataclass(frozen=True)
class Places:
    """Where to read: ``data`` holds source/class/pictures, and ``recipe`` names them in TOML.

    ``imagenet`` is a JSON list of ``{"en", "zh"}`` by class, ``captions`` a JSON table of captions by picture name.
    """

    data: Path
    recipe: Path
    imagenet: Path
    captions: Path


@dataclass(frozen=True)
class _Class:
    names: tuple[str, ...]
    files: tuple[Path, ...]


def read(places: Places, *, encode: Encode, progress: Progress) -> Lessons:
    """Encode the pictures of each class and those with captions. Raises InvalidInput naming the file at fault."""
    recipe = _toml(places.recipe)
    classes = [each for each in _classes(places, recipe) if each.files and each.names]
    texts = captions(places)
    said = {name: texts[name] for number, name in enumerate(sorted(texts)) if number % HELD_OUT}
    files = _captioned(places.data / str(recipe.get("captions", "")), said)
    every = [file for each in classes for file in each.files] + [file for file, _ in files]
    vectors = encoded(every, encode=encode, progress=progress)
    ends = np.cumsum([len(each.files) for each in classes])
    parts = np.split(vectors, ends)
    named = [
        NamedClass(each.names, part, tuple(file.relative_to(places.data).parts[0] for file in each.files))
        for each, part in zip(classes, parts, strict=False)
    ]
    return Lessons(named, parts[-1], [texts for _, texts in files])


def captions(places: Places) -> dict[str, list[str]]:
    """The captions of each picture by its name without suffix. Raises InvalidInput."""
    found = _json("captions", places.captions)
    if not isinstance(found, dict) or not all(isinstance(texts, list) for texts in found.values()):
        raise InvalidInput.of("captions", f"{places.captions.name} is no table of lists of captions.")
    return {str(name): [str(text) for text in texts] for name, texts in found.items()}


def held_out(places: Places) -> list[tuple[Path, list[str]]]:
    """The captioned pictures that ``read`` leaves out, with their captions."""
    folder = places.data / str(_toml(places.recipe).get("captions", ""))
    texts = {
        name: each for number, (name, each) in enumerate(sorted(captions(places).items())) if not number % HELD_OUT
    }
    return _captioned(folder, texts)


def encoded(files: Sequence[Path], *, encode: Encode, progress: Progress) -> Floats:
    """Raw vectors (N, D) of picture files. Raises InvalidInput for one that cannot be decoded."""
    found: list[Floats] = []
    for start in range(0, len(files), AT_ONCE):
        found.append(encode([_pixels(file) for file in files[start : start + AT_ONCE]]))
        progress("pictures", min(start + AT_ONCE, len(files)), len(files))
    if not found:
        raise InvalidInput.of("data", "There are no pictures to learn from.")
    return np.concatenate(found)


def _pixels(file: Path) -> Pixels:
    try:
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise InvalidInput.of("data", f"{file} cannot be decoded: {error}") from error


def _classes(places: Places, recipe: dict[str, Any]) -> Iterator[_Class]:
    for each in recipe.get("class", []):
        folders = [places.data / str(folder) for folder in each["folders"]]
        yield _Class(_names([*each.get("en", []), *each.get("zh", [])]), _spread(folders))
    yield from _imagenet(places, [places.data / str(source) for source in recipe.get("imagenet", [])])


def _imagenet(places: Places, sources: Sequence[Path]) -> Iterator[_Class]:
    """The classes of folders called n01440764 or n01440764_tench, by their WordNet numbers."""
    first = {_folder_name(each["en"].split(",")[0]): each for each in _json("imagenet", places.imagenet)}
    folders: dict[str, list[Path]] = {}
    known: dict[str, dict[str, str]] = {}
    for folder in (folder for source in sources if source.is_dir() for folder in sorted(source.iterdir())):
        number, _, name = folder.name.partition("_")
        if WORDNET.fullmatch(number):
            folders.setdefault(number, []).append(folder)
            if (entry := first.get(_folder_name(name))) is not None:
                known[number] = entry
    for number, entry in known.items():
        yield _Class(_names([*APART.split(entry["en"]), *APART.split(entry["zh"])]), _spread(folders[number]))


def _folder_name(name: str) -> str:
    """A class name as folders write it, so that ``jack-o'-lantern`` and ``jack-o_-lantern`` are the same."""
    return re.sub(r"\W|_", "", name.lower())


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))


def _spread(folders: Sequence[Path]) -> tuple[Path, ...]:
    """At most PER_CLASS pictures, as many from each folder, evenly over its sorted names."""
    each = -(-PER_CLASS // max(1, len(folders)))
    chosen: list[Path] = []
    for folder in folders:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
        chosen += files[:: max(1, len(files) // each)][:each]
    return tuple(chosen[:PER_CLASS])


def _captioned(folder: Path, texts: dict[str, list[str]]) -> list[tuple[Path, list[str]]]:
    files = {file.stem: file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES}
    return [(files[name], each) for name, each in sorted(texts.items()) if name in files]


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput.of("recipe", f"{path.name} cannot be read: {error}") from error


def _json(field: str, path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput.of(field, f"{path.name} cannot be read: {error}") from error
