"""Weights files and the encoders made of them: download on request, register a local file, make the first encoder."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.validators import slug_re
from django.db import connection, transaction
from django.utils import timezone

from retrieval import conf, embedding, live_encoders, weight_files, whole_files
from retrieval.embedding import EncoderSpec, backbones
from retrieval.errors import Conflict, InvalidInput, Unavailable, WeightsError
from retrieval.ingest import files
from retrieval.matching import WORDS, Calibration, of_words
from retrieval.models import Encoder, EncoderState
from retrieval.progress import Progress

# (bytes so far, bytes in all or 0 when the server does not say)
BLOCK = 1024 * 1024
TIMEOUT = 30  # seconds without a byte
FALLBACK = "mobilenet_v2"
CALIBRATION = ".calibration.json"
SMOOTHED_CALIBRATION = ".neighbourhood.calibration.json"
LONGEST_NAME = 80


def fetch(backbone: str, *, progress: Progress, mirror: str = "") -> Path:
    """Download the official weights of a backbone into the weights folder, unless they are there; returns the file.

    ``mirror`` is another address of the same file. The bytes must have the SHA-256 that torchvision names; others are
    not kept. A download that breaks off leaves its part, and the next one goes on from there. Raises InvalidInput for
    an unknown backbone, Unavailable without a connection, WeightsError for other bytes.
    """
    published = embedding.networks.published(backbones.get(backbone))
    target = conf.get().weights_dir / published.filename
    if target.is_file() and _sha256(target).startswith(published.sha256_prefix):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + whole_files.DRAFT)
    _download(mirror or published.url, partial, progress=progress)
    if not (found := _sha256(partial)).startswith(published.sha256_prefix):
        partial.unlink()
        raise WeightsError(f"The download has SHA-256 {found}; expected {published.sha256_prefix}...")
    whole_files.settle(partial, target)
    return target


def _download(url: str, target: Path, *, progress: Progress) -> None:
    """Bring the file to its full length; what is there already is asked for only where the server cannot give parts."""
    if not url.startswith(("https://", "http://")):
        raise InvalidInput.of("mirror", "The address must begin with https:// or http://.")
    had = target.stat().st_size if target.exists() else 0
    try:
        _append(urllib.request.Request(url, headers={"Range": f"bytes={had}-"} if had else {}), target, progress)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Unavailable(f"{url} cannot be fetched: {error.reason}.") from error
        # It was whole, and its SHA-256 says whether it is the right one.
    except (OSError, HTTPException) as error:
        raise Unavailable(f"{url} cannot be fetched: {getattr(error, 'reason', error)}.") from error


def _append(request: urllib.request.Request, target: Path, progress: Progress) -> None:
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        follows = response.status == HTTPStatus.PARTIAL_CONTENT
        with target.open("ab" if follows else "wb") as file:
            done = file.tell()
            length = response.headers.get("Content-Length")
            total = done + int(length) if length else 0
            for block in _blocks(response):
                file.write(block)
                done += len(block)
                progress(target.name.removesuffix(whole_files.DRAFT), done, total)
    if done < total:
        raise ConnectionError("the connection ended early; the same command goes on from there")


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def register(name: str, path: Path, *, spec: EncoderSpec | None = None, sha256: str = "") -> Encoder:
    """Make a draft encoder of a trained weights file, which is copied into the weights folder.

    ``spec`` may be left out for a file that carries one. The file is read completely first, so one that does not fit
    is refused now. The name is held from the look at it until the row is committed. Raises WeightsError, InvalidInput
    for a name that none can have, Conflict when it is taken, and StorageFull.
    """
    require_free(name)
    live = embedding.checkpoint.load(path, spec=spec, sha256=sha256 or None)
    carried = embedding.header.read_spec(path)
    folder = conf.get().weights_dir
    folder.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        hold_name(name)
        if carried is None and live.spec.projection != "identity":
            # The projection is not in the file: keep the whole encoder, so that it can never come out differently.
            kept = folder / f"{name}.safetensors"
            embedding.checkpoint.save(live, kept)
        else:
            kept = _copied(path, folder / f"{name}{path.suffix}")
        return _row(name, spec=live.spec, file=kept)


def hold_name(name: str) -> None:
    """Wait until nobody else holds the name, then keep it until the transaction ends. Raises as ``require_free``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"encoder name {name}"])
    require_free(name)


