"""The memory of each program of a site over time: what is its own, what it shares, and whether that grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from imagesearch.embedded import memory as machine
from tests.chaos.site import PROGRAMS, Site

WARM_UP = 0.3  # share of the time after which memory is compared with that at the end
AT_THE_END = 0.2
FLAT = 0.1
SHARED_BUFFERS = int(machine.settings(machine.available(), cores=1)["shared_buffers"].removesuffix("MB"))


@dataclass(frozen=True)
class Reading:
    """One program with all its processes at one moment, in MiB.

    ``own``: anonymous pages, swapped ones too; those of a fork that both still share count once. ``shared``: shared
    memory, which PostgreSQL fills up to ``shared_buffers``. ``mapped``: pages of files, which the kernel may drop, and
    which count for less when somebody else maps the same libraries. ``youngest``: seconds since the last of its
    children began, 0 where it has none just now.
    """

    own: float
    shared: float
    mapped: float
    processes: int
    youngest: float


def read(main: psutil.Process) -> Reading | None:
    """Read a program's processes; None when one came or went meanwhile, as that would be half a sum."""
    try:
        before = [main, *main.children(recursive=True)]
        parts = [_pages(process.pid) for process in before]
        begun = [process.create_time() for process in main.children()]
        if {process.pid for process in before} != {main.pid, *(one.pid for one in main.children(recursive=True))}:
            return None
    except (psutil.Error, OSError):
        return None
    sums = [sum(part.get(name, 0) for part in parts) / 1024 for name in ("own", "Pss_Shmem", "Pss_File")]
    return Reading(*sums, processes=len(parts), youngest=time.time() - max(begun) if begun else 0.0)


def read_all(site: Site) -> dict[str, Reading]:
    """Read every program of a site, and the one that looks after them."""
    mains = {name: site.find(name) for name in PROGRAMS}
    found = {name: read(main) for name, main in mains.items() if main}
    pages = _pages(site.process.pid)
    found["supervisor"] = Reading(pages["own"] / 1024, pages["Pss_Shmem"] / 1024, pages["Pss_File"] / 1024, 1, 0)
    return {name: reading for name, reading in found.items() if reading}


def judged(name: str, reading: Reading) -> float:
    """The figure that must stay flat: a program's own memory with what it shares among its processes.

    PostgreSQL is judged by the process, as each connection has one, and its shared memory by its bound alone.
    """
    if name == "postgres":
        return reading.own / reading.processes
    return reading.own + reading.shared


def growth(sizes: Sequence[float]) -> float:
    """Share by which a size grew from after the warm-up to the end, by medians."""
    last = max(1, round(len(sizes) * AT_THE_END))
    first = round(len(sizes) * WARM_UP)
    return statistics.median(sizes[-last:]) / statistics.median(sizes[first : first + last]) - 1


def _pages(pid: int) -> dict[str, int]:
    """What the kernel counts for one process, in kB; see proc_pid_smaps(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    found = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
    return {**found, "own": found["Pss_Anon"] + found["SwapPss"]}
