"""Pages of, and acts in, one collection of many pictures: what each costs the server, on a PostgreSQL of its own.

Usage: python -m bench.library [--rows 100000] [--originals 1000] [--json FILE]

Times are those of the whole request in this process, templates and statements included, without the network; ``grown``
is how much larger the process was afterwards than before.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

os.environ["IMAGESEARCH_STATIC_HASHED"] = "off"

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client

from bench.points import Manifold
from bench.search import DATA_DIR, SqlClock, forget, load
from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.ingest import files
from retrieval.models import Collection, Encoder, Image

DIMENSION, TIMES = 256, 5
# Ten years, twenty cameras, fifty tags: as uneven as a real library's.
FACTS = """
UPDATE retrieval_image SET
    taken_at = timestamptz '2016-01-01' + random() * interval '3652 days',
    camera = 'Camera ' || floor(20 * random() ^ 2), tags = ARRAY['tag ' || floor(50 * random() ^ 2)],
    title = 'Picture ' || left(sha256, 6), bytes = 100000
"""
BULK, UNDO, DOWNLOAD = "/api/v1/images/bulk/", "/api/v1/images/bulk/undo/", "/api/v1/images/download/"


@dataclass(frozen=True)
class Figure:
    """One line: milliseconds of the median turn, how many statements it sends, MiB that the process grew."""

    what: str
    milliseconds: float
    statements: int
    grown: float


def fill(rows: int, *, originals: int) -> Collection:
    """One person's collection of so many pictures, so many of which have a file of 100 kB."""
    owner = get_user_model().objects.create_superuser("bench")
    encoder = Encoder.objects.get(state="active")
    collection = Collection.objects.create(name="Many", owner=owner)
    manifold = Manifold(DIMENSION, seed=0)
    for start in range(0, rows, 5_000):
        count = min(5_000, rows - start)
        load(manifold.points(count), [collection.pk] * count, encoder=encoder, owner=owner.pk)
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        cursor.execute("VACUUM FULL ANALYZE retrieval_image")
    for sha256 in Image.objects.values_list("sha256", flat=True)[:originals]:
        path = files.original(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100_000))
    return collection


def measured(what: str, act: Callable[[], object], *, times: int = TIMES) -> Figure:
    """Do it so many times; the first is not counted where there are more."""
    process, taken, clock = psutil.Process(), [], SqlClock()
    before = process.memory_info().rss
    with connection.execute_wrapper(clock):
        for _ in range(times):
            clock.sent.clear()
            began = time.perf_counter()
            act()
            taken.append(1000 * (time.perf_counter() - began))
    middle = sorted(taken[1:] or taken)[len(taken[1:]) // 2]
    return Figure(what, middle, len(clock.sent), (process.memory_info().rss - before) / 2**20)


def got(client: Client, path: str, **query: object) -> Callable[[], object]:
    """Ask for a page, which must come."""

    def ask() -> object:
        answer = client.get(path, query)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.content

    return ask


def zipped(client: Client, ids: list[str]) -> None:
    """Fetch the originals as one file, and throw each part away."""
    answer = client.post(DOWNLOAD, {"ids": ids}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    size = sum(len(part) for part in answer)
    assert size > len(ids) * 100_000


def figures(collection: Collection, *, originals: int) -> Iterator[Figure]:
    """All lines."""
    client = Client()
    client.force_login(collection.owner)
    page, scope = f"/collections/{collection.pk}/", {"collection": str(collection.pk)}
    yield measured("the collection's page, newest first", got(client, page))
    yield measured("the same by date taken", got(client, page, order="-taken_at"))
    yield measured("a month in the middle", got(client, page, month="2021-01", order="-taken_at"))
    yield measured("one tag of fifty", got(client, page, tag="tag 7"))
    yield measured("facets", got(client, f"/api/v1/collections/{collection.pk}/facets/"))
    yield measured("a page of the list by the API", got(client, "/api/v1/images/", **scope))
    yield measured("the collections", got(client, "/collections/"))
    token = {}

    def tag() -> None:
        answer = client.post(BULK, {"filter": scope, "add_tags": ["seen"]}, content_type="application/json").json()
        token["undo"] = answer["undo"]

    yield measured("tag all", tag, times=1)
    undone = lambda: client.post(UNDO, token, content_type="application/json").json()["done"]  # noqa: E731
    yield measured("take that back", undone, times=1)
    ids = [str(pk) for pk in Image.objects.values_list("pk", flat=True)[:originals]]
    yield measured(f"a ZIP of {originals} originals of 100 kB", lambda: zipped(client, ids), times=1)


@contextmanager
def site(rows: int, *, originals: int) -> Iterator[Collection]:
    """The database with the pictures in it, gone at the end."""
    settings.ALLOWED_HOSTS = ["testserver"]
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            call_command("migrate", verbosity=0)
            spec: dict[str, Any] = {"backbone": "mobilenet_v2", "dimension": DIMENSION, "projection": "linear"}
            Encoder.objects.create(name="bench", spec=spec, dimension=DIMENSION, state="active", trained=True)
            yield fill(rows, originals=originals)
            connection.close()
    finally:
        forget()


def main() -> None:
    """Measure, print a table, and keep it when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--originals", type=int, default=1_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    with site(options.rows, originals=options.originals) as collection:
        print(f"{'':<44}{'ms':>9}{'sent':>6}{'grown MiB':>11}")
        for line in figures(collection, originals=options.originals):
            found.append(line)
            print(f"{line.what:<44}{line.milliseconds:>9.1f}{line.statements:>6}{line.grown:>11.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in found], indent=1))


if __name__ == "__main__":
    main()
