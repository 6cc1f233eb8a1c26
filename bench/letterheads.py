"""Letterheads: how often the strip at the top of a document finds another one of the same sender, whole or by parts.

Usage: python -m bench.letterheads --documents FOLDER --cache FOLDER [--queries 50] [--strip 0.25]

FOLDER holds a folder of documents for each sender. Of each query the strip is cut out of the decoded picture, and it is
asked of all documents but its own: by whole pictures, by the best of the regions that collections keep, and by
``mode=same``, which compares what comes first by regions in detail.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.copies import ENDINGS, WEIGHTS, decoded, units, verified
from retrieval import embedding
from retrieval.embedding import checkpoint
from retrieval.matching import SHORTLIST, Box, Side, boxes, local_features

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def read(files: Sequence[Path]) -> list[Pixels]:
    """As the sandbox hands them over."""
    return [decoded(Image.open(file).convert("RGB")) for file in files]


def drawn(senders: Sequence[str], *, count: int, seed: int) -> list[int]:
    """Places of so many documents whose sender sent another one."""
    several = {name for name, number in Counter(senders).items() if number > 1}
    places = [place for place, name in enumerate(senders) if name in several]
    random.Random(seed).shuffle(places)
    return places[:count]


def first(scores: Floats, place: int) -> int:
    """The best but the query's own document."""
    scores = scores.copy()
    scores[place] = -np.inf
    return int(scores.argmax())


def side(document: Pixels) -> Side:
    """What is kept of a document for comparing it in detail."""
    height, width = document.shape[:2]
    return Side(local_features.unpack(local_features.pack(local_features.extract(document))), (width, height))


def first_verified(strip: Pixels, scores: Floats, place: int, sides: Sequence[Side]) -> int:
    """The best but the query's own document, those of the shortlist first that are the same in detail."""
    height, width = strip.shape[:2]
    shortlist = [int(each) for each in np.argsort(-scores)[: SHORTLIST + 1] if each != place][:SHORTLIST]
    order, _ = verified(strip, shortlist, sides.__getitem__, size=(width, height))
    return order[0]


def main() -> None:
    """Measure and print both shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--strip", type=float, default=0.25)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    files = sorted(path for path in options.documents.rglob("*") if path.suffix.lower() in ENDINGS)
    senders, documents = [file.parent.name for file in files], read(files)
    encoder = embedding.use_quickest(checkpoint.load(WEIGHTS), cache=options.cache)
    whole = np.concatenate([units(encoder, [document]) for document in documents])
    began = time.process_time()
    parts = [units(encoder, [box.cut(each) for box in boxes(each.shape[1], each.shape[0])]) for each in documents]
    cost = (time.process_time() - began) / len(files)
    queries = drawn(senders, count=options.queries, seed=0)
    strips = [Box(0, 0, 1, options.strip).cut(documents[place]) for place in queries]
    sides = [side(each) for each in documents]
    right: Counter[str] = Counter()
    for place, strip, query in zip(queries, strips, units(encoder, strips), strict=True):
        by_whole = whole @ query
        by_parts = np.maximum(by_whole, [(each @ query).max() for each in parts])
        found = first(by_whole, place), first(by_parts, place), first_verified(strip, by_parts, place, sides)
        names = ("whole", "regions", "same by regions")
        right.update({name: senders[each] == senders[place] for name, each in zip(names, found, strict=True)})
    shares = ", ".join(f"{name} {100 * number / len(queries):.0f} %" for name, number in right.items())
    print(f"{len(queries)} strips of {len(files)} documents, {len(set(senders))} senders; right sender first: {shares}")
    print(f"{np.mean([len(each) for each in parts]):.1f} regions a document, {1000 * cost:.0f} ms of processor each")


if __name__ == "__main__":
    main()
