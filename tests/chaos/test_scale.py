"""Promises that need many pictures: filters and indexes among 50,000, a switch of encoders, a backup, half an hour."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from PIL import Image, ImageOps

from retrieval import embedding
from tests.chaos.site import ROOT, Site, free_port
from tests.chaos.test_long import flush, kill_worker, seconds_until

pytestmark = [pytest.mark.chaos, pytest.mark.long]

CROWD = 50_000
SEEN = 20
DIMENSION = 256
SWITCHED = 5_000
BUNDLED = ROOT / "retrieval" / "weights" / "compact-v1.safetensors"
# Vectors in a few thousand clusters, so that they have neighbours worth finding; pictures in collections by share.
FILL = """
WITH homes AS (SELECT array_agg(id ORDER BY name) AS ids FROM retrieval_collection WHERE name LIKE 'share %%'),
made AS (
  INSERT INTO retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
      width, height, format, bytes, sha256, placeholder, created_at, updated_at)
  SELECT gen_random_uuid(), ids[1 + least(floor(-log(random() + 1e-9)), 4)::int], 1, n::text, '', '{}', '', '', '{}',
      4, 3, 'PNG', 1, md5(n::text) || md5(n::text), '', now(), now()
  FROM homes, generate_series(1, %s) AS n RETURNING id, collection_id, title::int AS n)
INSERT INTO retrieval_embedding (image_id, encoder_id, collection_id, vector, length, centred_length, created_at)
SELECT id, encoder.pk, collection_id, l2_normalize(vector)::halfvec, 1, 1, now()
FROM made, (SELECT id AS pk FROM retrieval_encoder WHERE state = 'active') AS encoder,
LATERAL (SELECT array_agg(sin(n %% 2500 * (i + 1) * 0.37) + 0.3 * (random() - 0.5))::vector AS vector
         FROM generate_series(1, %s) AS i WHERE n IS NOT NULL) AS drawn
"""


@contextlib.contextmanager
def running(**extra):
    """A site of its own by the bundled encoder, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="isc-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        limits = {"IMAGESEARCH_USER_SEARCHES": "1000000", "IMAGESEARCH_ENCODER": "compact-v1"}
        site = Site(Path(folder) / "site", free_port(), extra=limits | extra)
        site.start()
        yield site
        site.stop()


@pytest.fixture(scope="module")
def crowd():
    """A site with 50,000 vectors whose pictures have no files, and somebody who sees 20 of them."""
    with running() as site:
        for number in range(5):
            site.session.post(site.url("collections/"), json={"name": f"share {number}"}, timeout=60).raise_for_status()
        site.query(FILL % (CROWD, DIMENSION))
        site.query("ANALYZE retrieval_embedding")
        yield site


def nearest(site, **question):
    """Ask for the ten nearest, for the names of those found and whether that was exact."""
    answer = site.session.post(site.url("search/"), json={"k": 10, **question}, timeout=60)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [row["image"]["id"] for row in body["results"]], body["exact"]


def test_an_index_build_is_killed(crowd, figure):
    """Search stays right without a sound index, and one command repairs it."""
    images = [row[0] for row in crowd.query("SELECT id::text FROM retrieval_image ORDER BY sha256 LIMIT 20")]
    truth = {image: nearest(crowd, image=image, exact=True)[0] for image in images}
    words, quiet = [sys.executable, str(ROOT / "manage.py"), "build_index"], subprocess.DEVNULL
    with subprocess.Popen(words, env=crowd.environment(), stdout=quiet, stderr=quiet) as build:
        building = "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE tuples_done > 1000"
        seconds_until(lambda: crowd.query(building), most=120)
        assert build.wait(60) != 0
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert crowd.query(invalid) == [(1,)]
    assert crowd.manage("build_index", "--check").returncode == 1
    for image, expected in truth.items():
        assert nearest(crowd, image=image) == (expected, True)
    began = time.monotonic()
    repaired = crowd.manage("build_index")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert crowd.query(invalid) == [(0,)]
    found = [nearest(crowd, image=image) for image in images]
    assert not any(exact for _, exact in found)
    same = sum(len(set(ids) & set(truth[image])) for image, (ids, _) in zip(images, found, strict=True))
    figure(
        f"{CROWD:,} vectors: {len(truth)} searches exact and right beside the half-built index, repaired in "
        f"{time.monotonic() - began:.0f} s, recall@10 {same / (10 * len(images)):.3f} afterwards"
    )


def test_a_filter_never_starves(crowd, figure):
    """Somebody who sees 20 of 50,000 gets the ten nearest of those; any share of the rest gets its ten as well."""
    crowd.manage("build_index")
    site = crowd
    mine = site.session.post(site.url("collections/"), json={"name": "twenty"}, timeout=60).json()["id"]
    few = f"SELECT id FROM retrieval_image ORDER BY sha256 LIMIT {SEEN}"
    for table, key in (("retrieval_image", "id"), ("retrieval_embedding", "image_id")):
        site.query(f"UPDATE {table} SET collection_id = '{mine}' WHERE {key} IN ({few})")
    questions = 0
    for (image,) in site.query("SELECT id::text FROM retrieval_image ORDER BY random() LIMIT 50"):
        ids, exact = nearest(site, image=image, collections=[mine])
        assert (len(ids), exact) == (10, True)
        assert ids == nearest(site, image=image, collections=[mine], exact=True)[0]
        questions += 1
    shares = dict(site.query("SELECT collection_id::text, count(*) FROM retrieval_image GROUP BY 1"))
    for home, count in shares.items():
        for (image,) in site.query("SELECT id::text FROM retrieval_image ORDER BY random() LIMIT 20"):
            assert len(nearest(site, image=image, collections=[home])[0]) == min(10, count)
            questions += 1
    figure(f"{questions} searches in shares of {sorted(shares.values())}: always ten, of {SEEN} the ten nearest")


