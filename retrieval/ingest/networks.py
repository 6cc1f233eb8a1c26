"""Whose an address is: of the open internet, or this machine's own."""

from __future__ import annotations

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Of all IPv6 only this part is given out (RFC 4291). In it, and in IPv4, Python's table lacks some special networks:
# documentation (RFC 9637), the anycast of 6to4 relays (RFC 7526), and the sinks of AS112 (RFC 7534, 7535).
GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
SPECIAL = (
    ipaddress.ip_network("3fff::/20"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("192.31.196.0/24"),
    ipaddress.ip_network("192.175.48.0/24"),
    ipaddress.ip_network("2620:4f:8000::/48"),
)
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the open internet, whatever IPv6 form an IPv4 address hides in."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and address not in GIVEN_OUT:
        return False
    if any(address in network for network in SPECIAL):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def is_own(address: Address) -> bool:
    """Tell whether an address is one of this machine's: only its own can be given to a socket."""
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((str(address), 0))
        except OSError:
            return False
    return True


def _inner(address: Address) -> Address | None:
    """The IPv4 address inside an IPv6 one: mapped, 6to4, Teredo or translated (RFC 4291, 3056, 4380, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