def require_free(name: str) -> None:
    """Raise InvalidInput for a name that no encoder can have, as files are named so, and Conflict when it is taken."""
    if len(name) > LONGEST_NAME or not slug_re.match(name):
        raise InvalidInput.of("name", f"A name is 1 to {LONGEST_NAME} letters, digits, - and _.")
    if Encoder.objects.filter(name=name).exists():
        raise Conflict(f"There is an encoder called {name} already.", code="name_taken")


def _copied(source: Path, target: Path) -> Path:
    """Copy it durably, under a name of its own first: a reader finds all of it or nothing."""
    partial = target.with_name(f"{target.name}.{uuid4().hex}.partial")
    with source.open("rb") as file:
        files.receive(file, partial, most=source.stat().st_size)
    whole_files.settle(partial, target)
    return target


def _row(name: str, *, spec: EncoderSpec, file: Path | None, state: str = EncoderState.DRAFT) -> Encoder:
    return Encoder.objects.create(
        name=name,
        spec=spec.to_dict(),
        dimension=spec.dimension,
        weights_name=file.name if file else "",
        weights_sha256=_sha256(file) if file else "",
        trained=file is not None,
        calibration=_read(file.with_suffix(CALIBRATION)) if file else {},
        state=state,
        activated_at=timezone.now() if state == EncoderState.ACTIVE else None,
    )


def first_encoder() -> Encoder:
    """The active encoder; on the first start the one the settings name is made, and marked untrained without weights.

    The settings name a weights file with its own spec (bundled, or in the weights folder, ``.safetensors`` left out)
    or a backbone. Raises InvalidInput when they name neither, and WeightsError for a bundled file that was altered.
    """
    row = Encoder.objects.active()
    if row is not None:
        return _calibrated(row)
    wanted = conf.get().encoder
    try:
        file = live_encoders.weights_path(f"{wanted}.safetensors")
    except WeightsError:
        return _untrained(wanted)
    weight_files.require_known(file)
    spec = embedding.header.read_spec(file)
    if spec is None:
        raise WeightsError(f"{file.name} does not say which encoder it is for.")
    return _row(wanted, spec=spec, file=file, state=EncoderState.ACTIVE)


def _calibrated(row: Encoder) -> Encoder:
    """The row, with what it lacks of the calibration that lies beside its weights, where that came later."""
    if row.weights_name and WORDS not in row.calibration:
        kept = {**calibration(row.weights_name, smoothed=row.smooths_id is not None), **row.calibration}
        if kept != row.calibration:
            row.calibration = kept
            row.save(update_fields=["calibration"])
    return row


def calibration(weights_name: str, *, smoothed: bool) -> dict[str, Any]:
    """What lies beside a weights file for its encoder's scores, or for those of one that smooths its vectors.

    Empty where nothing does. Raises WeightsError for one that cannot be read, or without the weights file.
    """
    file = live_encoders.weights_path(weights_name)
    return _read(file.with_suffix(SMOOTHED_CALIBRATION if smoothed else CALIBRATION))


def _read(file: Path) -> dict[str, Any]:
    """The calibration in NAME.calibration.json; empty where there is none. Raises WeightsError for a broken one."""
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text())
        pictures, words = Calibration.from_dict(data), of_words(data)
    except (ValueError, TypeError, InvalidInput) as error:
        raise WeightsError(f"{file.name} is no calibration: {error}") from error
    return {**pictures.to_dict(), **({WORDS: words.to_dict()} if words else {})}


def _untrained(wanted: str) -> Encoder:
    bundled = conf.Conf.encoder
    spec = EncoderSpec(FALLBACK if wanted == bundled else wanted)
    return _row(f"{spec.backbone}-untrained", spec=spec, file=None, state=EncoderState.ACTIVE)
