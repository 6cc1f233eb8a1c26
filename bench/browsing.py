"""One collection of very many pictures in a browser, on the site as its users have it: what acts take, and what grows.

Usage: python -m bench.browsing [--rows 100000] [--zipped 1000] [--rounds 3] [--json FILE]

Starts ``manage.py up`` in a temporary folder. Each round opens the collection until its first card is there, goes to a
month in the middle, selects all pictures and tags them, takes that back, and downloads the originals of some as a ZIP.
Times are in milliseconds, from the act until its outcome is in the window; memory is proportional (PSS), in MiB, of the
web server, the workers and PostgreSQL after each round, and of Chromium; heap and nodes are those of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

os.environ["IMAGESEARCH_STATIC_HASHED"] = "on"

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from bench import rows
from bench.ingest import photographs
from bench.search import DATA_DIR, forget
from bench.site import PASSWORD, Site, memory, started
from imagesearch import servers
from imagesearch.embedded import lending
from retrieval.ingest import files
from retrieval.models import Collection, Encoder, Image

DIMENSION, ORIGINAL, TAG = 64, 100_000, "wanted"
MADE = (rows.PICTURES, rows.DIGESTS, rows.VECTORS, rows.JOBS, rows.KEYS, rows.USAGE)
WATCHED = ("web", "workers", "PostgreSQL")
PATIENCE = 600_000
NAMES = 10_000
# The rail says where the window is, and a picture of that place is in it.
THERE = """() => document.querySelector("[data-rail] [aria-current]")?.dataset.month?.startsWith("2021") &&
[...document.querySelectorAll(".card img")].some(picture => {
  const { top, bottom } = picture.getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight && picture.naturalWidth > 0
})"""
PAINTED = """() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"""


def filled(count: int, *, zipped: int) -> Collection:
    """A person's collection of so many pictures with thumbnails; so many have an original, and a tag."""
    owner = get_user_model().objects.create_superuser("admin", password=PASSWORD)
    spec: dict[str, Any] = {"backbone": "mobilenet_v2", "dimension": DIMENSION, "projection": "linear"}
    encoder = Encoder.objects.create(name="bench", spec=spec, dimension=DIMENSION, state="active", trained=True)
    collection = Collection.objects.create(name="Many", owner=owner)
    rows.make(collection.pk, owner=owner.pk, encoder=encoder.pk, count=count, statements=MADE)
    wanted = Image.objects.alive().filter(collection=collection).order_by("-created_at")
    for image in wanted[:zipped]:
        path = files.original(image.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(ORIGINAL))
    Image.objects.filter(pk__in=wanted[:zipped].values("pk")).update(tags=[TAG])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    _thumbnails(collection)
    return collection


def _thumbnails(collection: Collection) -> None:
    """One file under the names of many: file systems bound how many names one may have."""
    (small,) = photographs(1)
    names = Image.objects.filter(collection=collection).values_list("pk", "sha256")
    for place, (pk, sha256) in enumerate(names.iterator()):
        path = files.thumbnail(pk, sha256, size=320)
        path.parent.mkdir(parents=True, exist_ok=True)
        if place % NAMES == 0:
            path.write_bytes(small)
            first = path
        else:
            path.hardlink_to(first)


