"""Many queries asked as one batch against the same asked one by one, and a concept's ranking, on generated rows.

Usage: python -m bench.batches [--rows 100000] [--queries 1000] [--single 200] [--json FILE]

The rows are vectors of bench.search's manifold; the queries are JPEGs of 640 x 480 by the bundled encoder. Single calls
are ``POST search/`` one after the other, in this process and without a network. The batch is killed once in the middle,
in a process of its own; what the second one decodes and writes is what was missing. ``cpu`` is this process's and
PostgreSQL's.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

os.environ |= {
    "IMAGESEARCH_STATIC_HASHED": "off", "IMAGESEARCH_UPLOAD_SEARCHES": "100000", "IMAGESEARCH_USER_SEARCHES": "100000",
}  # fmt: skip

from bench.backend import backend_seconds
from bench.ingest import photographs
from bench.search import DATA_DIR, Manifold, fill, forget

from django.conf import settings  # isort: skip
from django.core.files.uploadedfile import SimpleUploadedFile  # isort: skip
from django.core.management import call_command  # isort: skip
from django.db import connection  # isort: skip
from django.test import Client  # isort: skip

from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.ingest import sandbox
from retrieval.models import Batch, BatchRow, Collection, Image
from retrieval.search import indexes
from retrieval.services.copies import batches
from retrieval.services.copies.batches import BatchRequest, Sent
from retrieval.services.encoders import weights
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import Clicks
from retrieval.work import long_jobs

TAUGHT = 10  # right examples, and as many wrong ones


def main() -> None:
    """Measure, print, and keep it when asked; or be the process that is killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--single", type=int, default=200)
    parser.add_argument("--work", type=UUID, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.work:
        long_jobs.run(batches.KIND, options.work)
        return
    try:
        services = [servers.postgres(DATA_DIR).service(), servers.valkey(DATA_DIR).service()]
        with lending.lent(DATA_DIR, services, title="bench", say=print):
            call_command("migrate", verbosity=0)
            found = measured(options)
            connection.close()
    finally:
        sandbox.shared().close()
        forget()
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Fill, then ask in each way."""
    encoder = weights.first_encoder()
    homes = list(fill(Manifold(encoder.dimension, seed=1), encoder, rows=options.rows).values())
    indexes.build(encoder, rows=options.rows)
    made = photographs(options.queries)
    single = asked_singly(made[: options.single], homes[0])
    batch = asked_at_once(made, homes)
    return {
        "rows": options.rows, "single": single, "batch": batch,
        "times as many a second": batch["queries a second"] / single["queries a second"],
        "killed": killed(made, homes), "concept": by_concept(homes[0]),
    }  # fmt: skip


def asked_singly(made: list[bytes], home: Collection) -> dict[str, float]:
    """Search with one picture after the other."""
    client = signed_in(home)

    def ask(data: bytes) -> None:
        answer = client.post("/api/v1/search/", {"file": SimpleUploadedFile("q.jpg", data), "k": 6})
        if answer.status_code != 200:
            raise ValueError(answer.content[:200])

    ask(made[0])
    return timed(lambda: [ask(data) for data in made], count=len(made))


def asked_at_once(made: list[bytes], homes: list[Collection]) -> dict[str, float]:
    """The same pictures, and more, as one batch."""
    row = batch_of(made, homes)
    return timed(lambda: worked(row), count=len(made))


def worked(row: Batch) -> None:
    """Work on it to its end, a turn after the other."""
    while row.going:
        long_jobs.run(batches.KIND, row.pk)
        row.refresh_from_db()


def killed(made: list[bytes], homes: list[Collection]) -> dict[str, Any]:
    """Kill a batch in the middle, go on with it, and say what the second part did of it."""
    row = batch_of(made, homes)
    environment = {**os.environ, "BENCH_DATA_DIR": str(DATA_DIR)}
    with subprocess.Popen([sys.executable, "-m", "bench.batches", "--work", str(row.pk)], env=environment) as worker:
        while row.rows.count() < len(made) // 2 and worker.poll() is None:
            time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
    before = dict(BatchRow.objects.filter(batch=row).values_list("n", "vector"))
    worked(row)
    after = {n: bytes(vector or b"") for n, vector in BatchRow.objects.filter(batch=row).values_list("n", "vector")}
    return {
        "state": row.state, "encoded when killed": len(before), "queries in the end": len(after),
        "encoded again": sum(after[n] != bytes(vector or b"") for n, vector in before.items()),
        "not compared": row.rows.filter(compared=False).count(),
    }  # fmt: skip


def by_concept(home: Collection) -> dict[str, float]:
    """Rank all of it by a concept."""
    ids = list(Image.objects.filter(collection=home).values_list("pk", flat=True)[: 2 * TAUGHT])
    taught = concepts.create("Concept", Clicks(ids[:TAUGHT], ids[TAUGHT:]), user=home.owner)
    client, took = signed_in(home), []
    for _ in range(30):
        cpu, there, began = time.process_time(), backend_seconds(), time.perf_counter()
        answer = client.post("/api/v1/search/", {"concept": str(taught.pk)}, content_type="application/json")
        spent = time.process_time() - cpu + backend_seconds() - there
        took.append((time.perf_counter() - began, spent, answer.json()["took_ms"]["total"] / 1000))
    names = "whole ms", "cpu ms", "took_ms"
    return {name: 1000 * statistics.median(each) for name, each in zip(names, zip(*took[3:], strict=True), strict=True)}


def batch_of(made: list[bytes], homes: list[Collection]) -> Batch:
    """A batch that stands in line."""
    files = tuple(Sent(f"{number}.jpg", data) for number, data in enumerate(made))
    return batches.start(BatchRequest(tuple(home.pk for home in homes), files), user=homes[0].owner)


def signed_in(home: Collection) -> Client:
    """A browser of the owner's."""
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(home.owner)
    return client


def timed(act: Callable[[], object], *, count: int) -> dict[str, float]:
    """Queries a second, and processor milliseconds of one."""
    began, cpu, there = time.perf_counter(), time.process_time(), backend_seconds()
    act()
    wall, spent = time.perf_counter() - began, time.process_time() - cpu + backend_seconds() - there
    return {"queries": count, "queries a second": count / wall, "cpu ms": 1000 * spent / count}


if __name__ == "__main__":
    main()
