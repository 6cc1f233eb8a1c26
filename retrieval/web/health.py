"""For machines that look after the site: is it up, is it ready, and what are its figures."""

from __future__ import annotations

import ipaddress

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from retrieval import checks, conf, telemetry
from retrieval.services.operations import status
from retrieval.services.people import accounts, limits, rights

PUBLICLY = "The {} does not work; administrators read here why, as does manage.py check --database default."


@never_cache
@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """``/healthz``: the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """``/readyz``: 200 when everything works, else 503 with the names of the broken parts.

    Why, with the paths and versions in it, and how the decoder is kept apart, is for those who may read the figures.
    """
    broken = checks.problems()
    found: dict[str, object] = {"ready": not broken, "broken": broken}
    if _knows_the_inside(request):
        found["decoder"] = status.decoder()
    else:
        found["broken"] = {name: PUBLICLY.format(name) for name in broken}
    answer = JsonResponse(found, status=503 if broken else 200)
    if broken:
        answer["Retry-After"] = "5"
    return answer


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """``/metrics``: Prometheus text, for administrators (by session or token) and the configured networks only."""
    if not _may_read_metrics(request):
        return HttpResponse("Only administrators and the configured networks may read this.\n", status=403)
    return HttpResponse(generate_latest(telemetry.REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _knows_the_inside(request: HttpRequest) -> bool:
    try:
        return _may_read_metrics(request)
    except DatabaseError:
        return False


def _may_read_metrics(request: HttpRequest) -> bool:
    """Administrators, and callers of the configured networks."""
    keyword, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = accounts.user_of_token(secret.strip()) if keyword.lower() == "token" else None
    if rights.administrator(token.user if token else request.user):
        return True
    return _of_the_networks(request.META["REMOTE_ADDR"], forwarded=request.headers.get("X-Forwarded-For"))


def _of_the_networks(remote: str, *, forwarded: str | None) -> bool:
    """Tell whether a caller is in the configured networks.

    Behind configured proxies that is the address which they saw. A proxy that nobody told us of is in the network
    itself, and whoever it speaks for is not: what comes through it has no network.
    """
    if forwarded is not None and not conf.get().proxies:
        return False
    try:
        caller = ipaddress.ip_address(limits.address_of(remote, forwarded=forwarded or ""))
    except ValueError:
        return False
    return any(caller in ipaddress.ip_network(network) for network in conf.get().metrics_networks)
