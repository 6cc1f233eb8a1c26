"""Evaluations: encoders measured beside each other on a collection, for administrators."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.evaluations import EvaluationInput, EvaluationResultSerializer, EvaluationSerializer
from retrieval.services.evaluation import evaluations
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.images import collections


class EvaluationsView(ApiView):
    """All evaluations of the collections that the caller sees."""

    more_failures = frozenset({403, 404})

    @extend_schema(operation_id="evaluations_list", responses=EvaluationSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them without their results, newest first. Administrators only."""
        return self.page(evaluations.listing(self.person), EvaluationSerializer)

    @extend_schema(request=EvaluationInput, responses={202: EvaluationSerializer})
    def post(self, request: Request) -> Response:
        """Put one in line; a worker measures it from stored vectors. Administrators only."""
        said = checked(EvaluationInput, request.data)
        collection = collections.find(said.pop("collection"), user=self.person)
        wanted = EvaluationRequest(collection, tuple(said.pop("encoders")), **said)
        row = evaluations.start(wanted, user=self.person)
        tasks.wake(tasks.evaluate, row.pk)
        return Response(self.shown(EvaluationSerializer, row), status=202)


class EvaluationView(ApiView):
    """One evaluation."""

    more_failures = frozenset({403})

    @extend_schema(responses=EvaluationResultSerializer)
    def get(self, request: Request, evaluation_id: UUID) -> Response:  # noqa: ARG002
        """Show one, with its result once it is done. Administrators only."""
        return Response(self.shown(EvaluationResultSerializer, evaluations.get(evaluation_id, user=self.person)))
