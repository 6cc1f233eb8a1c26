"""All open connections: who waits for its client since when, who may have one more, and who has to go."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from time import monotonic
from typing import Protocol

from imagesearch.front.bounds import Bounds
from retrieval import telemetry


class Held(Protocol):
    """A connection, as far as this module needs it. ``since`` is when it began to wait for its client, or None."""

    since: float | None

    def abort(self) -> None:
        """End it at once."""

    def overdue(self, now: float) -> str:
        """Return why its time is over, or nothing."""


class Watch:
    """Counts connections in all and by address. Where there is no room, the one that waits longest for its client goes.

    So an attack from one address is paid for by that address, and one from many by the slowest of all.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.all: set[Held] = set()
        self.groups: dict[str, set[Held]] = defaultdict(set)

    def add(self, connection: Held) -> None:
        """Keep a new connection, which ends another where there are too many."""
        if len(self.all) >= self.bounds.connections:
            _slowest_ended(self.all, "too many connections")
        self.all.add(connection)

    def join(self, connection: Held, address: str) -> bool:
        """Count a connection for an address; False where that has too many, and none of them waits for its client."""
        group = self.groups[address]
        fits = len(group) < self.bounds.connections_each or _slowest_ended(group, "too many of one address")
        if fits:
            group.add(connection)
        else:
            refused("too many of one address")
        return fits

    def leave(self, connection: Held, address: str) -> None:
        """Count a connection for this address no more."""
        group = self.groups.get(address)
        if group is not None:
            group.discard(connection)
            if not group:
                del self.groups[address]

    def remove(self, connection: Held) -> None:
        """Forget a connection that is over."""
        self.all.discard(connection)

    def sweep(self) -> None:
        """End every connection whose time is over."""
        now = monotonic()
        for connection in list(self.all):
            if reason := connection.overdue(now):
                refused(reason)
                connection.abort()


def network(address: str) -> str:
    """Return what counts as one address, or nothing for this machine: it may be a proxy that nobody has told us of."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return network(str(found.ipv4_mapped))
        return "" if found.is_loopback else str(ipaddress.ip_network((found, 64), strict=False))
    return "" if found.is_loopback else str(found)


def refused(reason: str) -> None:
    """Count something that was ended or turned away."""
    telemetry.REFUSED.labels(reason).inc()


def _slowest_ended(group: set[Held], reason: str) -> bool:
    """End the one that waits longest for its client, and count it no more; False where none waits."""
    waiting = [connection for connection in group if connection.since is not None]
    if not waiting:
        return False
    slowest = min(waiting, key=lambda connection: connection.since or 0)
    refused(reason)
    group.discard(slowest)
    slowest.abort()
    return True
