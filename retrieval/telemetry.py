"""The figures that Prometheus reads: requests and searches counted here, the state of the work read from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter

from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("imagesearch_http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "imagesearch_http_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=REGISTRY
)
REFUSED = Counter(
    "imagesearch_refused", "Requests and connections that ended before Django answered.", ["reason"], registry=REGISTRY
)
SEARCHES = Histogram(
    "imagesearch_search_seconds", "Time of a search, by its kind.", ["kind"], buckets=SECONDS, registry=REGISTRY
)

IMAGES = """
SELECT count(*) FILTER (WHERE state IN ('pending', 'running')), count(*) FILTER (WHERE state = 'done'),
       count(*) FILTER (WHERE state = 'failed'),
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state IN ('pending', 'running'))), 0)
FROM retrieval_embeddingjob
"""
RECALL = """
SELECT encoder.name, figure.recall, extract(epoch FROM figure.at)
FROM retrieval_recallfigure figure JOIN retrieval_encoder encoder ON encoder.id = figure.encoder_id
WHERE encoder.state = 'active' ORDER BY figure.at DESC LIMIT 1
"""


class Ledger(Collector):
    """Reads the state of the embedding work and the recall guard's last figure at each scrape."""

    def collect(self) -> Iterable[Metric]:
        """Yield jobs by state, the age of the oldest that waits, in seconds, and the recall of the index."""
        with connection.cursor() as cursor:
            cursor.execute(IMAGES)
            pending, ready, failed, oldest = cursor.fetchone()
            cursor.execute(RECALL)
            measured = cursor.fetchall()
        jobs = GaugeMetricFamily("imagesearch_jobs", "Embedding jobs by state.", labels=["state"])
        for state, count in {"pending": pending, "ready": ready, "failed": failed}.items():
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily("imagesearch_oldest_pending_seconds", "Age of the oldest waiting job.", value=oldest)
        yield from _recall(measured)

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead, so that registering needs no database."""
        return []


def _recall(measured: Iterable[tuple[str, float, float]]) -> Iterable[Metric]:
    """Yield the share of the exact neighbours that the index found, and when; no sample before the first measurement.

    ``measured`` holds an encoder's name, the share from 0 to 1, and the time in seconds since 1970.
    """
    share = GaugeMetricFamily("imagesearch_recall", "Recall of the active encoder's index.", labels=["encoder"])
    at = GaugeMetricFamily("imagesearch_recall_measured_at_seconds", "When it was measured.", labels=["encoder"])
    for encoder, recall, seconds in measured:
        share.add_metric([encoder], recall)
        at.add_metric([encoder], float(seconds))
    yield from (share, at)


for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)
REGISTRY.register(Ledger())


class Measure:
    """Middleware: counts and times every request by its route, never by its address, whose number has no end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then count."""
        began = perf_counter()
        response = self.get_response(request)
        route = f"/{request.resolver_match.route}" if request.resolver_match else "(none)"
        REQUESTS.labels(known_method(request.method), route, str(response.status_code)).inc()
        REQUEST_SECONDS.labels(route).observe(perf_counter() - began)
        return response


def known_method(name: str | None) -> str:
    """Return a method by its name, or ``other``: a client may make up names without end."""
    return name if name in METHODS else "other"


def searched(kind: str, *, seconds: float) -> None:
    """Count one search: ``kind`` is file, image, text, ...; ``seconds`` its whole time on the server."""
    SEARCHES.labels(kind).observe(seconds)
