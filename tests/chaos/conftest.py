"""The shared site of the fault tests, their pictures, and the seed of what is left to chance."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made
from tests.chaos.site import Pictures, Site, free_port
from tests.folders import quickest

SEED = "IMAGESEARCH_CHAOS_SEED"


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed of all random choices; the same one again comes from the environment."""
    found = int(os.environ.get(SEED) or random.SystemRandom().randrange(1_000_000))
    sys.stderr.write(f"{SEED}={found}\n")
    return found


@pytest.fixture(scope="session")
def pictures(seed: int) -> Pictures:
    """Pictures of which none comes twice."""
    return Pictures(seed)


@pytest.fixture
def dice(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Random choices of one test."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="module")
def running_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """One site for all tests of a file, with the variables that the file names as EXTRA."""
    extra = {"IMAGESEARCH_USER_SEARCHES": "1000000", **getattr(request.module, "EXTRA", {})}  # five a second are many
    root = quickest() if in_haste(request) else "/tmp"
    with tempfile.TemporaryDirectory(prefix="isc-", dir=root, ignore_cleanup_errors=True) as folder:
        site = Site(Path(folder), free_port(), extra=extra)
        if in_haste(request):
            made.small_encoder(site.folder)
            made.lend_cluster(site.folder)
        site.start()
        yield site
        if in_haste(request):
            site.audit()
        site.stop()


def in_haste(request: pytest.FixtureRequest) -> bool:
    """Does the file do without a disk, with a small encoder, and with one audit after its last test?

    Nothing of theirs goes before that.
    """
    return getattr(request.module, "IN_HASTE", False)


@pytest.fixture
def site(running_site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The site; after the test every picture that it took must be ready, and the audit must find nothing."""
    yield running_site
    running_site.wait_ready(running_site.kept(), hurry=True)
    assert running_site.committed_twice() == 0
    if not in_haste(request):
        running_site.audit()
