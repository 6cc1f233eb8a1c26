"""Long work through the API: every kind is listed, followed, stopped, begun again and removed by the same calls."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from retrieval import tasks
from retrieval.api.base import ApiView
from retrieval.models import LongJob
from retrieval.services.operations import long_work
from retrieval.work import Kind


class LongJobView(ApiView):
    """What all calls on one kind share: how a row is shown in a list, and how with what came out."""

    kind: Kind[Any]
    listed: type[Serializer[Any]]
    whole: type[Serializer[Any]]
    more_failures = frozenset({403, 404, 409})

    def find(self, job_id: UUID) -> LongJob:
        """Return one that the caller may follow."""
        found: LongJob = long_work.get(self.kind, job_id, user=self.person)
        return found

    def begun(self, row: LongJob) -> Response:
        """Wake the worker, and answer with what stands in line."""
        tasks.wake_long_job(row)
        return Response(self.shown(self.listed, row), status=202)


class Jobs(LongJobView):
    """All of a kind that the caller may follow."""

    lists = True

    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them without what came out, newest first."""
        return self.page(long_work.listing(self.kind, user=self.person), self.listed)


class Job(LongJobView):
    """One of a kind."""

    def get(self, request: Request, job_id: UUID) -> Response:  # noqa: ARG002
        """Show how far it is, and what came out once it is done."""
        return Response(self.shown(self.whole, self.find(job_id)))

    def delete(self, request: Request, job_id: UUID) -> Response:  # noqa: ARG002
        """Remove one that is over, with its files; what was made of it stays."""
        long_work.remove(self.find(job_id), user=self.person)
        return Response(status=204)


class CancelJob(LongJobView):
    """Stop one."""

    def post(self, request: Request, job_id: UUID) -> Response:  # noqa: ARG002
        """Take it out of the line, or have its worker stop within seconds."""
        long_work.cancel(self.find(job_id), user=self.person)
        return Response(self.shown(self.listed, self.find(job_id)), status=202)


class ResumeJob(LongJobView):
    """Begin one again."""

    def post(self, request: Request, job_id: UUID) -> Response:  # noqa: ARG002
        """Put one that failed or was stopped back in line; it goes on where it stopped, if that was kept."""
        long_work.resume(self.find(job_id), user=self.person)
        return self.begun(self.find(job_id))


def routes(
    kind: Kind[Any], *, listed: type[Serializer[Any]], whole: type[Serializer[Any]], jobs: type[Jobs] = Jobs
) -> list[URLPattern]:
    """Return the addresses of a kind; ``jobs`` also takes the call that asks for a new one."""
    shared, name = {"kind": kind, "listed": listed, "whole": whole}, kind.name
    described: list[tuple[str, type[LongJobView], dict[str, Any]]] = [
        ("", jobs, {"get": extend_schema(operation_id=f"{name}_list", responses=listed(many=True))}),
        (
            "<uuid:job_id>/",
            Job,
            {"get": extend_schema(responses=whole), "delete": extend_schema(responses={204: None})},
        ),
        ("<uuid:job_id>/cancel/", CancelJob, {"post": extend_schema(request=None, responses={202: listed})}),
        ("<uuid:job_id>/resume/", ResumeJob, {"post": extend_schema(request=None, responses={202: listed})}),
    ]
    addresses = []
    for rest, view, calls in described:
        own: type[LongJobView] = type(view.__name__, (view,), {**shared, "__doc__": view.__doc__})
        extend_schema_view(**calls)(own)
        addresses.append(path(f"{name}/{rest}", own.as_view(), name=f"{name}-{view.__name__.lower()}"))
    return addresses
