"""Every page and list of a site with many pictures: what each costs the server, and which statements read whole tables.

Usage: python -m bench.pages [--rows 100000] [--only PART] [--slow 100] [--json FILE]

With BENCH_DATA_DIR the data folder is kept and used again. ``cpu`` is processor time in milliseconds, of this process
and of PostgreSQL's together, which is what an idle machine would take; ``sql`` is PostgreSQL's part. Each line is the
middle one of three turns. Below what is slow stand the statements that read much, with what they read.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

os.environ["IMAGESEARCH_STATIC_HASHED"] = "off"

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from bench import plans, rows
from bench.backend import backend_seconds
from bench.search import DATA_DIR, SqlClock, forget
from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.api import urls as api_urls
from retrieval.models import Collection, Encoder, Image, Watch
from retrieval.search import indexes
from retrieval.services.searching.search_request import SearchRequest
from retrieval.web import urls as web_urls
from retrieval.web.paging import ORDERS

TURNS, MUCH = 3, 10_000
DIMENSION = 64
FILES = {"metadata_csv", "metadata_json", "vectors", "metadata", "export", "logout", "sign_out", "schema", "unknown"}


@dataclass(frozen=True)
class Figure:
    """One address: milliseconds of processor time, PostgreSQL's part, the time that passed, and statements sent."""

    path: str
    status: int
    cpu: float
    sql: float
    wall: float
    statements: int


def made(count: int) -> Collection:
    """The collection, made unless the folder has it."""
    found = Collection.objects.filter(name="Many").first()
    if found:
        return found
    spec = {"backbone": "mobilenet_v2", "dimension": DIMENSION, "projection": "linear"}
    with transaction.atomic():
        owner = get_user_model().objects.create_superuser("bench")
        encoder = Encoder.objects.create(name="bench", spec=spec, dimension=DIMENSION, state="active", trained=True)
        collection = Collection.objects.create(name="Many", owner=owner)
        rows.make(collection.pk, owner=owner.pk, encoder=encoder.pk, count=count)
        asked = SearchRequest(images=(Image.objects.filter(collection=collection)[0].pk,))
        Watch.objects.update(asked=asked.to_json())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    indexes.build(encoder, rows=count)
    return collection


def addresses(collection: Collection) -> Iterator[str]:
    """Every address of the site and of the API that takes no more than what is there, and ways to ask for lists."""
    middle = str(Image.objects.filter(collection=collection, deleted_at=None).order_by("created_at")[50].pk)
    known = {
        "collection_id": collection.pk,
        "image_id": middle,
        "encoder_id": Encoder.objects.get(state="active").pk,
        "watch_id": Watch.objects.get().pk,
    }
    for room, patterns in (("web", web_urls.urlpatterns), ("api", api_urls.urlpatterns)):
        yield from _plain(room, patterns, known)
    for model in admin.site._registry:
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    yield from _asked(collection, middle)


def _plain(room: str, patterns: list[URLPattern], known: dict[str, object]) -> Iterator[str]:
    for pattern in patterns:
        if getattr(pattern, "name", None) and pattern.name not in FILES:
            wanted = {name: known[name] for name in pattern.pattern.converters if name in known}
            try:
                yield reverse(f"{room}:{pattern.name}", kwargs=wanted)
            except NoReverseMatch:
                continue  # it is about something that is not made here


def _asked(collection: Collection, near: str) -> Iterator[str]:
    page, scope = f"/collections/{collection.pk}/", {"collection": str(collection.pk)}
    sorts = [{"sort": sort} for sort in ORDERS]
    narrowed = [{"tag": "tag 7"}, {"tag": "tag 0"}, {"camera": "Camera 3"}, {"group": "group 77"}, {"q": "picture"}]
    places = [{"month": "2021-01"}, {"at": "50000"}, {"near": near}, {"at": "50000", "sort": "name"}]
    states = [{"status": "failed"}, {"status": "ready"}, {"status": "pending"}]
    for asked in (*sorts, *narrowed, *places, states[0]):
        yield f"{page}?{urlencode(asked)}"
    for asked in (*narrowed, *states, {"favourite": "true"}, {"path": "folder/7"}, {"taken_after": "2025-01-01"}):
        yield f"/api/v1/images/?{urlencode(asked)}"
        yield f"/api/v1/images/?{urlencode(scope | asked)}"
    for asked in ({"like": near}, {"like": near, "tag": "tag 7"}, {"like": near, **scope}):
        yield f"/?{urlencode(asked)}"


def measured(client: Client, path: str) -> tuple[Figure, SqlClock]:
    """Ask so many times, once where the page does not come; what was sent the last time comes with it."""
    taken, clock = [], SqlClock()
    with connection.execute_wrapper(clock):
        for _ in range(TURNS):
            clock.sent.clear()
            before, began, here = backend_seconds(), time.perf_counter(), time.process_time()
            answer = client.get(path)
            own, wall = time.process_time() - here, time.perf_counter() - began
            there = backend_seconds() - before
            taken.append((1000 * (own + there), 1000 * there, 1000 * wall))
            if answer.status_code != HTTPStatus.OK:
                break
    return Figure(path, answer.status_code, *sorted(taken)[len(taken) // 2], len(clock.sent)), clock


def large(clock: SqlClock) -> Iterator[str]:
    """Say of each statement that reads much what it reads."""
    for sql, params in clock.sent:
        if not sql.lstrip("( \n").upper().startswith(("SELECT", "WITH")) or "FOR UPDATE" in sql or "FOR NO KEY" in sql:
            continue
        read = [one for one in plans.readings(sql, params) if one.rows >= MUCH]
        if read:
            yield f"    {' '.join(sql.split())[:300]}"
            yield from (f"      {one.rows:>9,} rows of {one.table} by {one.way}" for one in read)


def shown(collection: Collection, *, only: str, slow: float) -> Iterator[Figure]:
    """All lines, printed as they come."""
    client, refused = Client(raise_request_exception=False), list[str]()
    client.force_login(collection.owner)
    logging.disable(logging.CRITICAL)
    with connection.cursor() as cursor:  # whose processor time would not be seen
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    print(f"{'cpu':>8}{'sql':>8}{'wall':>8}{'sent':>6}")
    for path in dict.fromkeys(addresses(collection)):
        if only not in path:
            continue
        line, clock = measured(client, path)
        if line.status != HTTPStatus.OK:
            refused.append(f"{path} ({line.status})")
            continue
        yield line
        print(f"{line.cpu:>8.1f}{line.sql:>8.1f}{line.wall:>8.1f}{line.statements:>6}  {path}", flush=True)
        if line.cpu >= slow:
            print(*large(clock), sep="\n", end="\n", flush=True)
    print("Not pages, or not made here:", *refused, sep="\n  ")


def main() -> None:
    """Measure, print, and keep the figures when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", default="", help="Addresses that have this in them.")
    parser.add_argument("--slow", type=float, default=100, help="Milliseconds from which on statements are explained.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            call_command("migrate", verbosity=0)
            found = list(shown(made(options.rows), only=options.only, slow=options.slow))
            connection.close()
    finally:
        forget()
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in found], indent=1))


if __name__ == "__main__":
    main()
