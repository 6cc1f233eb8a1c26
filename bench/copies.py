"""Edited copies among strangers: how often the original comes first, by vector and by ``mode=same``.

Usage: python -m bench.copies --pictures FOLDER --cache FOLDER [--originals 200] [--others 5000] [--json FILE]
    [--edits NAME ...] [--strangers 1000] [--regions]

Of each of the originals (all are among the others in the gallery) ten edited copies are made and searched with.
``vector`` is the plain search by the bundled encoder; ``same`` verifies the first of it, and the first for parts of the
query, by local features; ``regions`` (when asked for) takes for each stored picture the best of its regions and the
whole. Each original is also asked for after it was taken out of the gallery: whatever is then called the same picture
is false, unless the gallery holds it twice (``--list`` names the pairs to look at).
Vectors and features of the gallery are kept in the cache. ``cpu`` is this process's.
"""

from __future__ import annotations

import argparse
import functools
import json
import pickle
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from retrieval import embedding
from retrieval.embedding import checkpoint
from retrieval.matching import (
    SHORTLIST,
    SHORTLIST_OF_A_PART,
    Judgement,
    QueryPicture,
    Side,
    Verdict,
    boxes,
    compare,
    likely_parts,
    local_features,
)

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Edit = Callable[[Image.Image, random.Random, Callable[[], Image.Image]], Image.Image]

WEIGHTS = Path(__file__).resolve().parents[1] / "retrieval" / "weights" / "compact-v1.safetensors"
ENDINGS = {".webp", ".jpg", ".jpeg", ".png"}
WORKING_SIDE = 512
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def quarter(picture: Image.Image, draw: random.Random, _: object) -> Image.Image:
    """A quarter of the area, anywhere."""
    width, height = picture.width // 2, picture.height // 2
    x, y = draw.randint(0, picture.width - width), draw.randint(0, picture.height - height)
    return picture.crop((x, y, x + width, y + height))


def ten_degrees(picture: Image.Image, *_: object) -> Image.Image:
    """Turned by ten degrees, with white corners."""
    return picture.rotate(10, Image.Resampling.BICUBIC, expand=True, fillcolor="white")


def small(picture: Image.Image, *_: object) -> Image.Image:
    """64 pixels on the long side."""
    return picture.resize([max(1, round(64 * side / max(picture.size))) for side in picture.size])


