"""Compressions: smaller versions of an encoder measured on a collection, and one adopted; for administrators."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.compressions import (
    AdoptionInput,
    CompressionInput,
    CompressionSerializer,
    CompressionTableSerializer,
)
from retrieval.api.serializers.encoders import EncoderSerializer
from retrieval.models import Compression
from retrieval.services.encoders import compressions
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import CompressionRequest
from retrieval.services.images import collections


class CompressionsView(ApiView):
    """All compressions on the collections that the caller sees."""

    more_failures = frozenset({403, 404})

    @extend_schema(operation_id="compressions_list", responses=CompressionSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them without their tables, newest first. Administrators only."""
        return self.page(compressions.listing(self.person), CompressionSerializer)

    @extend_schema(request=CompressionInput, responses={202: CompressionSerializer})
    def post(self, request: Request) -> Response:
        """Put one in line; a worker builds and measures every version. Administrators only."""
        said = checked(CompressionInput, request.data)
        found = collections.find(said["collection"], user=self.person)
        calibration = collections.find(said["calibration"], user=self.person) if said["calibration"] else None
        wanted = Wanted(tuple(said["dimensions"]), said["int8"], said["keep"], said["steps"])
        wish = CompressionRequest(said["encoder"], found, said["labels"], calibration, wanted)
        row = compressions.start(wish, user=self.person)
        tasks.wake(tasks.compress, row.pk)
        return Response(self.shown(CompressionSerializer, row), status=202)


class CompressionView(ApiView):
    """One compression."""

    more_failures = frozenset({403, 409})

    @extend_schema(responses=CompressionTableSerializer)
    def get(self, request: Request, compression_id: UUID) -> Response:  # noqa: ARG002
        """Show one, with its table once it is done. Administrators only."""
        return Response(self.shown(CompressionTableSerializer, _get(self, compression_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, compression_id: UUID) -> Response:  # noqa: ARG002
        """Remove one that is over, with the weights that were not adopted. Administrators only."""
        compressions.remove(_get(self, compression_id), user=self.person)
        return Response(status=204)


class CancelCompressionView(ApiView):
    """Stop a compression."""

    @extend_schema(request=None, responses={202: CompressionSerializer})
    def post(self, request: Request, compression_id: UUID) -> Response:  # noqa: ARG002
        """Take it out of the line, or have its worker stop within seconds. Administrators only."""
        compressions.cancel(_get(self, compression_id), user=self.person)
        return Response(self.shown(CompressionSerializer, _get(self, compression_id)), status=202)


class AdoptView(ApiView):
    """Adopt a row of the table."""

    more_failures = frozenset({409})

    @extend_schema(request=AdoptionInput, responses={201: EncoderSerializer})
    def post(self, request: Request, compression_id: UUID) -> Response:
        """Make a draft encoder of it, with its weights and scorecard. Administrators only."""
        said = checked(AdoptionInput, request.data)
        row = _get(self, compression_id)
        draft = compressions.adopt(row, said["row"], called=said["name"], user=self.person)
        return Response(self.shown(EncoderSerializer, draft), status=201)


def _get(view: ApiView, compression_id: UUID) -> Compression:
    return compressions.get(compression_id, user=view.person)
