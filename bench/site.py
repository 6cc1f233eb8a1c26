"""The whole site as its users have it: start, picture in to ready, query by upload, memory, page weight.

Usage: python -m bench.site [--pictures 240] [--queries 60] [--encoder mobilenet_v2] [--json FILE]

Starts ``manage.py up`` in a temporary folder, with pictures made on the spot, and stops it afterwards. The encoder's
weights do not matter to the time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from bench.ingest import photographs

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "only-for-the-bench-1"
CLIENTS = 4
PATIENCE = 300
PAGES = {"search": "", "upload": "upload/", "collections": "collections/"}
# What a command line holds -> what it is called here; the first that fits counts.
PROGRAMS = {
    "postgres": "PostgreSQL", "valkey": "Valkey", "imagesearch.front": "web", " worker ": "workers",
    " beat ": "scheduler", "retrieval.ingest": "decoders", "manage.py up": "supervisor",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A running site: its address, the header that opens its API, its environment, its main process."""

    address: str
    headers: dict[str, str]
    environment: dict[str, str]
    process: psutil.Process

    def get(self, path: str) -> Any:
        """Answer of a GET as JSON."""
        return requests.get(self.address + "api/v1/" + path, headers=self.headers, timeout=60).json()

    def post(self, path: str, **arguments: Any) -> Any:
        """Answer of a POST as JSON; raises when it is refused."""
        answer = requests.post(self.address + "api/v1/" + path, headers=self.headers, timeout=60, **arguments)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def started(folder: Path, *, encoder: str) -> Iterator[tuple[Site, float]]:
    """Yield a running site and the seconds until it said Ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "IMAGESEARCH_DATA_DIR": str(folder),
        "IMAGESEARCH_PORT": str(port),
        "IMAGESEARCH_ADMIN_PASSWORD": PASSWORD,
        "IMAGESEARCH_ENCODER": encoder,
        "IMAGESEARCH_UPLOAD_SEARCHES": "100000",
        "IMAGESEARCH_USER_SEARCHES": "100000",
    }
    began = time.monotonic()
    command = [sys.executable, "manage.py", "up"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = next(line for line in process.stdout or () if line.startswith("Ready"))
            seconds = time.monotonic() - began
            address = re.search(r"http://\S+/", line)[0]  # type: ignore[index]
            answer = requests.post(
                address + "api/v1/auth/token/", json={"username": "admin", "password": PASSWORD}, timeout=60
            )
            headers = {"Authorization": f"Token {answer.json()['token']}"}
            yield Site(address, headers, environment, psutil.Process(process.pid)), seconds
        finally:
            process.send_signal(signal.SIGTERM)


def ready(site: Site, count: int) -> None:
    """Wait until so many pictures are ready."""
    ends = time.monotonic() + PATIENCE
    while site.get("status/")["images"]["ready"] < count:
        if time.monotonic() > ends:
            raise TimeoutError(f"not ready after {PATIENCE} s: {site.get('status/')}")
        time.sleep(0.1)


def warmed(site: Site, picture: bytes) -> int:
    """Put one picture in and search once, so that everything is loaded; returns how many pictures are there."""
    collection = site.post("collections/", json={"name": "warm"})["id"]
    site.post("images/", data={"collection": collection}, files={"file": ("warm.jpg", picture)})
    ready(site, 1)
    site.post("search/", files={"file": ("query.jpg", picture)})
    return 1


def posted(site: Site, pictures: list[bytes], *, before: int) -> float:
    """Pictures per second from the first POST until the last is ready, by a few clients at once."""
    collection = site.post("collections/", json={"name": "posted"})["id"]

    def put(data: bytes) -> None:
        site.post("images/", data={"collection": collection}, files={"file": ("picture.jpg", data)})

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(put, pictures))
    ready(site, before + len(pictures))
    return len(pictures) / (time.monotonic() - began)


def imported(site: Site, pictures: list[bytes], *, before: int) -> tuple[float, float]:
    """Pictures per second of ``import_images`` by itself, and until the last is ready."""
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(pictures):
            Path(folder, f"{number}.jpg").write_bytes(data)
        began = time.monotonic()
        command = [sys.executable, "manage.py", "import_images", folder, "--collection", "imported"]
        output = subprocess.run(
            command, cwd=ROOT, env=site.environment, check=True, capture_output=True, text=True
        ).stdout
        ready(site, before + len(pictures))
        own = re.search(r"([\d.]+) files/s", output)
        if own is None:
            raise ValueError(f"import_images did not say its rate: {output}")
        return float(own[1]), len(pictures) / (time.monotonic() - began)


def queried(site: Site, pictures: list[bytes]) -> dict[str, float]:
    """Milliseconds of queries by upload: p50 and p95 of the search in all, p50 of each part and of the rest.

    The rest is what the caller waits beside the search: reading the form, making the answer, and the way.
    """
    took = []
    for data in pictures:
        began = time.perf_counter()
        parts = site.post("search/", files={"file": ("query.jpg", data)})["took_ms"]
        took.append(parts | {"render and transport": round(1000 * (time.perf_counter() - began) - parts["total"], 2)})
    total = sorted(each["total"] for each in took)
    parts = {name: statistics.median(each[name] for each in took) for name in took[0]}
    whole = {"p50": parts.pop("total"), "p95": total[int(len(total) * 0.95)]}
    return whole | {f"{name} p50": value for name, value in parts.items()}


def memory(site: Site) -> dict[str, float]:
    """Proportional memory of each program in MiB; PostgreSQL's and Celery's processes are added up."""
    found: dict[str, float] = {}
    for process in [site.process, *site.process.children(recursive=True)]:
        try:
            words, size = " ".join(process.cmdline()), process.memory_full_info().pss / 2**20
        except psutil.NoSuchProcess:  # a decoder or a session of the database that ended meanwhile
            continue
        name = next((name for mark, name in PROGRAMS.items() if mark in words), "other")
        found[name] = found.get(name, 0) + size
    return {name: round(size) for name, size in sorted(found.items())}


def weights(site: Site) -> dict[str, dict[str, float]]:
    """Kilobytes over the wire, compressed, of some pages and of the style sheets, scripts and icons they name."""
    browser = requests.Session()
    found = {"sign in": weight(browser, site.address, "login/")}
    token = browser.cookies["csrftoken"]
    answer = browser.post(
        site.address + "login/", timeout=60, headers={"Referer": site.address},
        data={"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token},
    )  # fmt: skip
    answer.raise_for_status()
    return found | {name: weight(browser, site.address, path) for name, path in PAGES.items()}


def weight(browser: requests.Session, address: str, path: str) -> dict[str, float]:
    """Kilobytes of one page and of its files, thumbnails not counted."""
    page = browser.get(address + path, timeout=60, stream=True)
    page.raise_for_status()
    own = len(page.raw.read(decode_content=False))
    names = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', browser.get(address + path, timeout=60).text))
    files = [browser.get(address.rstrip("/") + name, timeout=60, stream=True).raw for name in names]
    rest = sum(len(file.read(decode_content=False)) for file in files)
    return {"page kB": round(own / 1000, 1), "files kB": round(rest / 1000, 1), "files": len(names)}


def measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All figures; the site is started twice."""
    pictures = photographs(2 * options.pictures + options.queries + 1)
    results: dict[str, Any] = {}
    with started(folder, encoder=options.encoder) as (site, seconds):
        results["first start s"] = round(seconds, 1)
        count = warmed(site, pictures.pop())
        queries = [pictures.pop() for _ in range(options.queries)]
        results["POST to ready /s"] = round(posted(site, pictures[: options.pictures], before=count), 1)
        own, whole = imported(site, pictures[options.pictures :], before=count + options.pictures)
        results["import_images /s"], results["import_images to ready /s"] = own, round(whole, 1)
        results["query by upload ms"] = queried(site, queries)
        results["memory MiB"], results["pages"] = memory(site), weights(site)
    with started(folder, encoder=options.encoder) as (_, seconds):
        results["second start s"] = round(seconds, 1)
    return results


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--encoder", default="mobilenet_v2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="isb-") as folder:
        results = measured(Path(folder), options)
    print(json.dumps(results, indent=1))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
