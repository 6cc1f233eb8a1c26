"""Who runs the servers: one owner, and borrowers for whom it waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imagesearch.embedded import lending
from imagesearch.embedded.process import Service

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service(short_folder):
    """A service that marks that it runs by a file."""
    flag = short_folder / "runs"
    script = f"trap 'rm {flag}; exit 0' TERM; touch {flag}; while :; do sleep 0.02; done"
    return Service("server", ["/bin/sh", "-c", script], short_folder / "log", answers=flag.exists)


def lent(folder, service, said):
    """Borrow or run the service."""
    return lending.lent(folder, [service], title="test", say=said.append)


def test_alone_it_runs_the_servers_and_stops_them(short_folder, service):
    with lent(short_folder, service, []):
        assert service.answers()
    assert not service.answers()


def test_a_borrower_leaves_the_owners_servers_running(short_folder, service):
    with lent(short_folder, service, []):
        owner = service.log.stat()
        with lent(short_folder, service, []):
            assert service.answers()
        assert service.answers()
        assert service.log.stat() == owner


def test_the_owner_waits_for_borrowers(short_folder, service):
    said, borrowed, release = [], threading.Event(), threading.Event()

    def borrow():
        with lent(short_folder, service, []):
            borrowed.set()
            release.wait(20)
            said.append(f"borrower saw {service.answers()}")

    thread = threading.Thread(target=borrow)
    with lent(short_folder, service, said):
        thread.start()
        assert borrowed.wait(20)
        threading.Timer(0.2, release.set).start()
    thread.join()
    assert said == ["The servers stop when the other commands that use them are done.", "borrower saw True"]
    assert not service.answers()


def test_a_second_owner_is_told_who_the_first_is(short_folder):
    with (
        lending.own(short_folder, title="manage.py up"),
        pytest.raises(lending.OwnedElsewhere, match=rf"manage\.py up \(process {os.getpid()}\)"),
        lending.own(short_folder, title="other"),
    ):
        pass


def test_ownership_ends_with_a_killed_process(short_folder):
    script = f"""
import os, signal
from pathlib import Path
from imagesearch.embedded import lending
with lending.own(Path({str(short_folder)!r}), title="killed"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == -9
    with lending.own(short_folder, title="next"):
        pass


@pytest.mark.parametrize(
    ("line", "needs"),
    [("", False), ("migrate", True), ("import_images x", True), ("up", False), ("help migrate", False),
     ("migrate --help", False), ("collectstatic", False), ("draw_pictures run x.png", False)],
)  # fmt: skip
def test_which_commands_need_servers(line, needs):
    assert lending.needs_servers(["manage.py", *line.split()]) is needs
