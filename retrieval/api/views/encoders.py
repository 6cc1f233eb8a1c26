"""Encoders: what there is and how good it is; administrators build and activate."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.encoders import (
    ActivationInput,
    EncoderSerializer,
    IndexInput,
    IndexKindsSerializer,
    ProjectionInput,
)
from retrieval.models import Encoder, IndexKind
from retrieval.services.encoders import encoders, indexes, projections
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.services.images import collections
from retrieval.services.people import rights


class EncodersView(ApiView):
    """All encoders."""

    lists = True

    @extend_schema(operation_id="encoders_list", responses=EncoderSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the encoders with their scores, newest first."""
        return self.page(encoders.listing(seen_by=self.person), EncoderSerializer)


class EncoderView(ApiView):
    """One encoder."""

    more_failures = frozenset({409})

    @extend_schema(responses=EncoderSerializer)
    def get(self, request: Request, encoder_id: UUID) -> Response:  # noqa: ARG002
        """Show an encoder; while it is being built also how far it is."""
        return Response(self.shown(EncoderSerializer, encoders.get(encoder_id, seen_by=self.person)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, encoder_id: UUID) -> Response:  # noqa: ARG002
        """Drop an encoder that is not active, with its vectors and its index. Administrators only."""
        encoders.drop(encoders.get(encoder_id, seen_by=self.person), user=self.person)
        return Response(status=204)


class BuildView(ApiView):
    """Begin to embed every picture with an encoder."""

    more_failures = frozenset({409})

    @extend_schema(request=None, responses={202: EncoderSerializer})
    def post(self, request: Request, encoder_id: UUID) -> Response:  # noqa: ARG002
        """Embed all pictures with it, beside the active one. Administrators only."""
        encoder = encoders.build(encoders.get(encoder_id, seen_by=self.person), user=self.person)
        tasks.wake_for("encoders")
        return Response(self.shown(EncoderSerializer, encoder), status=202)


class ActivateView(ApiView):
    """Make an encoder the one of every search."""

    more_failures = frozenset({409})

    @extend_schema(request=ActivationInput, responses=EncoderSerializer)
    def post(self, request: Request, encoder_id: UUID) -> Response:
        """Switch to it. Refused while pictures are missing or when it scores worse, unless a reason is given."""
        reason = checked(ActivationInput, request.data)["force_reason"]
        found = encoders.get(encoder_id, seen_by=self.person)
        encoder = encoders.activate(found, user=self.person, force_reason=reason)
        tasks.wake_for("encoders")
        return Response(self.shown(EncoderSerializer, encoder))


class IndexView(ApiView):
    """By which kind of index searches by an encoder find."""

    more_failures = frozenset({409})

    @extend_schema(responses=IndexKindsSerializer)
    def get(self, request: Request, encoder_id: UUID) -> Response:  # noqa: ARG002
        """Show the kinds, which of them is wanted, how large each is and what it found. Administrators only."""
        rights.require_administrator(self.person)
        return self._choices(encoders.get(encoder_id, seen_by=self.person), status=200)

    @extend_schema(request=IndexInput, responses={202: IndexKindsSerializer})
    def put(self, request: Request, encoder_id: UUID) -> Response:
        """Want another kind; searches use the one there is until it is built. Administrators only."""
        kind = IndexKind(checked(IndexInput, request.data)["kind"])
        encoder = indexes.choose(encoders.get(encoder_id, seen_by=self.person), kind, user=self.person)
        tasks.wake_for("indexes")
        return self._choices(encoder, status=202)

    def _choices(self, encoder: Encoder, *, status: int) -> Response:
        return Response(IndexKindsSerializer({"kinds": indexes.choices(encoder)}).data, status=status)


class ProjectionsView(ApiView):
    """Learn a projection on an encoder's stored vectors."""

    more_failures = frozenset({409})

    @extend_schema(request=ProjectionInput, responses={201: EncoderSerializer})
    def post(self, request: Request, encoder_id: UUID) -> Response:
        """Make a draft encoder with it, in seconds: no picture is read. Administrators only."""
        said = checked(ProjectionInput, request.data)
        chosen = said.pop("collection")
        collection = collections.find(chosen, user=self.person) if chosen else None
        wanted = ProjectionRequest(**said, collection=collection)
        draft = projections.learn(encoders.get(encoder_id, seen_by=self.person), wanted, user=self.person)
        return Response(self.shown(EncoderSerializer, draft), status=201)
