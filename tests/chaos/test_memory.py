"""The soak's scales, tried on real processes: what is a program's own, what is shared, what is only mapped."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from dataclasses import replace
from unittest import mock

import psutil
import pytest

from tests.chaos import memory
from tests.chaos.soak import Soak

pytestmark = pytest.mark.chaos

MIB = 64
OWN = f"kept = bytearray(b'x' * ({MIB} << 20))"
SHARED = f"import mmap; kept = mmap.mmap(-1, {MIB} << 20); kept.write(b'x' * ({MIB} << 20))"
MAPPED = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(kept[::4096])
"""
FORKED = f"import os, time; kept = bytearray(b'x' * ({MIB} << 20)); os.fork() or time.sleep(60)"


@contextlib.contextmanager
def program(act, *words):
    """A program that did this and then waits."""
    source = f"{act}\nimport sys; print('done', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", source, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"done\n"
        main = psutil.Process(process.pid)
        children = main.children()
        yield memory.read(main)
        for one in (*children, main):
            one.kill()


@pytest.fixture
def idle():
    """What a program takes that does nothing."""
    with program("") as reading:
        yield reading


def test_what_a_program_takes_for_itself_is_its_own(idle):
    with program(OWN) as reading:
        assert reading.own - idle.own == pytest.approx(MIB, abs=3)
        assert reading.shared == idle.shared


def test_what_others_can_use_as_well_is_not(idle, tmp_path):
    file = tmp_path / "library"
    file.write_bytes(b"x" * (MIB << 20))
    with program(MAPPED, str(file)) as reading, program(MAPPED, str(file)) as another:
        assert reading.own - idle.own == pytest.approx(0, abs=3)
        assert another.mapped - idle.mapped == pytest.approx(MIB / 2, abs=5)  # they share it
    with program(SHARED) as reading:
        assert reading.own - idle.own == pytest.approx(0, abs=3)
        assert reading.shared - idle.shared == pytest.approx(MIB, abs=1)


def test_what_a_fork_still_shares_counts_once(idle):
    with program(FORKED) as reading:
        assert reading.own == pytest.approx(idle.own + MIB, abs=8)
        assert 0 < reading.youngest < 60


def test_a_worker_without_a_child_is_not_compared(idle):
    assert idle.youngest == 0
    readings = [replace(idle, youngest=age) for age in (0, 5.0, 40.0)]
    seen = Soak(mock.Mock(), mock.Mock(), mock.Mock(), readings={"worker": readings, "web": readings})
    assert (len(seen.series("worker")), len(seen.series("web"))) == (1, 3)


def test_postgresql_is_judged_by_the_process_and_everybody_else_by_all_of_it():
    reading = memory.Reading(own=30, shared=90, mapped=5, processes=10, youngest=1)
    assert memory.judged("postgres", reading) == 3
    assert memory.judged("web", reading) == 120


def test_a_program_that_leaks_grows_and_one_that_wavers_does_not():
    wavering, leaking = [100.0 + number % 3 for number in range(60)], [100.0 + number for number in range(60)]
    assert memory.growth(wavering) < memory.FLAT < memory.growth(leaking)