def banner(picture: Image.Image, draw: random.Random, _: object) -> Image.Image:
    """With a coloured strip and words over the lowest quarter."""
    made, colour = picture.copy(), tuple(draw.randint(0, 255) for _ in range(3))
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, made.height * 3 // 4, made.width, made.height), fill=colour)
    pen.text((made.width // 12, made.height * 13 // 16), "SALE 50% OFF TODAY", fill=tuple(255 - c for c in colour))
    return made


def screenshot(picture: Image.Image, draw: random.Random, _: object) -> Image.Image:
    """In a window with a bar above it and lines of text below."""
    width, height = int(picture.width * 1.6), int(picture.height * 1.7)
    made = Image.new("RGB", (width, height), (245, 245, 247))
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, 0, width, height // 10), fill=(40, 44, 52))
    pen.text((8, 4), "file  edit  view  help", fill=(230, 230, 230))
    for line in range(1, 5):
        pen.text((8, height - line * 14), f"lorem ipsum dolor sit amet {draw.randint(0, 99999)}", fill=(20, 20, 20))
    made.paste(picture, ((width - picture.width) // 2, int(height * 0.14)))
    return made


def collage(picture: Image.Image, draw: random.Random, other: Callable[[], Image.Image]) -> Image.Image:
    """One of four squares; the other three are not in the gallery."""
    side = min(picture.size)
    squares = [picture, other(), other(), other()]
    draw.shuffle(squares)
    made = Image.new("RGB", (2 * side, 2 * side))
    for place, each in enumerate(squares):
        made.paste(ImageOps.fit(each, (side, side)), (place % 2 * side, place // 2 * side))
    return made


def pasted(picture: Image.Image, draw: random.Random, _: object) -> Image.Image:
    """Anywhere on a page of text that is four times as wide."""
    width, height = 4 * picture.width, int(4 * picture.width * 1.3)
    made = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(made)
    for y in range(20, height - 20, 16):
        words = ("".join(draw.choices(LETTERS, k=draw.randint(2, 9))) for _ in range(width // 50))
        pen.text((20, y), " ".join(words), fill="black")
    made.paste(picture, (draw.randint(10, width - picture.width - 10), draw.randint(10, height - picture.height - 10)))
    return made


EDITS: dict[str, Edit] = {
    "quarter": quarter,
    "mirror": lambda picture, *_: ImageOps.mirror(picture),
    "90 degrees": lambda picture, *_: picture.transpose(Image.Transpose.ROTATE_90),
    "10 degrees": ten_degrees,
    "grey": lambda picture, *_: picture.convert("L").convert("RGB"),
    "64 px": small,
    "banner": banner,
    "screenshot": screenshot,
    "collage": collage,
    "pasted": pasted,
}


class Gallery:
    """The stored side: vectors of all files, and local features of those that were looked at."""

    def __init__(self, files: Sequence[Path], *, cache: Path) -> None:
        self.files = files
        self._path = cache / "copies.pickle"
        self._kept: dict[str, tuple[tuple[int, int], bytes, Floats]] = {}
        if self._path.exists():
            self._kept = pickle.loads(self._path.read_bytes())  # our own
        self._parts, self._owners = np.empty((0, 0), np.float32), np.empty(0, np.intp)
        self.encoder = embedding.use_quickest(checkpoint.load(WEIGHTS), cache=cache)
        self.vectors = np.stack([self._of(file)[2] for file in files])
        self.save()

    def _of(self, file: Path) -> tuple[tuple[int, int], bytes, Floats]:
        if str(file) not in self._kept:
            picture = Image.open(file).convert("RGB")
            pixels = decoded(picture)
            features = local_features.pack(local_features.extract(pixels))
            self._kept[str(file)] = picture.size, features, units(self.encoder, [pixels])[0]
        return self._kept[str(file)]

    def side(self, place: int) -> Side:
        """What the verification knows of a stored picture."""
        size, packed, _ = self._of(self.files[place])
        return Side(local_features.unpack(packed), size)

    def nearest(self, unit: Floats, *, most: int, without: int | None = None) -> list[int]:
        """The places of the nearest pictures."""
        scores = self.vectors @ unit
        if without is not None:
            scores[without] = -np.inf
        return [int(place) for place in np.argsort(-scores)[:most]]

    def read_regions(self) -> None:
        """Compute the vectors of every picture's regions, as collections keep them."""
        parts = []
        for file in self.files:
            pixels = decoded(Image.open(file).convert("RGB"))
            parts.append(units(self.encoder, [box.cut(pixels) for box in boxes(pixels.shape[1], pixels.shape[0])]))
        self._parts = np.concatenate(parts)
        self._owners = np.repeat(np.arange(len(parts)), [len(each) for each in parts])

    def first_by_regions(self, unit: Floats) -> int | None:
        """The place of the picture whose best region, or the whole of it, is nearest; None without regions."""
        if not len(self._parts):
            return None
        scores = self.vectors @ unit
        np.maximum.at(scores, self._owners, self._parts @ unit)
        return int(scores.argmax())

    def save(self) -> None:
        """Keep what was computed."""
        self._path.write_bytes(pickle.dumps(self._kept))


def units(encoder: embedding.Encoder, pictures: Sequence[Pixels]) -> Floats:
    """Unit vectors (N, D)."""
    raw = encoder.encode(pictures)
    found: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return found


def decoded(picture: Image.Image) -> Pixels:
    """As the sandbox hands it over."""
    scale = WORKING_SIDE / min(picture.size)
    if scale < 1:
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
    return np.asarray(picture)


def ranked(gallery: Gallery, query: Pixels, *, size: tuple[int, int], without: int | None = None) -> Ranked:
    """Search as ``mode=same`` does: a shortlist of the whole and of each part, then the verified ones first."""
    parts = likely_parts(query)
    whole, *of_parts = units(gallery.encoder, [query, *(part.cut(query) for part in parts)])
    by_vector = gallery.nearest(whole, most=SHORTLIST, without=without)
    further = [gallery.nearest(unit, most=SHORTLIST_OF_A_PART, without=without) for unit in of_parts]
    shortlist = list(dict.fromkeys([*by_vector, *(place for places in further for place in places)]))
    order, judged = verified(query, shortlist, gallery.side, size=size)
    return Ranked(by_vector, order, judged, gallery.first_by_regions(whole))


def verified(
    query: Pixels, shortlist: Sequence[int], side: Callable[[int], Side], *, size: tuple[int, int]
) -> tuple[list[int], dict[int, Judgement]]:
    """The places of a shortlist, those first that are the same in detail, and what was found of which."""
    picture = QueryPicture.of(query, size=size)
    judged = {place: found for place in shortlist if (found := compare(picture, side(place)))}
    order = sorted(judged, key=lambda place: (judged[place].verdict != Verdict.SAME_IMAGE, -judged[place].matches))
    return [*order, *(place for place in shortlist if place not in judged)], judged


@dataclass(frozen=True)
class Ranked:
    """Places in the gallery: by vector alone, verified ones first, what the verification said, the first by regions."""

    by_vector: list[int]
    same: list[int]
    judged: dict[int, Judgement]
    by_regions: int | None


@dataclass
class Tally:
    """What came of one edit."""

    asked: int = 0
    vector: int = 0
    shortlisted: int = 0
    same: int = 0
    said: int = 0
    regions: int = 0
    cpu: float = 0.0

    def add(self, found: Ranked, place: int, *, seconds: float) -> None:
        """Count one query whose original is at this place."""
        self.asked += 1
        self.vector += found.by_vector[0] == place
        self.shortlisted += place in found.same
        self.same += found.same[0] == place
        self.said += place in found.judged and found.judged[place].verdict == Verdict.SAME_IMAGE
        self.regions += found.by_regions == place
        self.cpu += seconds

    def line(self, name: str) -> str:
        """One row of the table, in per cent; processor milliseconds a query."""
        shares = (self.vector, self.regions, self.shortlisted, self.same, self.said)
        cells = "".join(f"{100 * share / self.asked:14.1f}" for share in shares)
        return f"{name:12}{cells}{1000 * self.cpu / self.asked:10.0f}"


def chosen(folder: Path, *, count: int, seed: int) -> list[Path]:
    """So many pictures of a folder and those below it, drawn by a seed."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    random.Random(seed).shuffle(files)
    return files[:count]


def another(outside: Sequence[Path], draw: random.Random) -> Image.Image:
    """A picture that is not in the gallery."""
    return Image.open(draw.choice(outside)).convert("RGB")


def edited(
    gallery: Gallery, outside: Sequence[Path], *, originals: int, seed: int, names: Sequence[str]
) -> dict[str, Tally]:
    """Search with these edits of each original; prints a line an edit."""
    tallies = {}
    print(f"{'edit':12}{'vector':>14}{'regions':>14}{'shortlisted':>14}{'same':>14}{'said same':>14}{'cpu ms':>10}")
    for name in names:
        draw, tally = random.Random(seed), Tally()
        for place in range(originals):
            picture = Image.open(gallery.files[place]).convert("RGB")
            copy = EDITS[name](picture, draw, functools.partial(another, outside, draw))
            began = time.process_time()
            found = ranked(gallery, decoded(copy), size=copy.size)
            tally.add(found, place, seconds=time.process_time() - began)
        print(tally.line(name), flush=True)
        tallies[name] = tally
    return tallies


def strangers(gallery: Gallery, *, count: int, listed: bool) -> dict[str, int]:
    """Ask for pictures that were taken out of the gallery; print how many others are called the same picture."""
    pairs, false_pairs, false_queries = 0, 0, 0
    for place in range(count):
        picture = Image.open(gallery.files[place]).convert("RGB")
        found = ranked(gallery, decoded(picture), size=picture.size, without=place)
        same = [other for other, said in found.judged.items() if said.verdict == Verdict.SAME_IMAGE]
        pairs, false_pairs, false_queries = pairs + len(found.same), false_pairs + len(same), false_queries + bool(same)
        for other in same if listed else ():
            print(gallery.files[place], gallery.files[other], found.judged[other].matches, flush=True)
    print(f"strangers: {false_pairs} of {pairs} pairs called the same picture, in {false_queries} of {count} queries")
    return {"pairs": pairs, "false_pairs": false_pairs, "queries": count, "false_queries": false_queries}


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--originals", type=int, default=200)
    parser.add_argument("--others", type=int, default=5_000)
    parser.add_argument("--strangers", type=int, default=1_000)
    parser.add_argument("--edits", nargs="+", choices=list(EDITS), default=list(EDITS))
    parser.add_argument("--regions", action="store_true", help="search by regions too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    stored = options.originals + options.others
    files = chosen(options.pictures, count=stored + 300, seed=options.seed)
    gallery = Gallery(files[:stored], cache=options.cache)
    if options.regions:
        gallery.read_regions()
    tallies = edited(gallery, files[stored:], originals=options.originals, seed=options.seed, names=options.edits)
    found: dict[str, Any] = {"edits": {name: asdict(tally) for name, tally in tallies.items()}}
    found["strangers"] = strangers(gallery, count=options.strangers, listed=options.list)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
