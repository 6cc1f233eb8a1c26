"""What watches cost on a picture's way to ready: the worker's time without any and with many, in turns.

Usage: python -m bench.watches [--watches 10000] [--pictures 128] [--rounds 4] [--json FILE]

Each turn puts other pictures in and goes the way of a worker: claim, decode, encode, and one commit for vectors, jobs
and alerts. The watches look in directions drawn at random: in one turn none of them fires, in the next one does for
every picture, which is an alert each. ``cpu`` is processor time of this process and of PostgreSQL's together, per
picture; that of the decoding children is left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.backend import backend_seconds
from bench.ingest import photographs
from bench.pipeline import DATA_DIR, embedded, put_in

from django.core.management import call_command  # isort: skip
from django.db import connection  # isort: skip
from django.db.models import F  # isort: skip

from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.ingest import sandbox
from retrieval.ingest.store import Place
from retrieval.models import Alert, Collection, Encoder, Image, Watch
from retrieval.services.encoders import weights
from retrieval.services.images import imports
from retrieval.services.people import sign_in_link
from retrieval.work import watching

WARM = 32
FIRES = "fires"
KINDS = ("none", "none fires", "one fires")


def main() -> None:
    """Measure, print, and keep it when asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--watches", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            call_command("migrate", verbosity=0)
            found = measured(options)
            connection.close()
    finally:
        sandbox.shared().close()
        shutil.rmtree(DATA_DIR, ignore_errors=True)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """The medians of the turns, and by how much more each kind takes than the turn without watches beside it."""
    encoder, user = weights.first_encoder(), sign_in_link.prepare_admin()
    place = Place(Collection.objects.create(name="bench", owner=user), user, imports.PRIORITY_BULK)
    keep(options.watches, encoder=encoder, owner=user.pk)
    made = iter(photographs((3 * options.rounds + 1) * options.pictures))
    turn(made, count=options.pictures, place=place, kind="none")
    rounds = []
    for number in range(options.rounds):
        order = KINDS[number % 3 :] + KINDS[: number % 3]
        rounds.append({kind: turn(made, count=options.pictures, place=place, kind=kind) for kind in order})
        print(json.dumps(rounds[-1]), flush=True)
    return {
        "watches": options.watches, "alerts": Alert.objects.count(), "first reading ms": read_anew(encoder),
        **{kind: _middle([each[kind] for each in rounds]) for kind in KINDS},
        **{f"{kind}: more, per cent": _middle([_more(each, kind) for each in rounds]) for kind in KINDS[1:]},
    }  # fmt: skip


def _more(each: dict[str, dict[str, float]], kind: str) -> dict[str, float]:
    return {name: 100 * (value / each["none"][name] - 1) for name, value in each[kind].items()}


def _middle(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(each[name] for each in found), 2) for name in found[0]}


def keep(count: int, *, encoder: Encoder, owner: int) -> None:
    """Watches in directions drawn at random."""
    draw = np.random.default_rng(0).standard_normal((count, encoder.dimension)).astype("<f4")
    units = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    rows = (
        Watch(
            user_id=owner,
            name="silent" if number else FIRES,
            asked={},
            encoder=encoder,
            direction=unit.tobytes(),
            least=0.9,
        )
        for number, unit in enumerate(units)
    )
    Watch.objects.bulk_create(rows, batch_size=1_000)


def turn(made: Iterator[bytes], *, count: int, place: Place, kind: str) -> dict[str, float]:
    """Put so many in, and measure how they become ready; the first of them warm up what is kept of the watches."""
    Watch.objects.update(active=kind != "none")
    Watch.objects.filter(name=FIRES).update(least=-1 if kind == "one fires" else 0.9, version=F("version") + 1)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL retrieval_watch")  # all rows were written anew, as no site does it
        cursor.execute("VACUUM ANALYZE retrieval_watch")
    put_in(list(islice(made, WARM)), place)
    embedded(WARM)
    rest = list(islice(made, count - WARM))
    put_in(rest, place)
    began, cpu, there = time.perf_counter(), time.process_time(), backend_seconds()
    embedded(len(rest))
    taken = time.perf_counter() - began, time.process_time() - cpu + backend_seconds() - there
    return {name: 1000 * each / len(rest) for name, each in zip(("wall ms", "cpu ms"), taken, strict=True)}


def read_anew(encoder: Encoder) -> float:
    """Milliseconds of reading all watches, as each worker does after one of them changed."""
    Watch.objects.update(active=True)
    Watch.objects.filter(name=FIRES).update(least=0.9, version=F("version") + 1)
    image, watch = Image.objects.all()[0], Watch.objects.get(name=FIRES)
    unit = np.full(encoder.dimension, encoder.dimension**-0.5, np.float32)
    began = time.perf_counter()
    watching.look(encoder, watch.pk, {image.pk: unit})
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
