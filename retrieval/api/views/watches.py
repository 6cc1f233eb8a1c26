"""Watches and their alerts: kept, changed, tried on the past, looked back with, marked; each is its person's alone."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.watches import (
    AlertInput,
    AlertQuery,
    AlertSerializer,
    TestedSerializer,
    TrialSerializer,
    TryInput,
    WatchChange,
    WatchInput,
    WatchSerializer,
    notify_of,
)
from retrieval.api.views.search import request_of
from retrieval.services.people import limits
from retrieval.services.watching import alerts, deliveries, trying, watches
from retrieval.services.watching.alerts import AlertFilters
from retrieval.services.watching.notify import Notify
from retrieval.services.watching.watches import Least, WatchRequest
from retrieval.tasks import wake_for

LEAST = ("band", "probability", "score")


class WatchesView(ApiView):
    """One's own watches."""

    lists = True
    more_failures = frozenset({404, 409, 429})

    @extend_schema(operation_id="watches_list", responses=WatchSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them, newest first."""
        return self.page(watches.listing(self.person).select_related("encoder"), WatchSerializer)

    @extend_schema(request=WatchInput, responses={201: WatchSerializer})
    def post(self, request: Request) -> Response:
        """Keep a search; from now on it sees every picture as it becomes ready."""
        said = checked(WatchInput, request.data)
        limits.search(self.person, address=self.address, uploaded=False)
        search = request_of({**said, "min_band": None, "min_score": None}, ())
        notify = notify_of(said["notify"]) if "notify" in said else Notify()
        wanted = WatchRequest(said["name"], search, _least(said), notify, said["active"])
        return Response(self.shown(WatchSerializer, watches.create(wanted, user=self.person)), status=201)


class WatchView(ApiView):
    """One of them."""

    more_failures = frozenset({404, 409})

    @extend_schema(responses=WatchSerializer)
    def get(self, request: Request, watch_id: UUID) -> Response:  # noqa: ARG002
        """Show one."""
        return Response(self.shown(WatchSerializer, watches.get(watch_id, user=self.person)))

    @extend_schema(request=WatchChange, responses=WatchSerializer)
    def patch(self, request: Request, watch_id: UUID) -> Response:
        """Change what is named; alerts that it fired keep what they fired by."""
        said = checked(WatchChange, request.data, partial=True)
        changes: dict[str, Any] = {name: said[name] for name in ("name", "active") if name in said}
        if "notify" in said:
            changes["notify"] = notify_of(said["notify"])
        if any(f"min_{name}" in said for name in LEAST):
            changes["least"] = _least(said)
        return Response(self.shown(WatchSerializer, watches.change(watch_id, changes, user=self.person)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, watch_id: UUID) -> Response:  # noqa: ARG002
        """Remove it with its alerts."""
        watches.remove(watch_id, user=self.person)
        return Response(status=204)


class TryView(ApiView):
    """What it would have found."""

    reads_by_post = True
    more_failures = frozenset({404, 409, 429})

    @extend_schema(request=TryInput, responses=TrialSerializer)
    def post(self, request: Request, watch_id: UUID) -> Response:
        """Hold it against the pictures added since then; nothing fires."""
        since = checked(TryInput, request.data).get("since")
        limits.search(self.person, address=self.address, uploaded=False)
        return Response(self.shown(TrialSerializer, trying.tried(watch_id, user=self.person, since=since)))


class BackfillView(ApiView):
    """Older pictures."""

    more_failures = frozenset({404})

    @extend_schema(request=None, responses={202: WatchSerializer})
    def post(self, request: Request, watch_id: UUID) -> Response:  # noqa: ARG002
        """Have it look at all older pictures too; alerts come as they are found."""
        row = trying.ask_backfill(watch_id, user=self.person)
        wake_for("watches")
        return Response(self.shown(WatchSerializer, row), status=202)


class WebhookTestView(ApiView):
    """The test button."""

    more_failures = frozenset({403, 404, 429})

    @extend_schema(request=None, responses=TestedSerializer)
    def post(self, request: Request, watch_id: UUID) -> Response:  # noqa: ARG002
        """Send something that is no alert to its webhook and as mail, and say what came of it."""
        return Response(self.shown(TestedSerializer, deliveries.test(watch_id, user=self.person)))


class AlertsView(ApiView):
    """What one's watches fired for."""

    lists = True
    queries = MappingProxyType({"GET": AlertQuery})

    @extend_schema(operation_id="alerts_list", responses=AlertSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List alerts of pictures that the caller sees now, newest first; repeats are counted with the first."""
        wanted = AlertFilters(**self.asked(request))
        return self.page(alerts.listing(self.person, filters=wanted), AlertSerializer)


class AlertView(ApiView):
    """One of them."""

    more_failures = frozenset({404})

    @extend_schema(responses=AlertSerializer)
    def get(self, request: Request, alert_id: UUID) -> Response:  # noqa: ARG002
        """Show one."""
        return Response(self.shown(AlertSerializer, alerts.get(alert_id, user=self.person)))

    @extend_schema(request=AlertInput, responses=AlertSerializer)
    def patch(self, request: Request, alert_id: UUID) -> Response:
        """Say that it was seen, and whether it was right; null takes a verdict back. It sharpens the watch."""
        said = checked(AlertInput, request.data, partial=True)
        verdict = (said["verdict"] or "") if "verdict" in said else None
        row = alerts.mark(alert_id, user=self.person, seen=said.get("seen"), verdict=verdict)
        wake_for("watches")
        return Response(self.shown(AlertSerializer, row))


def _least(said: dict[str, Any]) -> Least:
    return Least(**{name: said.get(f"min_{name}") for name in LEAST})
