"""A new encoder is built beside the old one, made active and taken back, while somebody searches all the time."""

from __future__ import annotations

import io
import time

import pytest
from PIL import Image, ImageOps

from retrieval import embedding
from tests.chaos.crowd import Stored
from tests.chaos.test_long import flush, seconds_until
from tests.chaos.test_scale import BUNDLED, running
from tests.chaos.watch import Watch

pytestmark = [pytest.mark.chaos, pytest.mark.long]

SWITCHED = 2_000


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


def imported(site, pictures, folder):
    """Put many pictures in and wait for their vectors; return the first 200."""
    folder.mkdir()
    for number in range(SWITCHED):
        (folder / f"{number}.jpg").write_bytes(pictures.next(96))
    assert site.manage("import_images", str(folder), "--collection", "Many").returncode == 0
    site.wait_ready(SWITCHED, seconds=900)
    return [row["id"] for row in site.session.get(site.url("images/?page_size=200"), timeout=60).json()["results"]]


def build_with_faults(site, key):
    """Build the encoder; kill the worker and flush the broker in the middle. Return how many were built then."""
    count = f"SELECT count(*) FROM retrieval_embedding WHERE encoder_id = '{key}'"
    assert call(site, "POST", f"encoders/{key}/build/").status_code == 202
    seconds_until(lambda: site.query(count)[0][0] > SWITCHED / 10, most=1_200)
    site.kill_group("worker")
    flush(site)
    built = site.query(count)[0][0]
    assert 0 < built < SWITCHED
    site.wait_ready(2 * SWITCHED, seconds=900)
    assert site.query(count) == [(SWITCHED,)]
    return built


def test_the_encoder_is_switched_while_people_search(pictures, dice, tmp_path, figure):
    other = tmp_path / "other.safetensors"
    spec = embedding.EncoderSpec("mobilenet_v3_large", projection="linear", dimension=128, image_size=96)
    embedding.checkpoint.save(embedding.Encoder(spec, seed=1), other)
    with running() as site:
        images = imported(site, pictures, tmp_path / "many")
        assert site.manage("register_encoder", "other", str(other)).returncode == 0
        key, early = encoder_named(site, "other")["id"], encoder_named(site, BUNDLED)["id"]
        labelled = str(classes(tmp_path / "set", pictures, dice))
        with Watch(site, images) as watch:
            began = time.monotonic()
            half = build_with_faults(site, key)
            built = time.monotonic() - began
            measured = site.manage("evaluate_encoder", BUNDLED, labelled, "--against", "other")
            worse = call(site, "POST", f"encoders/{key}/activate/")
            taken = timed(lambda: call(site, "POST", f"encoders/{key}/activate/", force_reason="to try it"))
            time.sleep(3)
            back = timed(lambda: call(site, "POST", f"encoders/{early}/activate/"))
            time.sleep(3)
        assert set(watch.statuses) == {200}, watch.statuses
        assert watch.switches() == [BUNDLED, "other", BUNDLED]
        assert watch.mixed({name: Stored.of(site, name) for name in (BUNDLED, "other")}) == []
        assert measured.returncode == 0, measured.stderr
        assert (worse.status_code, worse.json()["error"]["code"]) == (409, "encoder_worse"), worse.text
        site.audit()
    figure(
        f"{SWITCHED:,} pictures built in {built:.0f} s, the worker killed and the broker flushed after {half:,}; "
        f"switched in {taken:.1f} s, back in {back:.1f} s; {watch.statuses[200]} searches, {watch.rate:.1f} a second, "
        f"all 200 and each the nearest of the encoder it names; the worse one was refused without a reason"
    )


def timed(act):
    """Do it, check that it was accepted, and return the seconds."""
    began = time.monotonic()
    answer = act()
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began