class Visit:
    """A window that shows the collection, and what it took."""

    def __init__(self, window: Page, collection: Collection) -> None:
        self.window, self.path = window, f"/collections/{collection.pk}/"
        self.took: dict[str, float] = {}

    def timed(self, what: str, act: Callable[[], object]) -> None:
        """Do it, and write down how long it took until the window had painted it."""
        began = time.perf_counter()
        act()
        self.window.evaluate(PAINTED)
        self.took[what] = round(1000 * (time.perf_counter() - began))

    def first_card(self) -> None:
        """Open the collection until the picture of its first card is there."""
        self.window.goto(self.path, wait_until="commit")
        self.window.wait_for_function("document.querySelector('.card img')?.naturalWidth > 0")

    def month(self) -> None:
        """Go to a month of 2021, the middle of ten years, by the rail."""
        self.window.goto(f"{self.path}?sort=taken", wait_until="networkidle")
        self.timed("a month in the middle", self._gone_to_2021)

    def _gone_to_2021(self) -> None:
        self.window.click("[data-rail] a:has-text('2021')")
        self.window.wait_for_function(THERE)

    def tag_all(self, count: int) -> None:
        """Select everything and tag it, then take that back."""
        self.window.keyboard.press("Control+a")
        self.window.click(".selection summary >> nth=0")
        self.window.fill(".pop [name=tags]", "seen")
        self.timed("tag all", lambda: self._pressed("Enter", f"Tagged: {count:,}."))
        self.timed("take that back", self._undone)

    def _pressed(self, key: str, notice: str) -> None:
        self.window.keyboard.press(key)
        self.window.wait_for_selector(f".notice:has-text('{notice}')")

    def _undone(self) -> None:
        self.window.click(".notice .link")
        self.window.wait_for_selector(".notice:has-text('Taken back')")

    def download(self, count: int) -> None:
        """Select those with an original, and save them as a ZIP."""
        self.window.goto(f"{self.path}?tag={TAG}", wait_until="networkidle")
        self.window.keyboard.press("Control+a")
        self.timed("a ZIP", lambda: self._saved(count))

    def _saved(self, count: int) -> None:
        with self.window.expect_download(timeout=PATIENCE) as caught:
            self.window.click(".selection button:has-text('Download')")
        with zipfile.ZipFile(caught.value.path()) as saved:
            found = sum(each.file_size == ORIGINAL for each in saved.infolist())
        if found != count:
            raise ValueError(f"the ZIP holds {found} originals and not {count}")
        caught.value.delete()

    def held(self) -> dict[str, float]:
        """MiB of the page's heap after a collection of what is not used, and how many nodes there are."""
        self.window.goto(self.path, wait_until="networkidle")
        browser = self.window.context.new_cdp_session(self.window)
        browser.send("Performance.enable")
        browser.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in browser.send("Performance.getMetrics")["metrics"]}
        browser.detach()
        return {"heap": round(found["JSHeapUsedSize"] / 2**20, 1), "nodes": found["Nodes"]}


def chromium_held() -> int:
    """MiB of all processes of the browser."""
    held = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it closes some by itself
            held += process.memory_full_info().pss if "chrom" in process.name() else 0
    return round(held / 2**20)


@contextmanager
def opened(site: Site) -> Iterator[Page]:
    """A window in which the collection's owner is signed in."""
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=site.address, viewport={"width": 1280, "height": 860}, locale="en-GB", bypass_csp=True
        )
        context.set_default_timeout(PATIENCE)
        window = context.new_page()
        window.goto("/login/")
        window.fill("[name=username]", "admin")
        window.fill("[name=password]", PASSWORD)
        window.keyboard.press("Enter")
        window.wait_for_selector("#search")
        yield window
        browser.close()


def measured(site: Site, collection: Collection, options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """One line for each round, after one for what there was before."""
    with opened(site) as window:
        visit = Visit(window, collection)
        for turn in range(options.rounds + 1):
            if turn:
                visit.timed("first card", visit.first_card)
                visit.month()
                visit.tag_all(options.rows)
                visit.download(options.zipped)
            servers_held = {name: size for name, size in memory(site).items() if name in WATCHED}
            yield visit.took | servers_held | visit.held() | {"Chromium": chromium_held()}


def main() -> None:
    """Measure, print, and keep the figures when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--zipped", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    try:
        with lending.lent(DATA_DIR, [servers.postgres(DATA_DIR).service()], title="bench", say=print):
            call_command("migrate", verbosity=0)
            collection = filled(options.rows, zipped=options.zipped)
            connection.close()
        with started(DATA_DIR, encoder="mobilenet_v2") as (site, _):
            for line in measured(site, collection, options):
                found.append(line)
                print(json.dumps(line), flush=True)
    finally:
        forget()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
