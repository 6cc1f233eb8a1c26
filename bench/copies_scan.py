"""Copies planted among strangers, found by a scan as the workers do it, on a PostgreSQL of its own.

Usage: python -m bench.copies_scan --pictures FOLDER --cache FOLDER [--originals 40] [--others 5160] [--json FILE]
    [--list] [--more 100]

Of each of the originals thirteen copies are put beside it, each edited in one way. A pair is right when one was made of
the other, or both of the same; all other pairs that are called copies are wrong, also where the gallery holds a picture
twice (``--list`` names them). ``one more``: what it then costs to look for the copies of one picture.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import io
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from PIL import Image as Pictures

from bench.backend import backend_seconds
from bench.copies import EDITS, Floats, Gallery, another, chosen, decoded, units
from bench.search import DATA_DIR, forget
from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.ingest import fingerprint
from retrieval.matching import QueryPicture, local_features
from retrieval.models import Collection, CopyPair, CopyVerdict, Encoder, Image, ImageFeatures
from retrieval.search import stored, vectors
from retrieval.services.copies import looking, scans
from retrieval.services.copies.scans import ScanRequest
from retrieval.work import long_jobs

Picture = Pictures.Image
COPIES = (CopyVerdict.SAME_FILE, CopyVerdict.SAME_IMAGE)


def encoded(picture: Picture, *, quality: int) -> Picture:
    """Written as a JPEG and read again."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Pictures.open(out).convert("RGB")


