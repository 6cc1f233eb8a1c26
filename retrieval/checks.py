"""Start-up checks that really try: database and extension, media folder, broker, the encoder's file, the decoder."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import redis
from django.core import checks
from django.db import DatabaseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from retrieval import conf, weight_files
from retrieval.errors import WeightsError
from retrieval.ingest import process, protection
from retrieval.models import Encoder, Heartbeat
from retrieval.search import integrity

# 0.8.0 brought iterative scans, without which a filtered search starves; 0.8.7 mended a rare race of INSERT and VACUUM.
NEEDED_VECTOR = (0, 8, 0)
WANTED_VECTOR = (0, 8, 7)
BROKER_SECONDS = 2
WRITTEN_SECONDS = 10.0

_written: dict[Path, float] = {}

Problem = str | None


def database() -> Problem:
    """Say what is wrong with the database, or None: it must answer and have a pgvector that can filter."""
    try:
        version = vector_version()
    except DatabaseError as error:
        return f"The database does not answer: {_first_line(error)}"
    if version is None:
        return "The database lacks the extension vector; run manage.py prepare."
    if version < NEEDED_VECTOR:
        return f"pgvector {_dotted(version)} is too old; {_dotted(NEEDED_VECTOR)} or newer is needed."
    return None


def broker() -> Problem:
    """Say what is wrong with the broker, or None: it must answer within two seconds."""
    limits = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}
    client = redis.Redis.from_url(conf.get().broker, **limits, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
    except redis.RedisError as error:
        return f"The broker does not answer: {_first_line(error)}"
    finally:
        client.close()
    return None


def media() -> Problem:
    """Say what is wrong with the folder of pictures, or None: a file must be writable there.

    That it was is believed for some seconds: each try syncs a file, and anybody may ask.
    """
    folder = conf.get().incoming
    if time.monotonic() - _written.get(folder, -WRITTEN_SECONDS) < WRITTEN_SECONDS and folder.is_dir():
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            os.fsync(file.fileno())
    except OSError as error:
        _written.pop(folder, None)
        return f"The media folder {folder} cannot be written: {error.strerror}."
    _written[folder] = time.monotonic()
    return None


def encoder() -> Problem:
    """Say what is wrong with the active encoder, or None: one must be active, and its weights the registered ones."""
    try:
        active = Encoder.objects.active()
    except DatabaseError as error:
        return f"The active encoder is unknown: {_first_line(error)}"
    if active is None:
        return "No encoder is active; start the site once, or activate one in the administration."
    try:
        weight_files.require(active.weights_name, sha256=active.weights_sha256)
    except WeightsError as error:
        return f"The active encoder {active.name} cannot be used: {error.message}"
    return None


def decoder() -> Problem:
    """Say what is wrong with the decoder, or None: it must start, and reach nothing that it must not."""
    try:
        reached = process.measured().reached
    except (process.EndedError, OSError):
        return "The picture decoder does not start."
    if not reached or conf.get().unprotected_decoder:
        return None
    return (
        f"A taken-over decoder would reach {', '.join(reached)}, so no picture is decoded. See docs/operations.md, or"
        f" set {protection.SETTING}=on to decode all the same."
    )


def scheduler() -> Problem:
    """Say that the scheduler is dead, or None: it shows a sign of life every few seconds."""
    try:
        alive = Heartbeat.objects.fresh().filter(kind="scheduler").exists()
    except DatabaseError as error:
        return f"It is not known whether the scheduler lives: {_first_line(error)}"
    return None if alive else "The scheduler gave no sign of life of late: nothing is put right, purged or measured."


PROBES: dict[str, Callable[[], Problem]] = {
    "database": database,
    "broker": broker,
    "media": media,
    "encoder": encoder,
    "decoder": decoder,
    "scheduler": scheduler,
}


def problems() -> dict[str, str]:
    """Try everything now and return what is broken: part -> sentence."""
    return {name: problem for name, probe in PROBES.items() if (problem := probe())}


def vector_version() -> tuple[int, ...] | None:
    """Return the version of pgvector in the database, or None where it is not installed."""
    return integrity.extension_version()


@checks.register("retrieval")
def check_media(**_: Any) -> Sequence[checks.CheckMessage]:
    """System check: the media folder."""
    return _message(checks.Error, media(), "retrieval.E001")


@checks.register(checks.Tags.database)
def check_database(*, databases: Sequence[str] | None, **_: Any) -> Sequence[checks.CheckMessage]:
    """System check: the database; run by ``check --database default`` and before each start."""
    if not databases:
        return []
    if problem := database():
        return _message(checks.Error, problem, "retrieval.E002")
    version = vector_version() or ()
    if version < WANTED_VECTOR:
        text = f"pgvector {_dotted(version)} can rarely miss a neighbour; {_dotted(WANTED_VECTOR)} or newer does not."
        return _message(checks.Warning, text, "retrieval.W001")
    return []


@checks.register(checks.Tags.database)
def check_broker(*, databases: Sequence[str] | None, **_: Any) -> Sequence[checks.CheckMessage]:
    """System check: the broker. A warning, as uploads and searches work without it."""
    return _message(checks.Warning, broker(), "retrieval.W002") if databases else []


@checks.register(checks.Tags.database)
def check_encoder(*, databases: Sequence[str] | None, **_: Any) -> Sequence[checks.CheckMessage]:
    """System check: the active encoder. A warning, as all but embedding and searching by a file works without it."""
    if not databases or database():
        return []
    return _message(checks.Warning, encoder(), "retrieval.W003")


@checks.register(checks.Tags.database)
def check_decoder(*, databases: Sequence[str] | None, **_: Any) -> Sequence[checks.CheckMessage]:
    """System check: the decoder. A warning, as all but reading pictures works without it."""
    return _message(checks.Warning, decoder(), "retrieval.W004") if databases else []


def _message(kind: type[checks.Error | checks.Warning], text: Problem, code: str) -> list[checks.CheckMessage]:
    return [kind(text, id=code)] if text else []


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
