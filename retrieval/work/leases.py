"""Who has a piece of work: the names of workers, and whether one is gone; the ledger and long jobs ask alike."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.utils import timezone


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text()[:8] if Path("/proc").is_dir() else "-"


def worker_name() -> str:
    """Name this process so that it can never be taken for another: host, boot, process id, its start time."""
    return f"{socket.gethostname()[:60]}/{_boot()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(worker: str) -> bool:
    """Tell whether that worker ran on this very host and is gone; about other hosts nothing is known: False."""
    if not is_here(worker):
        return False
    _, boot, pid, started = worker.rsplit("/", 3)
    return boot != _boot() or _started(int(pid)) != started


def is_here(worker: str) -> bool:
    """Tell whether that worker runs or ran on this very host."""
    return worker.count("/") >= 3 and worker.rsplit("/", 3)[0] == socket.gethostname()[:60]


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot, or nothing when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]


def is_lost(worker: str, heartbeat_at: datetime | None, *, silence: timedelta) -> bool:
    """Tell whether a worker is gone: on this host that can be seen, elsewhere it has been silent for so long.

    A living process has its work, however long one step takes.
    """
    if is_here(worker):
        return is_dead(worker)
    return heartbeat_at is None or heartbeat_at < timezone.now() - silence
