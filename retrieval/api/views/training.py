"""Training runs: started on a collection, followed, stopped; for administrators."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.training import TrainingInput, TrainingSerializer, WholeTrainingSerializer
from retrieval.errors import InvalidInput
from retrieval.services.encoders import training
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.images import collections


class TrainingsView(ApiView):
    """All runs on the collections that the caller sees."""

    more_failures = frozenset({403, 404, 409})

    @extend_schema(operation_id="training_list", responses=TrainingSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them without their curves, newest first. Administrators only."""
        return self.page(training.seen_by(self.person), TrainingSerializer)

    @extend_schema(request=TrainingInput, responses={202: TrainingSerializer})
    def post(self, request: Request) -> Response:
        """Check the config and put a run in line; it ends with a draft encoder. Administrators only."""
        said = checked(TrainingInput, request.data)
        collection = collections.find(said["collection"], user=self.person)
        try:
            row = training.start(TrainingRequest(said["config"], collection, by=said["by"]), user=self.person)
        except InvalidInput as error:
            raise _of_the_config(error) from error
        tasks.wake(tasks.train, row.pk)
        return Response(self.shown(TrainingSerializer, row), status=202)


class TrainingView(ApiView):
    """One run."""

    more_failures = frozenset({403})

    @extend_schema(responses=WholeTrainingSerializer)
    def get(self, request: Request, run_id: UUID) -> Response:  # noqa: ARG002
        """Show one with its config and its curve. Administrators only."""
        return Response(self.shown(WholeTrainingSerializer, training.find(run_id, user=self.person)))


class CancelTrainingView(ApiView):
    """Stop a run."""

    @extend_schema(request=None, responses={202: TrainingSerializer})
    def post(self, request: Request, run_id: UUID) -> Response:  # noqa: ARG002
        """Take it out of the line, or have its worker stop after its present step. Administrators only."""
        training.cancel(training.find(run_id, user=self.person), user=self.person)
        return Response(self.shown(TrainingSerializer, training.find(run_id, user=self.person)), status=202)


def _of_the_config(error: InvalidInput) -> InvalidInput:
    """Name the fields as the body has them: ``config.optimiser.steps``."""
    fields = {name if name == "config" else f"config.{name}": texts for name, texts in error.fields.items()}
    return InvalidInput(error.message, code=error.code, fields=fields)
