"""The vectors of a collection as a file for NumPy, written while it is sent."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.utils import timezone

from retrieval.errors import Unavailable
from retrieval.models import Collection, Encoder, Image, Role
from retrieval.search import stored
from retrieval.services.people import accounts, rights
from retrieval.zip_stream import ZipMember, ZipStream

if TYPE_CHECKING:
    from django.contrib.auth.models import User

AT_ONCE = 1_000
TEXT = np.dtype("<U36")
FLOATS = np.dtype("<f4")


def stream(collection: Collection, *, user: User) -> ZipStream:
    """Return an ``.npz`` of the active encoder's vectors, made while it is read; who sees the collection may.

    In it: ``ids`` (n,) texts, ``vectors`` (n, D) float32 as the network gave them (kept in halves), ``encoder``
    and ``digest``, its name and the SHA-256 of its weights. In memory are the ids, 16 bytes each, and a thousand
    vectors. A picture that loses its vector meanwhile has NaN in its row. It goes on the trail. Raises NotFound, and
    Unavailable (``no_encoder``).
    """
    rights.require_role(collection, user=user, role=Role.VIEWER)
    encoder = Encoder.objects.active()
    if encoder is None:
        raise Unavailable("No encoder is active yet.", code="no_encoder")
    rows = Image.objects.alive().filter(stored.has_vector(encoder), collection=collection)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    accounts.record(user, "vectors.exported", collection, count=len(ids), encoder=encoder.name)
    return ZipStream(_members(encoder, ids, at=timezone.now()))


def _members(encoder: Encoder, ids: list[UUID], *, at: datetime) -> Iterator[ZipMember]:
    for name, text in (("encoder", encoder.name), ("digest", encoder.weights_sha256)):
        yield _member(name, np.array(text), at=at)
    parts = [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
    head = _head(TEXT, (len(ids),))
    named = (np.array(list(map(str, part)), TEXT).tobytes() for part in parts)
    yield ZipMember("ids.npy", _after(head, named), len(head) + len(ids) * TEXT.itemsize, at)
    head = _head(FLOATS, (len(ids), encoder.dimension))
    size = len(head) + len(ids) * encoder.dimension * FLOATS.itemsize
    yield ZipMember("vectors.npy", _after(head, (_vectors(encoder, part) for part in parts)), size, at)


def _vectors(encoder: Encoder, ids: Sequence[UUID]) -> bytes:
    """Read the vectors in the order of the ids."""
    found, raw = stored.read(encoder, ids)
    places = {image_id: place for place, image_id in enumerate(ids)}
    rows = np.full((len(ids), encoder.dimension), np.nan, FLOATS)
    rows[[places[image_id] for image_id in found]] = raw
    return rows.tobytes()


def _member(name: str, array: np.ndarray[Any, Any], *, at: datetime) -> ZipMember:
    file = io.BytesIO()
    np.save(file, array)
    return ZipMember(f"{name}.npy", [file.getvalue()], file.tell(), at)


def _head(kind: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return what stands before the numbers of an array in NumPy's format."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind.str, "fortran_order": False, "shape": shape})
    return file.getvalue()


def _after(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from blocks