PLANTED = {
    "same file": lambda picture, *_: picture,
    "re-encoded": lambda picture, *_: encoded(picture, quality=60),
    "half as wide": lambda picture, *_: picture.resize([max(1, side // 2) for side in picture.size]),
    **EDITS,
}


@dataclass
class Planted:
    """What was put in: the place of the picture that each was made of, and by which edit; none for that one itself."""

    origins: dict[UUID, int] = field(default_factory=dict)
    edits: dict[UUID, str] = field(default_factory=dict)


def main() -> None:
    """Measure, print a table, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--originals", type=int, default=40)
    parser.add_argument("--others", type=int, default=5_160)
    parser.add_argument("--more", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            call_command("migrate", verbosity=0)
            found = measured(options)
            connection.close()
    finally:
        forget()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Plant, scan, and count."""
    spec = {"backbone": "mobilenet_v2", "dimension": 1, "projection": "linear"}
    owner = get_user_model().objects.create_user("bench")
    home = Collection.objects.create(name="All", owner=owner, local_features=True)
    files = chosen(options.pictures, count=options.originals + options.others + 300, seed=options.seed)
    gallery = Gallery(files[:-300], cache=options.cache)
    dimension = gallery.vectors.shape[1]
    encoder = Encoder.objects.create(name="bench", spec=spec, dimension=dimension, state="active", trained=True)
    put = Putting(home, encoder)
    for place, file in enumerate(gallery.files):
        picture, side = Pictures.open(file).convert("RGB"), gallery.side(place)
        put(picture, seen=QueryPicture(side.size, side.features, ()), unit=gallery.vectors[place], of=(place, ""))
    plant(put, gallery, outside=files[-300:], options=options)
    put.flush()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    cost = scanned(home)
    return {"scan": cost, "found": counted(put.planted, options=options), "more": one_more(options.more)}


class Putting:
    """Puts pictures in as they are once the workers are through with them, some at a time."""

    def __init__(self, home: Collection, encoder: Encoder) -> None:
        self.home, self.encoder, self.planted = home, encoder, Planted()
        self._waiting: list[tuple[Image, QueryPicture, Floats]] = []

    def __call__(self, picture: Picture, *, seen: QueryPicture, unit: Floats, of: tuple[int, str]) -> None:
        print_of = fingerprint.pdq(picture)
        content = hashlib.sha256(np.asarray(picture).tobytes() + repr(picture.size).encode()).hexdigest()
        image = Image(
            collection=self.home, uploader=self.home.owner, width=picture.width, height=picture.height, format="PNG",
            bytes=3 * picture.width * picture.height, sha256=content,
            pdq=fingerprint.bit_text(print_of) if print_of else None,
        )  # fmt: skip
        self.planted.origins[image.pk], self.planted.edits[image.pk] = of
        self._waiting.append((image, seen, unit))
        if len(self._waiting) >= 500:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        Image.objects.bulk_create(image for image, _, _ in self._waiting)
        ImageFeatures.objects.bulk_create(
            ImageFeatures(image=image, packed=local_features.pack(seen.whole), parts=seen.packed_parts())
            for image, seen, _ in self._waiting
        )
        found = {image.pk: vectors.one_by_one(unit[None])[0] for image, _, unit in self._waiting}
        stored.put(self.encoder, found, places=dict.fromkeys(found, self.home.pk))
        self._waiting.clear()


def plant(put: Putting, gallery: Gallery, *, outside: list[Path], options: argparse.Namespace) -> None:
    """Put the copies in."""
    draw = random.Random(options.seed)
    for name, edit in PLANTED.items():
        for place in range(options.originals):
            original = Pictures.open(gallery.files[place]).convert("RGB")
            copy = edit(original, draw, functools.partial(another, outside, draw))
            pixels = decoded(copy)
            seen = QueryPicture.of(pixels, size=copy.size, most=local_features.KEPT)
            put(copy, seen=seen, unit=units(gallery.encoder, [pixels])[0], of=(place, name))


def scanned(home: Collection) -> dict[str, float]:
    """Scan to the end, and say what it cost."""
    row = scans.start(ScanRequest(home.pk), user=home.owner)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, here, there = time.perf_counter(), time.process_time(), backend_seconds()
    while row.going:
        long_jobs.run(scans.KIND, row.pk)
        row.refresh_from_db()
    cost = {
        "pictures": row.done, "pairs": row.pairs, "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - here, "cpu of the database": backend_seconds() - there,
        "grown MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before,
    }  # fmt: skip
    print("scan:", ", ".join(f"{name} {value:.1f}" for name, value in cost.items()), row.state, flush=True)
    return cost


def counted(planted: Planted, *, options: argparse.Namespace) -> dict[str, Any]:
    """Count what was found of each edit, and the pairs that are wrong; print a table."""
    found, right, wrong = Counter[str](), 0, 0
    for pair in CopyPair.objects.all():
        same = planted.origins[pair.one_id] == planted.origins[pair.other_id]
        if pair.verdict in COPIES:
            right, wrong = right + same, wrong + (not same)
            if options.list and not same:
                print(
                    "wrong",
                    *(f"{planted.origins[pk]} {planted.edits[pk]}," for pk in (pair.one_id, pair.other_id)),
                    pair.matches,
                )
        for name in _of_original(pair, planted.edits) if same else ():
            found[name + ("" if pair.verdict in COPIES else ": same thing")] += 1
    for name in PLANTED:
        share, thing = (100 * found[key] / options.originals for key in (name, name + ": same thing"))
        print(f"{name:14} found {share:5.1f} %   the same thing {thing:5.1f} %", flush=True)
    print(
        f"pairs called copies: {right} right, {wrong} wrong ({100 * right / max(1, right + wrong):.2f} %)", flush=True
    )
    return {"right": right, "wrong": wrong, **found}


def _of_original(pair: CopyPair, edits: Mapping[UUID, str]) -> Iterator[str]:
    """The edit of a pair of which one is the original."""
    names = {edits[pair.one_id], edits[pair.other_id]}
    if "" in names and len(names) == 2:
        yield from names - {""}


def one_more(count: int) -> dict[str, dict[str, float]]:
    """Look for the copies of some pictures, with and without any, as if each had just come in."""
    paired = {pk for pair in CopyPair.objects.values_list("one", "other") for pk in pair}
    rows = Image.objects.select_related("collection").order_by("sha256")
    return {
        "without copies": _cost(rows.exclude(pk__in=paired)[:count], title="without copies"),
        "with copies": _cost(rows.filter(pk__in=paired)[:count], title="with copies"),
    }


def _cost(images: QuerySet[Image], *, title: str) -> dict[str, float]:
    """Milliseconds of one of these; print them."""
    taken = []
    for image in images:
        began, here, there = time.perf_counter(), time.process_time(), backend_seconds()
        looking.look(image)
        taken.append((time.perf_counter() - began, time.process_time() - here, backend_seconds() - there))
    wall, here, there = (1000 * np.array(each) for each in zip(*taken, strict=True))
    cost = {"median ms": np.median(wall), "cpu ms": here.mean(), "cpu ms of the database": there.mean()}
    print(f"one more {title}:", ", ".join(f"{name} {value:.1f}" for name, value in cost.items()), flush=True)
    return {name: float(value) for name, value in cost.items()}


if __name__ == "__main__":
    main()
