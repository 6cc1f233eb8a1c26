"""Latency and recall of vector search, on a PostgreSQL of its own that is gone at the end.

Usage: python -m bench.search [--rows 100000] [--dimension 256 1280] [--kinds manifold clusters] [--queries 200]
       [--lists 200 400] [--builds 24:100] [--json FILE]

The vectors are as unlike noise as real ones (``bench.points``): rectified points of a curved manifold with few local
dimensions, in clusters of uneven size, or, by ``--kinds clusters``, in small clusters far apart. (Vectors of equally
spread noise have no neighbours worth finding.) Queries are new points of the same kind, not stored ones. Times are
those of the whole ``query.nearest``: the scope, its counts, the transaction, the statements, and their way to Python.
After them 20 searches are paged through, and ``--builds 24:100`` compares indexes of other links and building lists.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import django
import numpy as np

KEPT = os.environ.get("BENCH_DATA_DIR", "")  # a folder that is named is kept, for bench.pages to be asked again
DATA_DIR = Path(KEPT or tempfile.mkdtemp(prefix="isb-"))
os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "imagesearch.settings",
        "IMAGESEARCH_DATA_DIR": str(DATA_DIR),
        "IMAGESEARCH_DATABASE_POOL": "0",
    }
)
os.environ.pop("DATABASE_URL", None)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from pgvector import HalfVector  # noqa: E402

from bench.backend import backend_seconds  # noqa: E402
from bench.points import KINDS, Clusters, Floats, Manifold  # noqa: E402
from imagesearch import servers  # noqa: E402
from imagesearch.embedded import lending  # noqa: E402
from retrieval.models import Collection, Encoder, IndexKind, Measure  # noqa: E402
from retrieval.search import indexes, query, stored, vectors  # noqa: E402
from retrieval.search.query import Question, Ranked, nearest  # noqa: E402
from retrieval.search.scope import Filters  # noqa: E402
from retrieval.search.vectors import QueryVector  # noqa: E402

SHARES = (1, 2, 5, 10, 100, 1_000, 10_000)
K = 10
PAGED, PAGES, PAGE = 20, 40, 24
PICTURES = """
COPY retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
    width, height, format, bytes, sha256, placeholder, created_at, updated_at) FROM STDIN
