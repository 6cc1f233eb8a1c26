"""Promises that need many pictures or much time: filters and indexes among 50,000, a backup, half an hour."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import pytest

from retrieval.search.indexes import HALF_BUILT
from tests.chaos.crowd import CROWD, Stored, fill, move, newcomer, tag
from tests.chaos.site import ROOT, Site, free_port
from tests.chaos.test_long import seconds_until

pytestmark = [pytest.mark.chaos, pytest.mark.long]

SEEN = 20
LENT = 8
RECALL = 0.95
# A search in a graph finds all of a cluster or little of it: the mean of a few says next to nothing.
ASKED = 200
SHARES = 24
BUNDLED = "compact-v1"
# A made-up picture has no files; nothing else may be wrong with it.
WITHOUT_FILES = {"original_missing", "thumbnail_missing"}
BUILDING = "SELECT pid FROM pg_stat_progress_create_index WHERE tuples_done > 1000"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


@contextlib.contextmanager
def running(**extra):
    """A site of its own by the bundled encoder, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        limits = {"IMAGESEARCH_USER_SEARCHES": "1000000", "IMAGESEARCH_ENCODER": BUNDLED}
        site = Site(Path(folder) / "site", free_port(), extra=limits | extra)
        site.start()
        yield site
        site.stop()


@pytest.fixture(scope="module")
def crowd():
    """A site with 50,000 vectors whose pictures have no files."""
    with running() as site:
        fill(site)
        yield site


