"""The pictures of a query: originals to be decoded, and vectors, encoded now or stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval import conf, live_encoders
from retrieval.errors import Conflict, TooLarge
from retrieval.ingest import files
from retrieval.models import EmbeddingJob, Encoder, Image, JobState
from retrieval.search import QueryVector, stored, vectors

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

Pixels = NDArray[np.uint8]


def sent(file: UploadedFile[bytes]) -> bytes:
    """Read a file that was sent along. Raises TooLarge before it is read."""
    limit = conf.get().limits.image_bytes
    if (file.size or 0) > limit:
        raise TooLarge(f"The file is larger than {limit // 2**20} MB.", code="image_too_large")
    content: bytes = file.read()
    return content


def encoded(pictures: Sequence[Pixels], *, encoder: Encoder) -> list[QueryVector]:
    """Encode decoded pictures (H, W, 3) now. Raises what the encoder raises."""
    units = vectors.unit(live_encoders.for_row(encoder).encode(pictures))
    return [
        QueryVector.of(unit, length=float(length)) for unit, length in zip(units.vectors, units.lengths, strict=True)
    ]


def original(image: Image) -> bytes:
    """Read the file as it was uploaded. Raises Conflict (original_missing)."""
    try:
        return files.original(image.sha256).read_bytes()
    except FileNotFoundError:
        raise Conflict("The original file of this picture is missing.", code="original_missing") from None


def vectors_of(ids: Iterable[UUID], *, encoder: Encoder) -> list[QueryVector]:
    """Read the vectors of stored pictures, in the order asked for. Raises Conflict where there is none yet."""
    ordered = list(dict.fromkeys(ids))
    found = stored.queries(encoder, ordered)
    for missing in (pk for pk in ordered if pk not in found):
        failed = EmbeddingJob.objects.filter(image_id=missing, encoder=encoder, state=JobState.FAILED)
        if failed.exists():
            raise Conflict("This picture could not be read, so nothing can be compared with it.", code="image_failed")
        raise Conflict("This picture is still being read; try again in a moment.", code="image_pending")
    return [found[pk] for pk in ordered]
