"""What one person's slow pictures cost another: uploads and archives, against a site of its own on 127.0.0.1.

Usage: python -m bench.fairness [--uploads 18 100] [--archives 4] [--members 30] [--json FILE]

One person sends so many pictures at once that each take long to decode (50 million pixels in few bytes), then so many
archives of them. Another meanwhile puts ordinary pictures in, one after the other, and an archive of ten; from another
address (127.0.0.2), as what one address may hold of the web server is bounded for all its people together.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from requests.adapters import HTTPAdapter

from bench.ingest import photographs
from bench.site import PASSWORD, ROOT, Site, started

OTHER, SECONDS_APART, PATIENCE = "other", 0.5, 600
OTHER_ADDRESS = "127.0.0.2"
MAKE = "from django.contrib.auth.models import User; User.objects.create_user({name!r}, password={password!r})"


class FromAnother(HTTPAdapter):
    """Connects from the other person's address."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(OTHER_ADDRESS, 0), **kwargs)  # type: ignore[no-untyped-call]


def slow(number: int) -> bytes:
    """A small WebP of 50 million pixels, different for every number."""
    out = io.BytesIO()
    Image.new("RGB", (8_000, 6_000), (number % 256, number // 256, 7)).save(out, "WEBP", lossless=True, method=0)
    return out.getvalue()


def zipped(pictures: Sequence[bytes]) -> bytes:
    """An archive of pictures."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, data in enumerate(pictures):
            archive.writestr(f"{number}.img", data)
    return out.getvalue()


def person(site: Site, name: str) -> tuple[Site, str]:
    """The site as that person has it, and a collection of theirs."""
    words = [sys.executable, "manage.py", "shell", "-c", MAKE.format(name=name, password=PASSWORD)]
    if name != "admin":
        subprocess.run(words, cwd=ROOT, env=site.environment, check=True, capture_output=True)
    said = {"username": name, "password": PASSWORD}
    answer = requests.post(site.address + "api/v1/auth/token/", json=said, timeout=60)
    theirs = replace(site, headers={"Authorization": f"Token {answer.json()['token']}"})
    return theirs, theirs.post("collections/", json={"name": name})["id"]


def session(*, another: bool = False) -> requests.Session:
    """Connections from this address, or from the other person's."""
    made = requests.Session()
    if another:
        made.mount("http://", FromAnother())
    return made


def upload(through: requests.Session, theirs: tuple[Site, str], data: bytes) -> tuple[int, float]:
    """Put one picture in; returns the status and the seconds."""
    site, collection = theirs
    began = time.monotonic()
    answer = through.post(
        site.address + "api/v1/images/", headers=site.headers, timeout=PATIENCE,
        data={"collection": collection}, files={"file": ("a.jpg", data)},
    )  # fmt: skip
    return answer.status_code, time.monotonic() - began


def health(through: requests.Session, site: Site) -> float:
    """Seconds until /healthz answers."""
    began = time.monotonic()
    through.get(site.address + "healthz", timeout=PATIENCE).raise_for_status()
    return time.monotonic() - began


def uploads(greedy: tuple[Site, str], other: tuple[Site, str], *, count: int, ours: Iterator[bytes]) -> dict[str, Any]:
    """Let one person send so many slow pictures at once; what another's uploads and /healthz take meanwhile."""
    theirs, waits, alive = [slow(100 * count + number) for number in range(count)], [], []
    with ThreadPoolExecutor(count) as threads, session(another=True) as apart:
        sent = [threads.submit(upload, session(), greedy, data) for data in theirs]
        while not all(future.done() for future in sent):
            waits.append(upload(apart, other, next(ours)))
            alive.append(health(apart, other[0]))
            time.sleep(SECONDS_APART)
    return {
        "slow uploads": count,
        "their answers": dict(Counter(future.result()[0] for future in sent)),
        "another's answers": dict(Counter(status for status, _ in waits)),
        "another's longest wait": round(max(seconds for _, seconds in waits), 2),
        "longest healthz": round(max(alive), 2),
    }


def archive(site: Site, collection: str, data: bytes) -> str:
    """Hand an archive in; returns its id."""
    answer = site.post("archives/", data={"collection": collection}, files={"file": ("a.zip", data)})
    return str(answer["id"])


def until_done(site: Site, import_id: str) -> float:
    """Seconds until an archive is taken apart."""
    began = time.monotonic()
    while site.get(f"imports/{import_id}/")["state"] not in {"done", "failed"}:
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError("the archive is not taken apart")
        time.sleep(0.2)
    return time.monotonic() - began


def archives(
    greedy: tuple[Site, str], other: tuple[Site, str], *, ours: Iterator[bytes], options: argparse.Namespace
) -> dict[str, Any]:
    """What another's archive of ten takes alone and beside so many slow archives of one person."""
    site, collection = other
    alone = until_done(site, archive(site, collection, zipped(list(islice(ours, 10)))))
    for number in range(options.archives):
        archive(*greedy, zipped([slow(30_000 + 1000 * number + one) for one in range(options.members)]))
    time.sleep(SECONDS_APART)
    beside = until_done(site, archive(site, collection, zipped(list(islice(ours, 10)))))
    return {"slow archives": options.archives, "archive of ten alone": round(alone, 2), "beside them": round(beside, 2)}


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, nargs="*", default=[18, 100])
    parser.add_argument("--archives", type=int, default=4)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    room = tempfile.TemporaryDirectory(prefix="isb-", ignore_cleanup_errors=True)
    with room as folder, started(Path(folder), encoder="mobilenet_v2") as (site, _):
        greedy, other = person(site, "admin"), person(site, OTHER)
        ours = iter(photographs(600))
        upload(session(), other, next(ours))
        found = [archives(greedy, other, ours=ours, options=options)]
        found += [uploads(greedy, other, count=count, ours=ours) for count in options.uploads]
    for row in found:
        print(json.dumps(row))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
