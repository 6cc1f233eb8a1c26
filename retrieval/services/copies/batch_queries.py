"""The queries of a batch: read from what was sent, decoded in the sandbox, encoded, and kept as vectors."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval import conf
from retrieval.errors import InvalidInput, RetrievalError, Unavailable
from retrieval.ingest import Asker, Decoded, archive, fetch, fingerprint, sandbox
from retrieval.models import Batch, BatchRow, BatchSource, Encoder, Image
from retrieval.models.bounds import TITLE_LENGTH
from retrieval.search import vectors
from retrieval.services.images import addresses
from retrieval.services.searching import query_pictures

Pixels = NDArray[np.uint8]

MOST = 10_000
AT_ONCE = 16
ARCHIVE = "queries.zip"


@dataclass(frozen=True)
class Query:
    """One that was read: its number, its name, and its bytes or why there are none."""

    n: int
    name: str
    data: bytes = b""
    error: RetrievalError | None = None


Begun = tuple[Query, Future[Decoded] | None]  # and its decoding, where there is something to decode


def addresses_in(table: bytes) -> list[str]:
    """Return the web addresses of a CSV, the first of each row that has one. Raises InvalidInput (file)."""
    try:
        rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput.of("file", "This is not a CSV in UTF-8.") from error
    begins = ("http://", "https://")
    found = [cell.strip() for row in rows for cell in [cell for cell in row if cell.strip().startswith(begins)][:1]]
    if not found:
        raise InvalidInput.of("file", "No row has an address that starts with http:// or https://.")
    return found


def limits() -> archive.ArchiveLimits:
    """What an archive of queries may hold."""
    bounds = conf.get().limits
    return archive.ArchiveLimits(min(MOST, bounds.archive_members), bounds.archive_real_bytes, bounds.image_bytes)


def shown(folder: Path, n: int) -> Path:
    """Where the small picture of a query lies that was sent."""
    return folder / f"{n}.jpg"


def blocks(batch: Batch, folder: Path, *, after: int) -> Iterator[list[Begun]]:
    """Read the queries behind the first ``after``, some at a time: the next are decoded while these are worked on."""
    queries, asker = _read(batch, folder, after=after), Asker.behind(batch.user_id)
    block = _begin(queries, asker)
    while block:
        ahead = _begin(queries, asker)
        yield block
        block = ahead


def encoded(batch: Batch, block: Sequence[Begun], *, encoder: Encoder, folder: Path) -> list[BatchRow]:
    """Encode queries; of each its vector, digest, print and a small picture are kept.

    One that cannot be decoded, or ends its decoder, has that said on its row. Raises Unavailable.
    """
    rows = {query.n: _row(batch, query) for query, _ in block}
    pictures: dict[int, Pixels] = {}
    for query, decoding in block:
        try:
            if decoding:
                pictures[query.n] = decoding.result().pixels
        except Unavailable:
            raise  # no decoder had time for it
        except RetrievalError as error:
            rows[query.n].error_code, rows[query.n].error_text = error.code, error.message
    with ThreadPoolExecutor(1) as beside:
        prints = {n: beside.submit(_keep, pixels, shown(folder, n)) for n, pixels in pictures.items()}
        found = query_pictures.encoded(list(pictures.values()), encoder=encoder) if pictures else []
        for n, vector in zip(pictures, found, strict=True):
            rows[n].vector, rows[n].pdq = vector.unit.astype(np.float16).tobytes(), prints[n].result()
    return list(rows.values())


def stored(batch: Batch, *, after: int) -> list[BatchRow]:
    """The pictures of the asking collection as rows, in the order of their ids, behind the first ``after``."""
    images = Image.objects.visible_to(batch.user).filter(collection=batch.asking).order_by("pk")
    columns = images.values_list("pk", "title", "sha256", "pdq")[after:MOST]
    return [
        BatchRow(batch=batch, n=n, image=pk, name=title[:TITLE_LENGTH], sha256=digest, pdq=pdq or "")
        for n, (pk, title, digest, pdq) in enumerate(columns, after + 1)
    ]


def unit(row: BatchRow) -> vectors.Floats:
    """The vector (D,) that was kept of a query."""
    return np.frombuffer(bytes(row.vector or b""), np.float16).astype(np.float32)


def _read(batch: Batch, folder: Path, *, after: int) -> Iterator[Query]:
    if batch.source == BatchSource.ARCHIVE:
        with archive.PictureArchive(folder / ARCHIVE, limits()) as opened:
            for n, member in enumerate(opened.members(start=after), after + 1):
                yield Query(n, member.name, member.data, member.error)
        return
    for n, name in enumerate(batch.names[after:], after + 1):
        fetched = batch.source == BatchSource.ADDRESSES
        yield _fetched(n, name) if fetched else Query(n, name, sent(folder, n).read_bytes())


def sent(folder: Path, n: int) -> Path:
    """Where a file that was sent waits to be encoded."""
    return folder / f"{n}.query"


def _begin(queries: Iterator[Query], asker: Asker) -> list[Begun]:
    return [
        (query, sandbox.begin_query(query.data, asker=asker) if query.error is None else None)
        for query in islice(queries, AT_ONCE)
    ]


def _fetched(n: int, address: str) -> Query:
    try:
        return Query(n, address, fetch.fetch(address, addresses.rules()).data)
    except RetrievalError as error:
        return Query(n, address, error=error)


def _row(batch: Batch, query: Query) -> BatchRow:
    row = BatchRow(batch=batch, n=query.n, name=query.name[:TITLE_LENGTH])
    if query.error:
        row.error_code, row.error_text = query.error.code, query.error.message
    else:
        row.sha256 = fingerprint.sha256(query.data)
    return row


def _keep(pixels: Pixels, path: Path) -> str:
    """Write the small picture that is shown, and return its fingerprint."""
    small = fingerprint.small(pixels, side=min(conf.get().thumbnail_sizes))
    small.save(path, "JPEG", quality=85)
    return fingerprint.text_of(small)
