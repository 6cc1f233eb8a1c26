"""For machines that look after the site: is it up, is it ready, and what are its figures."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from retrieval import checks, conf, telemetry
from retrieval.services import accounts, rights


@never_cache
@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """``/healthz``: the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """``/readyz``: 200 when everything works, else 503 with the names of the broken parts."""
    broken = checks.problems()
    answer = JsonResponse({"ready": not broken, "broken": broken}, status=503 if broken else 200)
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


def _may_read_metrics(request: HttpRequest) -> bool:
    """The address is the one of the connection: a header can say anything."""
    keyword, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = accounts.user_of_token(secret.strip()) if keyword.lower() == "token" else None
    if rights.administrator(token.user if token else request.user):
        return True
    caller = ipaddress.ip_address(request.META["REMOTE_ADDR"])
    return any(caller in ipaddress.ip_network(network) for network in conf.get().metrics_networks)
