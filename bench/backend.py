"""What PostgreSQL takes for a connection."""

from __future__ import annotations

from pathlib import Path

from django.db import connection


def backend_seconds() -> float:
    """The processor time of this connection's server process so far."""
    pid = connection.connection.info.backend_pid
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
