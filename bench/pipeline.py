"""Where the time of putting pictures in goes: decoding, files, database, network, on a PostgreSQL of its own.

Usage: python -m bench.pipeline [--pictures 256] [--encoder mobilenet_v2] [--json FILE]

Goes the way of ``import_images`` and then that of a worker, one after the other, in this process. Milliseconds per
picture by the clock. ``decode`` is what the sandbox's children take for one picture, thumbnails and fingerprints
included; several work at once, beside all else, so that the parts add up to more than the whole. What a child does
with a picture is in bench.ingest, step by step.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import django

WARM = 64
DATA_DIR = Path(tempfile.mkdtemp(prefix="isb-"))
os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "imagesearch.settings",
        "IMAGESEARCH_DATA_DIR": str(DATA_DIR),
        "IMAGESEARCH_DATABASE_POOL": "0",
    }
)
os.environ.pop("DATABASE_URL", None)
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from bench.ingest import photographs  # noqa: E402
from imagesearch import servers  # noqa: E402
from imagesearch.embedded import lending  # noqa: E402
from retrieval import live_encoders  # noqa: E402
from retrieval.embedding.encoder import Encoder as LiveEncoder  # noqa: E402
from retrieval.ingest import sandbox, store  # noqa: E402
from retrieval.ingest.store import Place  # noqa: E402
from retrieval.models import Collection, Embedding  # noqa: E402
from retrieval.services.encoders import weights  # noqa: E402
from retrieval.services.images import imports  # noqa: E402
from retrieval.services.people import sign_in_link  # noqa: E402
from retrieval.work import jobs  # noqa: E402


class Clock:
    """Adds up the seconds of the calls that pass through it, from all threads."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._lock = threading.Lock()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.running():
                return call(*args, **kwargs)

        return timed

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time the block."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.spent += time.perf_counter() - begun

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Time one statement; a wrapper for ``execute_wrapper``."""
        with self.running():
            return execute(sql, params, many, context)


@contextmanager
def clocks() -> Iterator[dict[str, Clock]]:
    """Yield a clock for each part, which runs while the block does."""
    parts = {name: Clock() for name in ("whole", "decode", "files", "database", "network")}
    decode, network = parts["decode"].around, parts["network"].around
    with ExitStack() as stack:
        put = stack.enter_context
        put(mock.patch.object(sandbox.Sandbox, "_decode", decode(sandbox.Sandbox._decode)))
        put(mock.patch.object(LiveEncoder, "encode", network(LiveEncoder.encode)))
        put(mock.patch.object(store, "save", without(parts["database"], parts["files"], store.save)))
        put(connection.execute_wrapper(parts["database"].statement))
        put(parts["whole"].running())
        yield parts


def without(inner: Clock, outer: Clock, call: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, timed by the outer clock but for what the inner one counts meanwhile."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        before = inner.spent
        try:
            return outer.around(call)(*args, **kwargs)
        finally:
            outer.spent -= inner.spent - before

    return timed


def per_picture(parts: dict[str, Clock], count: int) -> dict[str, float]:
    """Milliseconds of each part, and pictures per second of the whole."""
    found = {f"{name} ms": round(1000 * clock.spent / count, 2) for name, clock in parts.items() if clock.spent}
    return {"pictures/s": round(count / parts["whole"].spent, 1), **found}


def put_in(pictures: list[bytes], place: Place) -> dict[str, float]:
    """The way of ``import_images``: decode, keep the files, write the rows."""
    sources = [imports.Source(f"{number}.jpg", data) for number, data in enumerate(pictures)]
    with clocks() as parts:
        for batch in imports.batches(sources, place=place):
            imports.finish(batch, place=place)
    return per_picture(parts, len(pictures))


def embedded(count: int) -> dict[str, float]:
    """The way of a worker: claim, decode again, encode, write the vectors."""
    before = Embedding.objects.count()
    with clocks() as parts:
        while jobs.more_due():
            jobs.embed()
    if (done := Embedding.objects.count() - before) != count:
        raise ValueError(f"{done} of {count} pictures were embedded")
    return per_picture(parts, count)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Both ways, everything warm; needs the database."""
    settings.IMAGESEARCH = replace(settings.IMAGESEARCH, encoder=options.encoder)
    call_command("migrate", verbosity=0)
    weights.first_encoder()
    user = sign_in_link.prepare_admin()
    place = Place(Collection.objects.create(name="bench", owner=user), user, imports.PRIORITY_BULK)
    made = photographs(options.pictures + WARM)
    put_in(made[:WARM], place)
    embedded(WARM)
    results = {"import_images": put_in(made[WARM:], place), "worker": embedded(options.pictures)}
    return {"runtime": live_encoders.runtime_name(), "pictures": options.pictures, **results}


def main() -> None:
    """Measure, print, and keep it when asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            found = measured(options)
            connection.close()
    finally:
        sandbox.shared().close()
        shutil.rmtree(DATA_DIR, ignore_errors=True)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
