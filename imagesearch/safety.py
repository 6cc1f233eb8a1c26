"""Starts that are refused because they would open the site to strangers."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.http.request import validate_host

from imagesearch.env import BadVariable

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1", ".localhost", "testserver"})
SECRET_LENGTH = 50
WELL_KNOWN = ("django-insecure", "change", "secret", "example", "default", "password")


def require_safe_hosts(hosts: Sequence[str]) -> None:
    """Refuse a host list that matches everything: whoever names the host could then forge links."""
    if any(host.strip(".") in {"*", ""} for host in hosts):
        raise BadVariable("IMAGESEARCH_ALLOWED_HOSTS", "must name the hosts; the wildcard * is refused.")


def require_own_origins(origins: Sequence[str], hosts: Sequence[str]) -> None:
    """Refuse an origin of a host that is not ours: its pages could act in the name of whoever is signed in here."""
    for origin in origins:
        host = urlsplit(origin).hostname or ""
        if not validate_host(f"[{host}]" if ":" in host else host, hosts):
            why = f"must be of hosts that IMAGESEARCH_ALLOWED_HOSTS names, and {host} is none."
            raise BadVariable("IMAGESEARCH_ORIGINS", why)


def require_safe_debug(*, debug: bool, hosts: Sequence[str], listen: str, https: bool) -> None:
    """Refuse DEBUG unless the site is for this machine alone: its error pages show settings and data."""
    if debug and (https or not LOCAL_HOSTS.issuperset([*hosts, listen])):
        raise BadVariable("IMAGESEARCH_DEBUG", "must be off when the site can be reached from other machines.")


def require_safe_secret(key: str) -> None:
    """Refuse a key that is short or that stands in documents: with it anybody can sign a session."""
    if len(key) < SECRET_LENGTH:
        raise BadVariable("IMAGESEARCH_SECRET_KEY", f"must have at least {SECRET_LENGTH} characters.")
    if key.lower().startswith(WELL_KNOWN) or len(set(key)) < 5:
        raise BadVariable("IMAGESEARCH_SECRET_KEY", "must be made at random, not taken from an example.")