def asked(site, *, caller=None, **question):
    """Ask by cosine, for the answer; ten at most unless something else is said."""
    session = caller or site.session
    answer = session.post(site.url("search/"), json={"k": 10, "measure": "cosine", **question}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def nearest(site, **question):
    """Ask for the names of those found and whether that was exact."""
    body = asked(site, **question)
    return [row["image"]["id"] for row in body["results"]], body["exact"]


def found_by_audit(site):
    """The codes of what the audit finds."""
    done = site.manage("audit", "--strict", "--json")
    codes = {finding["code"] for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == bool(codes), done.stderr
    return codes


def kill_a_build(site):
    """End the backend that builds the index, in the middle; until then nobody calls what it builds broken."""
    words, quiet = [sys.executable, str(ROOT / "manage.py"), "build_index"], subprocess.DEVNULL
    with subprocess.Popen(words, env=site.environment(), stdout=quiet, stderr=quiet) as build:
        seconds_until(lambda: site.query(BUILDING), most=600)
        assert (site.query(INVALID), site.query(HALF_BUILT)) == ([(1,)], [])
        assert site.query(f"SELECT pg_terminate_backend(pid) FROM ({BUILDING}) AS builder") == [(True,)]
        assert build.wait(60) != 0
    assert site.query(INVALID) == [(1,)]


def test_an_index_build_is_killed(crowd, figure):
    """Search stays right without a sound index, the audit sees it, and one command repairs it."""
    images = [row[0] for row in crowd.query(f"SELECT id::text FROM retrieval_image ORDER BY sha256 LIMIT {ASKED}")]
    stored = Stored.of(crowd, BUNDLED)
    assert len(stored.numbers) == CROWD
    kill_a_build(crowd)
    assert crowd.manage("build_index", "--check").returncode == 1
    assert found_by_audit(crowd) == {"index_invalid", *WITHOUT_FILES}
    for image in images:
        ids, exact = nearest(crowd, image=image)
        assert exact
        assert stored.agrees(image, ids, among=stored.numbers, k=10)
    began = time.monotonic()
    repaired = crowd.manage("build_index")
    took = time.monotonic() - began
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert crowd.query(INVALID) == [(0,)]
    assert found_by_audit(crowd) == WITHOUT_FILES
    found = {image: nearest(crowd, image=image) for image in images}
    assert not any(exact for _, exact in found.values())
    recall = mean(stored.recall(image, ids, among=stored.numbers, k=10) for image, (ids, _) in found.items())
    assert recall >= RECALL
    figure(
        f"{CROWD:,} vectors: {len(images)} searches exact and right beside the half-built index, seen by the audit, "
        f"repaired in {took:.0f} s, recall@10 {recall:.3f} afterwards"
    )


@pytest.fixture
def twenty(crowd):
    """Somebody who sees 20 of the 50,000: twelve of her own and eight that she was lent; her session and those."""
    built = crowd.manage("build_index")
    assert built.returncode == 0, built.stdout + built.stderr
    session = newcomer(crowd, "twenty")
    own = session.post(crowd.url("collections/"), json={"name": "own"}, timeout=60).json()["id"]
    body = {"name": "lent", "visibility": "shared"}
    lent = crowd.session.post(crowd.url("collections/"), json=body, timeout=60).json()["id"]
    members, viewer = crowd.url(f"collections/{lent}/members/"), {"username": "twenty", "role": "viewer"}
    assert crowd.session.post(members, json=viewer, timeout=60).status_code == 201
    assert session.post(crowd.url(f"invitations/{lent}/"), timeout=60).status_code == 200
    images = [row[0] for row in crowd.query(f"SELECT id::text FROM retrieval_image ORDER BY sha256 LIMIT {SEEN}")]
    move(crowd, images[:LENT], lent)
    move(crowd, images[LENT:], own)
    return session, images


def test_a_filter_never_starves(crowd, twenty, dice, figure):
    """Somebody who sees 20 of 50,000 gets the ten nearest of those, and any share of the rest gives all it has."""
    session, seen = twenty
    stored = Stored.of(crowd, BUNDLED)
    for image in seen:
        body = asked(crowd, caller=session, image=image)
        found = [row["image"]["id"] for row in body["results"]]
        assert (len(found), body["exact"], body["candidates"]) == (10, True, SEEN)
        assert stored.agrees(image, found, among=seen, k=10)
        everything = asked(crowd, caller=session, image=image, k=50)["results"]
        assert {row["image"]["id"] for row in everything} == set(seen)
    drawn = [10 ** -dice.uniform(0, 4) for _ in range(SHARES)]
    shares = {f"draw {n}": share for n, share in enumerate([1, *drawn, 1e-4])}
    outcome = of_shares(crowd, stored, shares, set(seen[LENT:]))
    figure(f"{len(seen)} searches of somebody who sees {SEEN} of {CROWD:,}: the ten nearest of those; {outcome}")


def questions(site, shares, hidden):
    """Narrow a search by each tag and each collection; with what of it the administrator sees."""
    tag(site, shares)
    tagged = dict(site.query("SELECT tag, array_agg(id::text) FROM retrieval_image, unnest(tags) AS tag GROUP BY 1"))
    homes = dict(site.query("SELECT collection_id::text, array_agg(id::text) FROM retrieval_image GROUP BY 1"))
    found = [({"tags": [name]}, set(tagged.get(name, ())) - hidden) for name in shares]
    return found + [({"collections": [home]}, set(ids)) for home, ids in homes.items() if not hidden & set(ids)]


def of_shares(site, stored, shares, hidden):
    """Ask in random shares of what the administrator sees; say how it went, once every answer was right."""
    asked_by = sorted(stored.numbers.keys() - hidden)[:: CROWD // 5]
    narrowed, by_index = questions(site, shares, hidden), []
    for question, visible in narrowed:
        for image in asked_by:
            found, exact = nearest(site, image=image, **question)
            assert len(found) == len(set(found)) == min(10, len(visible))
            assert set(found) <= visible
            assert not exact or stored.agrees(image, found, among=visible, k=10)
            by_index += [] if exact else [(len(visible), stored.recall(image, found, among=visible, k=10))]
    assert max(size for size, _ in by_index) > 0.99 * CROWD, "the index never answered among all"
    recall, sizes = mean(share for _, share in by_index), sorted(len(visible) for _, visible in narrowed)
    assert recall >= RECALL
    return (
        f"{len(asked_by)} in each of shares of {sizes}: always ten or all there are, the exact ones by plain search; "
        f"{len(by_index)} by the index, recall@10 {recall:.3f}"
    )


class Uploads:
    """Puts in picture after picture and notes when it was asked and answered; a refusal is raised at the end."""

    def __init__(self, site, pictures):
        self.site, self.pictures, self.done, self.times = site, pictures, threading.Event(), []
        self.pool = ThreadPoolExecutor(1)

    def _run(self):
        while not self.done.is_set():
            began = time.monotonic()
            answer = self.site.upload(self.pictures.next())
            assert answer.status_code == 201, answer.text
            self.times.append((began, time.monotonic()))

    def __enter__(self):
        self.running = self.pool.submit(self._run)
        return self

    def __exit__(self, *_):
        self.done.set()
        self.running.result()

    def within(self, began, ended):
        """Count those asked and answered between these moments."""
        return sum(began < asked and answered < ended for asked, answered in self.times)


def digests(site):
    """The SHA-256 of every picture by its id."""
    return dict(site.query("SELECT id::text, sha256 FROM retrieval_image"))


def test_a_backup_is_made_during_uploads(pictures, tmp_path, figure):
    file = tmp_path / "site.backup"
    with running() as site:
        site.upload_all([pictures.next() for _ in range(100)])
        with Uploads(site, pictures) as uploads:
            seconds_until(lambda: uploads.times, most=600)
            before, began = digests(site), time.monotonic()
            made = site.manage("backup", str(file))
            ended = time.monotonic()
        assert made.returncode == 0, made.stdout + made.stderr
        during = uploads.within(began, ended)
        assert during > 0
        site.wait_ready(site.kept(), hurry=True)
        after = digests(site)
        with restored(site, file) as copy:
            kept = digests(copy)
            assert before.items() <= kept.items() <= after.items()
            copy.wait_ready(len(kept), hurry=True)
            copy.audit()  # it reads every original
            for image in sorted(kept)[:50]:
                expected = top(site, image, among=kept)
                assert len(expected) == 10
                assert top(copy, image, among=kept) == expected
            figure(f"{during} uploads answered during the backup; {len(before)} pictures before it, {len(kept)} in it, "
                   f"{len(after)} after it; 50 searches equal")  # fmt: skip


@contextlib.contextmanager
def restored(site, file):
    """A second site, filled from the file before its first start."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        copy = Site(Path(folder) / "site", free_port(), extra=site.extra, password=site.password)
        back = copy.manage("restore", str(file))
        assert back.returncode == 0, back.stdout + back.stderr
        copy.session, copy.collection = site.session, site.collection  # tokens come back, too
        copy.start()
        yield copy
        copy.stop()


def top(site, image, *, among):
    """The ten nearest of these pictures."""
    answer = site.session.get(site.url(f"images/{image}/similar/"), params={"k": 200}, timeout=60).json()
    return [row["image"]["id"] for row in answer["results"] if row["image"]["id"] in set(among)][:10]
