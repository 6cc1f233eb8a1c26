"""The calls that ask for long work: measuring, making smaller, training; and one that takes what came out."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.calibrations import CalibrationInput, CalibrationSerializer
from retrieval.api.serializers.compressions import AdoptionInput, CompressionInput, CompressionSerializer
from retrieval.api.serializers.encoders import EncoderSerializer
from retrieval.api.serializers.evaluations import EvaluationInput, EvaluationSerializer
from retrieval.api.serializers.training import TrainingInput, TrainingSerializer
from retrieval.api.views.long_jobs import Jobs
from retrieval.errors import InvalidInput
from retrieval.models import Labels
from retrieval.services.encoders import compressions, training
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import Adoption, CompressionRequest
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.evaluation import calibrations, evaluations
from retrieval.services.evaluation.calibrations import CalibrationRequest
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.images import collections
from retrieval.services.operations import long_work


class Evaluations(Jobs):
    """Encoders measured beside each other on a collection."""

    @extend_schema(request=EvaluationInput, responses={202: EvaluationSerializer})
    def post(self, request: Request) -> Response:
        """Put one in line; a worker measures it from stored vectors. Administrators only."""
        said = checked(EvaluationInput, request.data)
        collection = collections.find(said.pop("collection"), user=self.person)
        wanted = EvaluationRequest(collection, tuple(said.pop("encoders")), **said)
        return self.begun(evaluations.start(wanted, user=self.person))


class Calibrations(Jobs):
    """What the scores of an encoder mean, measured on a collection."""

    @extend_schema(request=CalibrationInput, responses={202: CalibrationSerializer})
    def post(self, request: Request) -> Response:
        """Put one in line; searches by the encoder speak by it from its end on. Administrators only."""
        said = checked(CalibrationInput, request.data)
        collection = collections.find(said["collection"], user=self.person)
        wanted = CalibrationRequest(said["encoder"], collection, Labels(said["labels"]))
        return self.begun(calibrations.start(wanted, user=self.person))


class Compressions(Jobs):
    """Smaller versions of an encoder measured on a collection."""

    @extend_schema(request=CompressionInput, responses={202: CompressionSerializer})
    def post(self, request: Request) -> Response:
        """Put one in line; a worker builds and measures every version. Administrators only."""
        said = checked(CompressionInput, request.data)
        found = collections.find(said["collection"], user=self.person)
        calibration = collections.find(said["calibration"], user=self.person) if said["calibration"] else None
        wanted = Wanted(tuple(said["dimensions"]), said["int8"], said["keep"], said["steps"])
        wish = CompressionRequest(said["encoder"], found, said["labels"], calibration, wanted)
        return self.begun(compressions.start(wish, user=self.person))


class Trainings(Jobs):
    """Training runs on a collection."""

    @extend_schema(request=TrainingInput, responses={202: TrainingSerializer})
    def post(self, request: Request) -> Response:
        """Check the config and put a run in line; it ends with a draft encoder. Administrators only."""
        said = checked(TrainingInput, request.data)
        collection = collections.find(said["collection"], user=self.person)
        try:
            row = training.start(TrainingRequest(said["config"], collection, said["by"]), user=self.person)
        except InvalidInput as error:
            raise of_the_config(error) from error
        return self.begun(row)


class AdoptView(ApiView):
    """Adopt a row of a compression's table."""

    more_failures = frozenset({409})

    @extend_schema(request=AdoptionInput, responses={201: EncoderSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        """Make a draft encoder of it, with its weights and scorecard. Administrators only."""
        said = checked(AdoptionInput, request.data)
        row = long_work.get(compressions.KIND, job_id, user=self.person)
        draft = compressions.adopt(row, Adoption(said["row"], said["name"], said["again"]), user=self.person)
        return Response(self.shown(EncoderSerializer, draft), status=201)


def of_the_config(error: InvalidInput) -> InvalidInput:
    """Name the fields as the body has them: ``config.optimiser.steps``."""
    fields = {name if name == "config" else f"config.{name}": texts for name, texts in error.fields.items()}
    return InvalidInput(error.message, code=error.code, fields=fields)