"""
EMBEDDINGS = """
COPY retrieval_embedding (image_id, encoder_id, collection_id, vector, length, centred_length, created_at) FROM STDIN
"""


@dataclass(frozen=True)
class Figure:
    """One line of the result; times in milliseconds.

    ``p50`` and ``p95`` are of the whole call, ``sql`` is the 95th percentile of its statements' part.
    ``cpu`` is the mean processor time of a search, here and in PostgreSQL; ``backend_cpu`` is PostgreSQL's part. Both
    are what an idle machine would take, however busy this one is. ``over`` is the part of Python over psycopg that does
    nothing but send the ranking statement and fetch its rows; ``statements`` is how many a search sends.
    """

    what: str
    dimension: int
    candidates: int
    exact: bool
    recall: float
    p50: float
    p95: float
    sql: float
    cpu: float
    backend_cpu: float
    over: float
    statements: float


@dataclass(frozen=True)
class Paging:
    """What so many searches, each asked for so many pages, showed twice or left out of the first so many."""

    what: str
    dimension: int
    searches: int
    pages: int
    twice: int
    left_out: int


def fill(cloud: Manifold | Clusters, encoder: Encoder, *, rows: int) -> dict[int, Collection]:
    """Put ``rows`` pictures in collections that hold 1/2, 1/5, 1/10 ... of them, and the rest; share -> collection."""
    owner = get_user_model().objects.create(username=encoder.name)
    sizes = {share: rows // share for share in SHARES[1:]}
    sizes[1] = rows - sum(sizes.values())
    collections = {share: Collection.objects.create(name=f"1/{share}", owner=owner) for share in sizes}
    homes = np.repeat(np.array(list(sizes)), list(sizes.values()))
    np.random.default_rng(1).shuffle(homes)
    for start in range(0, rows, 5_000):
        part = homes[start : start + 5_000]
        ids = [collections[int(share)].pk for share in part]
        load(cloud.points(len(part)), ids, encoder=encoder, owner=owner.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE retrieval_embedding")
        cursor.execute("VACUUM ANALYZE retrieval_image")
    return collections


def load(raw: Floats, homes: list[uuid.UUID], *, encoder: Encoder, owner: int) -> None:
    """Copy pictures and vectors in, as quickly as PostgreSQL takes them."""
    unit, ids = vectors.unit(raw), [uuid.uuid4() for _ in homes]
    pictures = (
        (image, home, owner, "", "", "{}", "", "", "{}", 4, 3, "PNG", 1, image.hex * 2, "", "now", "now")
        for image, home in zip(ids, homes, strict=True)
    )
    embeddings = (
        (
            image, encoder.pk, home, HalfVector(unit.vectors[row]).to_text(),
            float(unit.lengths[row]), float(unit.centred_lengths[row]), "now",
        )
        for row, (image, home) in enumerate(zip(ids, homes, strict=True))
    )  # fmt: skip
    for statement, rows in ((PICTURES, pictures), (EMBEDDINGS, embeddings)):
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def forget() -> None:
    """Remove the data folder, unless it was named."""
    if not KEPT:
        shutil.rmtree(DATA_DIR, ignore_errors=True)


class SqlClock:
    """Adds up the time of the statements that pass through it, in milliseconds; a wrapper for ``execute_wrapper``."""

    def __init__(self) -> None:
        self.spent = 0.0
        self.sent: list[tuple[str, Any]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.sent.append((sql, params))
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.spent += 1000 * (time.perf_counter() - start)

    def taken(self) -> float:
        """Return what was added up, and begin anew."""
        spent, self.spent = self.spent, 0.0
        return spent


def measure(what: str, questions: list[Question], *, user: object, truths: list[Ranked] | None = None) -> Figure:
    """Ask all questions once to warm up and once for the clock; compare with the exact answers, asked for or given."""
    for question in questions:
        nearest(question, user=user)
    times, statements, shares, answer, clock = [], [], [], None, SqlClock()
    with connection.execute_wrapper(clock):
        ranking = [last_sent(question, clock, user=user) for question in questions]
    sent, alone = len(clock.sent), bare(ranking)
    here, backend = time.process_time(), backend_seconds()
    with connection.execute_wrapper(clock):
        for question in questions:
            start = time.perf_counter()
            nearest(question, user=user)
            times.append(1000 * (time.perf_counter() - start))
            statements.append(clock.taken())
    backend = 1000 * (backend_seconds() - backend) / len(questions)
    here = 1000 * (time.process_time() - here) / len(questions)
    for number, question in enumerate(questions):
        answer = nearest(question, user=user)
        truth = answer if answer.exact else truths[number] if truths else exact(question, user=user)
        farthest = truth.hits[-1].distance + 1e-9
        shares.append(sum(hit.distance <= farthest for hit in answer.hits) / len(truth.hits))
    return Figure(
        what, len(questions[0].vector.unit), answer.candidates, answer.exact, round(statistics.mean(shares), 4),
        round(statistics.median(times), 2), late(times), late(statements), round(here + backend, 2), round(backend, 2),
        round(here - alone, 2), round(sent / len(questions), 1),
    )  # fmt: skip


def exact(question: Question, *, user: object) -> Ranked:
    """The exact answer."""
    return nearest(replace(question, exact=True), user=user)


def last_sent(question: Question, clock: SqlClock, *, user: object) -> tuple[str, Any]:
    """The statement of a search that ranks: the last that was sent with parameters."""
    nearest(question, user=user)
    return next(each for each in reversed(clock.sent) if each[1])


def bare(ranking: list[tuple[str, Any]]) -> float:
    """The processor time, in milliseconds, that Python takes for one of these statements by psycopg alone."""
    start = time.process_time()
    for sql, params in ranking:
        with connection.connection.cursor() as cursor:
            cursor.execute(sql, params)
            while cursor.nextset():
                pass
            cursor.fetchall()
    return 1000 * (time.process_time() - start) / len(ranking)


def late(times: list[float]) -> float:
    """Return the 95th percentile."""
    return round(statistics.quantiles(times, n=20)[-1], 2)


def questions_of(raw: Floats, encoder: Encoder) -> list[Question]:
    """One question for each point."""
    unit = vectors.unit(raw)
    return [
        Question(encoder, QueryVector.of(unit.vectors[row], length=float(unit.lengths[row])), k=K)
        for row in range(len(raw))
    ]


def fixed(length: int, rows: int, *, share: float) -> int:
    """In the place of ``query.list_length``: this length, whatever the table and the filter."""
    del rows, share
    return length


def figures(kind: str, dimension: int, options: argparse.Namespace) -> Iterator[Figure | Paging]:
    """All lines for points of one kind and dimension."""
    encoder = Encoder.objects.create(name=f"{kind}-{dimension}", spec={}, dimension=dimension, state="draft")
    cloud = KINDS[kind](dimension, seed=dimension)
    start = time.perf_counter()
    collections = fill(cloud, encoder, rows=options.rows)
    print(f"{kind}, {dimension} dimensions: loaded in {time.perf_counter() - start:.0f} s")
    asked, user = questions_of(cloud.points(options.queries), encoder), collections[1].owner
    for links, build_list in options.builds:
        build(encoder, links=links, build_list=build_list, rows=options.rows)
        yield from by_lists(f"{links}:{build_list}", asked, lists=options.lists, user=user)
    build(encoder, links=indexes.LINKS, build_list=indexes.BUILD_LIST, rows=options.rows)
    yield measure("all", asked, user=user)
    for other in (Measure.EUCLIDEAN, Measure.PEARSON):
        yield measure(f"all, {other}", [replace(each, measure=other) for each in asked], user=user)
    yield from by_lists("all", asked, lists=options.lists, user=user)
    for share in SHARES[1:]:
        narrow = Filters(collections=(collections[share].pk,))
        yield measure(f"1/{share}", [replace(each, filters=narrow) for each in asked], user=user)
    half = Filters(collections=(collections[2].pk,))
    yield paged("all", asked, user=user)
    yield paged("1/2", [replace(each, filters=half) for each in asked], user=user)
    yield by_bits(encoder, asked, user=user)
    yield measure("all, exact", [replace(each, exact=True) for each in asked[:30]], user=user)


def build(encoder: Encoder, *, links: int, build_list: int, rows: int) -> None:
    """Build the index anew with so many links and so long a list, and say what that took."""
    usual = indexes.LINKS, indexes.BUILD_LIST
    indexes.drop(encoder.pk)
    indexes.LINKS, indexes.BUILD_LIST = links, build_list
    start = time.perf_counter()
    indexes.build(encoder, rows=rows)
    took, size = time.perf_counter() - start, indexes.find(encoder).size / 2**20
    indexes.LINKS, indexes.BUILD_LIST = usual
    print(f"links {links}, building list {build_list}: indexed in {took:.0f} s, {size:.0f} MB")


def by_lists(what: str, asked: list[Question], *, lists: list[int], user: object) -> Iterator[Figure]:
    """A line for each length of the list that searches keep."""
    chosen, truths = query.list_length, [exact(each, user=user) for each in asked] if lists else []
    for length in lists:
        query.list_length = partial(fixed, length)
        yield measure(f"{what}, list of {length}", asked, user=user, truths=truths)
    query.list_length = chosen


def paged(what: str, asked: list[Question], *, user: object) -> Paging:
    """Look through the first PAGES pages of PAGED searches, beside the exact answer."""
    twice = left_out = 0
    for question in asked[:PAGED]:
        pages = [replace(question, k=PAGE, offset=offset) for offset in range(0, PAGES * PAGE, PAGE)]
        shown = [hit.image_id for page in pages for hit in nearest(page, user=user).hits]
        right = exact(replace(question, k=PAGES * PAGE), user=user).hits
        twice += len(shown) - len(set(shown))
        left_out += len({hit.image_id for hit in right} - set(shown))
    return Paging(what, len(asked[0].vector.unit), len(asked[:PAGED]), PAGES, twice, left_out)


def by_bits(encoder: Encoder, asked: list[Question], *, user: object) -> Figure:
    """The line of an index of bits, built beside the other."""
    encoder.index_kind, encoder.bits_centre = IndexKind.BITS, stored.mean(encoder)
    start = time.perf_counter()
    indexes.build(encoder, rows=0)
    size = indexes.find(encoder).size / 2**20
    print(f"bits of {encoder.dimension} dimensions: indexed in {time.perf_counter() - start:.0f} s, {size:.0f} MB")
    return measure("all, by bits", asked, user=user)


def shown(lines: Iterator[Figure | Paging]) -> Iterator[Figure | Paging]:
    """Print each line as it comes."""
    names = "".join(
        f"{name:>9}" for name in ("exact", "recall", "p50 ms", "p95 ms", "SQL p95", "cpu ms", "backend", "over", "sent")
    )
    print(f"{'':>8}{'what':<22}{'candidates':>11}{names}")
    for line in lines:
        print(_paging(line) if isinstance(line, Paging) else _figure(line), flush=True)
        yield line


def _figure(line: Figure) -> str:
    return (
        f"{line.dimension:>6}  {line.what:<22}{line.candidates:>11}{line.exact!s:>9}{line.recall:>9.4f}"
        f"{line.p50:>9.2f}{line.p95:>9.2f}{line.sql:>9.2f}{line.cpu:>9.2f}{line.backend_cpu:>9.2f}"
        f"{line.over:>9.2f}{line.statements:>9.1f}"
    )


def _paging(line: Paging) -> str:
    return (
        f"{line.dimension:>6}  {line.what}, {line.searches} searches, {line.pages} pages of {PAGE}: "
        f"{line.twice} shown twice, {line.left_out} of the nearest left out"
    )


def lengths(text: str) -> tuple[int, int]:
    """Read LINKS:BUILD_LIST."""
    links, build_list = text.split(":")
    return int(links), int(build_list)


def main() -> None:
    """Measure, print a table, and keep it when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, nargs="+", default=[256, 1280])
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=["manifold"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--lists", type=int, nargs="*", default=[200, 300, 400])
    parser.add_argument("--builds", type=lengths, nargs="*", default=[], metavar="LINKS:BUILD_LIST")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        database = servers.postgres(DATA_DIR).service()
        with lending.lent(DATA_DIR, [database], title="bench", say=print):
            call_command("migrate", verbosity=0)
            wanted = product(options.kinds, options.dimension)
            found = [line for kind, dimension in wanted for line in shown(figures(kind, dimension, options))]
            connection.close()
    finally:
        forget()
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in found], indent=1))


if __name__ == "__main__":
    main()
