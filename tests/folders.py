"""Where the folders of started sites lie while a test runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY, DISK = Path("/dev/shm"), Path("/tmp")
ROOM = 4 * 2**30  # some sites at once, each with a database


def quickest() -> Path:
    """Memory where there is room for it: a disk makes a start wait for what has to be safe. Its name is short too."""
    if not MEMORY.is_dir() or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC or shutil.disk_usage(MEMORY).free < ROOM:
        return DISK
    return MEMORY
