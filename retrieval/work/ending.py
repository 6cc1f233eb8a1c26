"""Whether this worker is asked to end: one byte that its children share, as only their parent hears the signal."""

from __future__ import annotations

import mmap
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from time import monotonic
from typing import Any

LOOK_SECONDS = 0.25

_told = mmap.mmap(-1, 1)  # shared by whatever is forked from here on; reading and writing it take no lock


def say() -> None:
    """Tell this process and its children that the end comes; fit for the handler of a signal."""
    _told[0] = 1


def comes() -> bool:
    """Tell whether it was said."""
    return bool(_told[0])


def wait_unless(futures: Collection[Future[Any]], *, seconds: float) -> None:
    """Wait until all are done, for so many seconds at most, or until the end comes."""
    ends, left = monotonic() + seconds, set(futures)
    while left and not comes() and (rest := ends - monotonic()) > 0:
        left = wait(left, timeout=min(rest, LOOK_SECONDS), return_when=FIRST_COMPLETED).not_done
