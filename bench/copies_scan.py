"""Copies planted among strangers, found as the workers find them: by keys, then compared in detail.

Usage: python -m bench.copies_scan --pictures FOLDER --cache FOLDER [--originals 40] [--others 5160] [--json FILE]

Of each of the originals ten edited copies are made and put beside them. Each copy's candidates are those that share
corner keys with it (as ``services/copies/candidates.py``; here in memory, without fingerprints and vectors), of which
the first are compared. A pair is right when one was made of the other, or both of the same; all other pairs that are
called the same picture are counted as wrong, also where the gallery holds a picture twice (``--list`` names them).
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from PIL import Image

from bench.copies import EDITS, Gallery, another, chosen, decoded
from retrieval.matching import QueryPicture, Verdict, compare_stored, copy_keys, local_features, unpacked_parts


@dataclass
class Index:
    """Corner keys to the places of pictures, as the table of keys holds them."""

    pictures: list[QueryPicture] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, picture: QueryPicture, name: str) -> None:
        """Keep one more picture."""
        place = len(self.pictures)
        self.pictures.append(picture)
        self.names.append(name)
        for key in keys(picture, asked=False):
            self.places[key].append(place)

    def candidates(self, picture: QueryPicture) -> list[int]:
        """The places of those that share the most keys, enough of them."""
        shared = Counter(place for key in keys(picture, asked=True) for place in self.places.get(key, ()))
        enough = [(-count, place) for place, count in shared.items() if count >= copy_keys.LEAST_SHARED]
        return [place for _, place in sorted(enough)[: copy_keys.MOST]]


def keys(picture: QueryPicture, *, asked: bool) -> set[int]:
    """The corner keys of a picture and of what may stand in it."""
    of = copy_keys.asked_corners if asked else copy_keys.of_corners
    return {key for features in (picture.whole, *(part for _, part in picture.parts)) for key in of(features)}


def stored(picture: Image.Image) -> QueryPicture:
    """What is kept of a picture: packed and read back."""
    seen = QueryPicture.of(decoded(picture), size=picture.size, most=local_features.KEPT)
    whole = local_features.unpack(local_features.pack(seen.whole))
    return QueryPicture(picture.size, whole, unpacked_parts(seen.packed_parts()))


def worth(picture: QueryPicture) -> int:
    """Which of two is taken for the original."""
    return picture.size[0] * picture.size[1]


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--originals", type=int, default=40)
    parser.add_argument("--others", type=int, default=5_160)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    count = options.originals + options.others
    files = chosen(options.pictures, count=count + 300, seed=options.seed)
    gallery, index = Gallery(files[:count], cache=options.cache), Index()
    for place, file in enumerate(files[:count]):
        side = gallery.side(place)
        index.add(QueryPicture(side.size, side.features, ()), str(file))
    found = {name: planted(name, index, files, options=options) for name in EDITS}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def planted(name: str, index: Index, files: list[Path], *, options: argparse.Namespace) -> dict[str, float]:
    """Look for copies made by one edit; print and return what was found."""
    count, draw = options.originals + options.others, random.Random(options.seed)
    tally: Counter[str] = Counter()
    began = 0.0
    for place in range(options.originals):
        original = Image.open(files[place]).convert("RGB")
        copy = stored(EDITS[name](original, draw, functools.partial(another, files[count:], draw)))
        start = time.process_time()
        for other in index.candidates(copy):
            first, second = sorted((index.pictures[other], copy), key=worth, reverse=True)
            judged = compare_stored(first, second)
            tally["compared"] += 1
            if judged and judged.verdict == Verdict.SAME_IMAGE:
                tally["right" if other == place else "wrong"] += 1
                if options.list and other != place:
                    print(files[place], index.names[other], judged.matches)
            elif judged and other == place:
                tally["thing"] += 1
        began += time.process_time() - start
    asked = options.originals
    print(f"{name:12} found {100 * tally['right'] / asked:5.1f} %  same thing {100 * tally['thing'] / asked:5.1f} %  "
          f"wrong pairs {tally['wrong']}  compared {tally['compared'] / asked:.1f}  cpu {1000 * began / asked:.0f} ms",
          flush=True)  # fmt: skip
    return {**tally, "asked": asked, "cpu": began}


if __name__ == "__main__":
    main()
