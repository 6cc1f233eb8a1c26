"""A long backlog of pictures to embed: upkeep goes on at its pace beside it, and the status tells the truth."""

from __future__ import annotations

import itertools
import json
import os
import time
from datetime import datetime

import pytest

pytestmark = [pytest.mark.chaos, pytest.mark.long]

BACKLOG = int(os.environ.get("IMAGESEARCH_BACKLOG", "12000"))
SENT = 40  # of the backlog; the others have the same bytes in rows of their own
SECONDS = int(os.environ.get("IMAGESEARCH_BACKLOG_SECONDS", "360"))
MOST_BETWEEN = 60  # seconds
EXTRA = {"IMAGESEARCH_ENCODER": "compact-v1"}
UPKEEP = ("reconcile", "purge")
COPIED = """
INSERT INTO retrieval_image (id, collection_id, uploader_id, title, caption, tags, group_key, source_url, metadata,
    width, height, format, bytes, sha256, placeholder, thumbnail_digests, created_at, updated_at)
SELECT gen_random_uuid(), collection_id, uploader_id, n::text, '', '{{}}', '', '', '{{}}',
    width, height, format, bytes, sha256, placeholder, thumbnail_digests, now(), now()
FROM generate_series(1, {count}) AS n,
LATERAL (SELECT * FROM retrieval_image ORDER BY id OFFSET n % {sent} LIMIT 1) AS sent
"""
UNENDED = """
SELECT count(*) FROM retrieval_jobevent c WHERE kind = 'claimed' AND at < to_timestamp({over}) AND NOT EXISTS
(SELECT 1 FROM retrieval_jobevent e
 WHERE e.image_id = c.image_id AND e.lease_token = c.lease_token AND e.kind <> c.kind)
"""


def ended(site, task):
    """When each run of a task ended, in seconds, as the worker's log says."""
    found = []
    for line in (site.folder / "log" / "worker.log").read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if str(entry.get("event", "")).startswith(f"Task retrieval.tasks.{task}[") and "succeeded" in entry["event"]:
            found.append(datetime.fromisoformat(entry["timestamp"]).timestamp())
    return found


def longest_without(site, task, *, began, over):
    """The longest stretch in seconds, from ``began`` to ``over``, in which no run of the task ended."""
    times = [began, *(moment for moment in ended(site, task) if began < moment < over), over]
    return max(later - before for before, later in itertools.pairwise(times)), len(times) - 2


def left(site):
    """How many pictures have no vector."""
    return site.query(
        "SELECT count(*) FROM retrieval_image i WHERE deleted_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM retrieval_embedding e WHERE e.image_id = i.id)"
    )[0][0]


def told(site):
    """What the status says waits, which must lie between what waited before it was asked and after."""
    before = left(site)
    answer = site.session.get(site.url("status/"), timeout=60)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert all(said["services"].values()), said["services"]
    assert left(site) <= said["images"]["pending"] <= before
    assert said["images"]["total"] == said["images"]["pending"] + said["images"]["ready"]
    return said["images"]["pending"]


def await_services(site):
    """Wait until the status has seen every program once."""
    while not all(site.session.get(site.url("status/"), timeout=60).json()["services"].values()):
        time.sleep(1)


def put_in_line(site, pictures, count):
    """Make so many pictures wait, a few of them sent and the others copies of those."""
    site.upload_all([pictures.next() for _ in range(SENT)])
    site.query(COPIED.format(count=count - SENT, sent=SENT))


def test_upkeep_goes_on_beside_a_long_backlog(running_site, pictures, figure):
    site = running_site
    await_services(site)
    put_in_line(site, pictures, BACKLOG)
    gone = site.upload(pictures.next()).json()
    began = time.time()
    assert site.session.delete(site.url(f"images/{gone['id']}/"), timeout=60).status_code == 204
    original, gone_after = site.folder / "media" / "originals" / gone["sha256"][:2] / gone["sha256"], None
    waiting = told(site)
    assert waiting > BACKLOG // 2
    while waiting and time.time() - began < SECONDS:
        time.sleep(2)
        waiting = told(site)
        if gone_after is None and not original.exists():
            gone_after = time.time() - began
    over = time.time()
    stretches = {task: longest_without(site, task, began=began, over=over) for task in UPKEEP}
    figure(
        f"{BACKLOG:,} waited, {waiting:,} still after {over - began:.0f} s; "
        + ", ".join(f"{task} {runs} times, at most {most:.0f} s apart" for task, (most, runs) in stretches.items())
        + f"; a deleted original gone after {gone_after or 0:.0f} s"
    )
    assert gone_after is not None
    assert {task: most for task, (most, _) in stretches.items() if most > MOST_BETWEEN} == {}


def test_a_busy_stop_kills_nobody_and_costs_no_attempt(running_site, pictures, figure):
    site = running_site
    put_in_line(site, pictures, BACKLOG // 4)
    while not site.jobs().get("running"):
        time.sleep(0.1)
    began, told_before = time.monotonic(), len((site.folder / "supervisor.log").read_text())
    assert site.stop() == 0
    took, over = time.monotonic() - began, time.time()
    said = (site.folder / "supervisor.log").read_text()[told_before:]
    site.start()
    assert "was killed" not in said
    left_held = site.query(UNENDED.format(over=over))[0][0]
    figure(f"stopped in {took:.0f} s in the midst of embedding, nobody killed, {left_held} pictures left held")
    assert left_held == 0
    assert site.query("SELECT count(*) FROM retrieval_embeddingjob WHERE state = 'failed'")[0][0] == 0
