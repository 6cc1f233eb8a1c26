"""How long a client may keep the web server waiting, and how much of it one address may hold."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Bounds:
    """Sizes in bytes, times in seconds, ``least_rate`` in bytes per second over each ``window``.

    ``waiting`` requests stand in line for one of the ``threads``, each at most ``waiting_seconds``; more are told to
    come back after ``retry_after``. ``spool`` is what the bodies that are coming in may take on the disk together, and
    ``spool_each`` those of one person. ``connections_each`` is for one address, a network /64 with IPv6.
    """

    threads: int = 16
    waiting: int = 64
    waiting_seconds: float = 10
    retry_after: int = 2
    head: int = 64 * KIB
    head_seconds: float = 10
    idle_seconds: int = 30
    window: float = 15
    least_rate: int = 4 * KIB
    small_body_seconds: float = 30
    body_seconds: float = 3600
    answer_seconds: float = 3600
    linger_seconds: float = 2
    in_memory: int = 64 * KIB
    in_kernel: int = 256 * KIB
    answer_in_memory: int = MIB
    spool: int = 2048 * MIB
    spool_each: int = 512 * MIB
    connections: int = 4000
    connections_each: int = 64
    stop_seconds: int = 8