class Watch:
    """Searches five times a second and notes which encoder each answer names, and every answer that is not 200."""

    def __init__(self, site, images):
        self.site, self.images = site, images
        self.encoders, self.statuses, self.done = [], Counter(), threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        session = requests.Session()
        session.headers = self.site.session.headers
        due = time.monotonic()
        while not self.done.wait(max(0.0, due - time.monotonic())):
            due += 0.2
            self.images.append(self.images.pop(0))
            answer = session.get(self.site.url(f"images/{self.images[0]}/similar/"), timeout=60)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                body = answer.json()
                self.encoders.append(body["encoder"])
                assert body["results"], body

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def switches(self):
        """The encoders in the order in which they answered, each once for a run of its answers."""
        return [name for before, name in zip([None, *self.encoders], self.encoders, strict=False) if before != name]


def classes(folder, pictures, dice):
    """Write a labelled set that a trained encoder tells apart better than a random one: crops, turned and greyed."""
    for number in range(40):
        (folder / f"class {number}").mkdir(parents=True)
        picture = Image.open(io.BytesIO(pictures.next(200)))
        for copy in range(4):
            left, top = dice.randrange(80), dice.randrange(80)
            part = picture.crop((left, top, left + 120, top + 120)).rotate(dice.choice([0, 90, 180]))
            (ImageOps.grayscale(part) if copy % 2 else part).save(folder / f"class {number}" / f"{copy}.jpg")
    return folder


def call(site, method, path, **body):
    """One call of the API that changes an encoder."""
    return site.session.request(method, site.url(path), json=body, timeout=120)


def encoder_named(site, name):
    """The encoder's row as the API shows it."""
    rows = site.session.get(site.url("encoders/"), timeout=60).json()["results"]
    return next(row for row in rows if row["name"] == name)


def test_the_encoder_is_switched_while_people_search(pictures, dice, tmp_path, figure):
    other = tmp_path / "other.safetensors"
    spec = embedding.EncoderSpec("mobilenet_v3_large", projection="linear", dimension=128, image_size=96)
    embedding.checkpoint.save(embedding.Encoder(spec, seed=1), other)
    with running() as site:
        folder = tmp_path / "many"
        folder.mkdir()
        for number in range(SWITCHED):
            (folder / f"{number}.jpg").write_bytes(pictures.next(96))
        assert site.manage("import_images", str(folder), "--collection", "Many").returncode == 0
        site.wait_ready(SWITCHED, seconds=900)
        assert site.manage("register_encoder", "other", str(other)).returncode == 0
        key = encoder_named(site, "other")["id"]
        images = [row["id"] for row in site.session.get(site.url("images/?page_size=200")).json()["results"]]
        with Watch(site, images) as watch:
            began = time.monotonic()
            assert call(site, "POST", f"encoders/{key}/build/").status_code == 202
            time.sleep(5)
            kill_worker(site)
            flush(site)
            site.wait_ready(2 * SWITCHED, seconds=900)
            built = time.monotonic() - began
            early = encoder_named(site, "compact-v1")
            labelled = str(classes(tmp_path / "set", pictures, dice))
            measured = site.manage("evaluate_encoder", "compact-v1", labelled, "--against", "other")
            worse = call(site, "POST", f"encoders/{key}/activate/")
            taken = timed(lambda: call(site, "POST", f"encoders/{key}/activate/", force_reason="to try it"))
            time.sleep(3)
            back = timed(lambda: call(site, "POST", f"encoders/{early['id']}/activate/"))
            time.sleep(3)
        assert set(watch.statuses) == {200}, watch.statuses
        assert watch.switches() == ["compact-v1", "other", "compact-v1"]
        assert measured.returncode == 0, measured.stderr
        assert (worse.status_code, worse.json()["error"]["code"]) == (409, "encoder_worse"), worse.text
        site.audit()
    figure(
        f"{SWITCHED:,} pictures built in {built:.0f} s with the worker killed and the broker flushed, switched in "
        f"{taken:.1f} s, back in {back:.1f} s; {watch.statuses[200]} searches, all 200, each of one encoder; "
        f"the worse one was refused without a reason"
    )


def timed(act):
    """Do it, check that it was accepted, and return the seconds."""
    began = time.monotonic()
    answer = act()
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def test_a_backup_is_made_during_uploads(pictures, tmp_path, figure):
    file = tmp_path / "site.backup"
    with running() as site:
        site.upload_all([pictures.next() for _ in range(100)])
        done = threading.Event()

        def go_on():
            while not done.is_set():
                site.upload(pictures.next())

        uploads = threading.Thread(target=go_on)
        uploads.start()
        made = site.manage("backup", str(file))
        done.set()
        uploads.join()
        assert made.returncode == 0, made.stdout + made.stderr
        site.wait_ready(site.kept(), hurry=True)
        with restored(site, file) as copy:
            kept = [row[0] for row in copy.query("SELECT id::text FROM retrieval_image ORDER BY id")]
            copy.wait_ready(len(kept), hurry=True)
            copy.audit()
            for image in kept[:50]:
                assert top(site, image, among=kept) == top(copy, image, among=kept)
            assert 100 <= len(kept) <= site.kept()
            figure(f"{len(kept)} of {site.kept()} pictures in a backup made during uploads, 50 searches equal")


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
