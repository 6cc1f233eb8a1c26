"""How much memory there is, and what the embedded PostgreSQL takes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MIB = 2**20
# A sixth leaves room for the web server, the workers and the kernel's cache of the same files; it is touched only as it
# is filled. Measured at a million vectors: with 4 GiB instead of 256 MiB a search cost less than half.
LEAST_BUFFERS, MOST_BUFFERS = 128 * MIB, 8192 * MIB
LEAST_UPKEEP, MOST_UPKEEP = 64 * MIB, 1024 * MIB

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available() -> int:
    """Bytes that this process and its children may have: the machine's, or less where a control group says so."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_limits()])


def settings(memory: int, *, cores: int) -> dict[str, str]:
    """PostgreSQL's settings for a machine of so many bytes and cores that it shares with the rest of the site.

    The cores are for building an index, which asks for shared memory first and goes on alone where there is too little.
    """
    return {
        "shared_buffers": _megabytes(memory // 6, LEAST_BUFFERS, MOST_BUFFERS),
        "effective_cache_size": _megabytes(memory // 2, 2 * LEAST_BUFFERS, memory),
        "maintenance_work_mem": _megabytes(memory // 32, LEAST_UPKEEP, MOST_UPKEEP),
        "max_parallel_maintenance_workers": str(min(7, cores - 1)),
    }


def _megabytes(size: int, least: int, most: int) -> str:
    return f"{min(most, max(least, size)) // MIB}MB"


def _limits() -> Iterator[int]:
    """The limits of the control groups that this process is in, versions 1 and 2, and of those above them."""
    for line in _text(OWN_GROUPS).splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, name = (GROUPS / "memory", "memory.limit_in_bytes") if kinds else (GROUPS, "memory.max")
        parts = Path(path).parts[1:]
        # In a container the path may be the host's, and the limit lies at the root.
        texts = (_text(root.joinpath(*parts[:depth], name)).strip() for depth in range(len(parts) + 1))
        yield from (int(text) for text in texts if text.isdigit())


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
