"""The pipeline of one worker: claim a batch, decode it in the sandbox while the network runs, write it down."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from django.db import InterfaceError, OperationalError

from retrieval import conf, live_encoders
from retrieval.embedding import LiveEncoder
from retrieval.errors import NotFound, RetrievalError, StorageFull, Unavailable, WeightsError
from retrieval.ingest import Asker, Decoded, Part, folder_mark, sandbox, store
from retrieval.models import Encoder, Image
from retrieval.search import Vector, vectors
from retrieval.work import ending, ledger
from retrieval.work.ledger import Claim

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = structlog.get_logger(__name__)

# A task claims no more after this time, so that it ends before its soft limit (60 s) even when every picture of its
# last two claims is slow to decode. A picture alone may take as long as the sandbox lets it.
WORK_SECONDS = 8.0
BATCH_DECODE_SECONDS = 15.0
# What decoding needs to know of a picture.
NEEDED = ("pk", "sha256", "page", "pages", "second", "uploader_id")
# After a small batch others may gather for a moment: most work of a small one is its statements, not its pictures.
SMALL_BATCH = 8
GATHER_SECONDS = 0.15
# The system is at fault, not the picture: the attempt does not count.
DATABASE_AWAY = (OperationalError, InterfaceError)
NOT_THE_PICTURE = (Unavailable, StorageFull, WeightsError, *DATABASE_AWAY)

# What could not be given back as the database was away; the next task of this process does it.
_left: list[Claim] = []


@dataclass(frozen=True)
class Batch:
    """A claim whose pictures are being decoded."""

    claim: Claim
    pixels: dict[uuid.UUID, Future[Decoded]]


def embed(image_id: uuid.UUID | None = None) -> int:
    """Embed due pictures, beginning with ``image_id``, for some seconds; return how many jobs were claimed.

    While the network works on one batch the sandbox decodes the next. Each batch commits by itself, and every step
    may run twice without harm. When the worker is to end, what is not decoded by then goes back in line. Raises
    WeightsError or Unavailable when the encoder cannot run, and what Django raises when the database goes away; no
    picture is blamed.
    """
    claimed, ends = 0, time.monotonic() + WORK_SECONDS
    _give_back_left()
    with _in_hand() as held:
        batch = _next_batch(held, first=image_id)
        while batch:
            # A job that was tried before is taken alone and may take its full time: nothing waits behind a small batch.
            small = len(batch.claim.image_ids) < SMALL_BATCH
            following = _next_batch(held) if _goes_on(ends) and not small else None
            claimed += len(batch.claim.image_ids)
            _work(batch)
            held.remove(batch)
            if small and not batch.claim.again:
                time.sleep(GATHER_SECONDS)
            batch = following or (_next_batch(held) if _goes_on(ends) else None)
    return claimed


def _goes_on(ends: float) -> bool:
    """Tell whether another batch may be claimed."""
    return time.monotonic() < ends and not ending.comes()


@contextmanager
def _in_hand() -> Iterator[list[Batch]]:
    """Yield a list for the batches in hand; when the system fails their claims go back, now or by the next task."""
    held: list[Batch] = []
    try:
        yield held
    except NOT_THE_PICTURE:
        _left.extend(batch.claim for batch in held)
        with suppress(*DATABASE_AWAY):
            _give_back_left()
        raise
    finally:
        for future in (future for batch in held for future in batch.pixels.values()):
            future.cancel()


def _give_back_left() -> None:
    while _left:
        ledger.give_back(_left[-1], _left[-1].image_ids)
        _left.pop()


def _next_batch(held: list[Batch], *, first: uuid.UUID | None = None) -> Batch | None:
    """Claim for the active encoder before those being built, and put its pictures in the decoders' line."""
    for encoder in Encoder.objects.wanted().order_by("state"):
        claim = ledger.claim(encoder, first=first)
        if claim:
            held.append(Batch(claim, {}))
            rows = Image.objects.filter(pk__in=claim.image_ids).only(*NEEDED)
            for row in rows:
                asker = Asker.behind(row.uploader_id)
                original = store.original(row.sha256)
                held[-1].pixels[row.pk] = sandbox.begin_query(original, part=Part.of(row), asker=asker)
            return held[-1]
    return None


def _work(batch: Batch) -> None:
    """Encode what could be decoded, and write down how each picture ended; what did not come to its turn goes back."""
    claim = batch.claim
    encoder = live_encoders.for_row(claim.encoder)
    pictures, errors = _decoded(batch)
    done = ledger.finish(claim, _encoded(encoder, pictures))
    for final in (True, False):
        ledger.fail(claim, {pk: e for pk, e in errors.items() if _is_final(e) is final}, final=final)
    put_off = [pk for pk in batch.pixels if pk not in pictures and pk not in errors]
    if put_off:
        ledger.give_back(claim, put_off)
    log.info("batch_embedded", encoder=claim.encoder.name, done=done, failed=len(errors), put_off=len(put_off))


def _is_final(error: RetrievalError) -> bool:
    """Tell whether trying again is pointless: the bytes are what is wrong, not the moment."""
    return error.code not in sandbox.PASSING


def _decoded(batch: Batch) -> tuple[dict[uuid.UUID, NDArray[Any]], dict[uuid.UUID, RetrievalError]]:
    """Wait for the pictures; one that takes too long is tried again alone; what waited behind it is in neither."""
    alone = len(batch.pixels) == 1
    seconds = conf.get().limits.decode_wall + 5 if alone else BATCH_DECODE_SECONDS
    ending.wait_unless(batch.pixels.values(), seconds=seconds)
    pictures: dict[uuid.UUID, NDArray[Any]] = {}
    errors: dict[uuid.UUID, RetrievalError] = {}
    for pk, future in batch.pixels.items():
        if future.cancel() or (ending.comes() and not future.done()):
            continue
        try:
            pictures[pk] = future.result(timeout=0).pixels
        except TimeoutError:
            errors[pk] = RetrievalError("Decoding took too long in a batch.", code="decoders_busy")
        except NOT_THE_PICTURE:
            raise
        except RetrievalError as error:
            errors[pk] = error
        except FileNotFoundError:
            folder_mark.require()  # else this host is at fault, and no picture
            errors[pk] = NotFound("The original file is missing.", code="original_missing")
    return pictures, errors


def _encoded(encoder: LiveEncoder, pictures: dict[uuid.UUID, NDArray[Any]]) -> dict[uuid.UUID, Vector]:
    if not pictures:
        return {}
    return dict(zip(pictures, vectors.one_by_one(encoder.encode(list(pictures.values()))), strict=True))
