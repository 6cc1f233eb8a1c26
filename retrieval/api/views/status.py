"""The state of the system and of the work in it, and the answer where there is no call."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.encoders import StatusSerializer
from retrieval.api.serializers.jobs import JobsSerializer, RetriedSerializer, RetryInput
from retrieval.errors import NotFound
from retrieval.services.operations import status
from retrieval.work import jobs


class StatusView(ApiView):
    """What the system is and how it feels."""

    visitors = True

    @extend_schema(responses=StatusSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Show version, active encoder, servers, and the counts of the pictures that the caller sees."""
        return Response(StatusSerializer(status.overview(self.person)).data)


class JobsView(ApiView):
    """The work that waits, as the caller may see it."""

    @extend_schema(responses=JobsSerializer)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Show what waits, runs and failed, why, and how long the rest will take."""
        return Response(JobsSerializer(jobs.overview(self.person)).data)


class RetryJobsView(ApiView):
    """A second try for failed pictures."""

    @extend_schema(request=RetryInput, responses={202: RetriedSerializer})
    def post(self, request: Request) -> Response:
        """Try the caller's failed pictures again, all or those with one code."""
        code = checked(RetryInput, request.data)["code"]
        count = jobs.retry_failed(self.person, code=code or None)
        tasks.wake_for("failed")
        return Response({"retried": count}, status=202)


class UnknownView(ApiView):
    """Every address under the API's base that is no call."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    schema = None  # type: ignore[assignment]

    def check_query(self, request: Request) -> None:  # noqa: ARG002
        """Answer 404 whatever is asked."""
        raise NotFound("There is no such call; addresses end with a slash.")
