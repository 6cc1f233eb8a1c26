"""Sources of a collection: made, changed, read at once and removed by its managers."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.sources import SourceChanges, SourceInput, SourceSerializer
from retrieval.models import Source
from retrieval.services.images import collections
from retrieval.services.sources import sources
from retrieval.services.sources.sources import SourceRequest


class SourcesView(ApiView):
    """What is read into a collection on a schedule."""

    lists = True

    @extend_schema(operation_id="collections_sources_list", responses=SourceSerializer(many=True))
    def get(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """List the sources, newest first."""
        collection = collections.find(collection_id, user=self.person)
        return self.page(sources.listing(collection, user=self.person), SourceSerializer)

    @extend_schema(request=SourceInput, responses={201: SourceSerializer})
    def post(self, request: Request, collection_id: UUID) -> Response:
        """Have a folder of the server (staff with the right), or a camera's address, read from now on."""
        collection = collections.find(collection_id, user=self.person)
        wanted = SourceRequest(**checked(SourceInput, request.data))
        row = sources.make(collection, user=self.person, wanted=wanted)
        tasks.wake_for("sources")
        return Response(SourceSerializer(row).data, status=201)


class SourceView(ApiView):
    """One source of a collection."""

    @extend_schema(operation_id="collections_sources_retrieve", responses=SourceSerializer)
    def get(self, request: Request, collection_id: UUID, source_id: UUID) -> Response:  # noqa: ARG002
        """Return how it is read and what came of it."""
        return Response(SourceSerializer(self._found(collection_id, source_id)).data)

    @extend_schema(request=SourceChanges, responses=SourceSerializer)
    def patch(self, request: Request, collection_id: UUID, source_id: UUID) -> Response:
        """Change it, or switch it on or off; what is not named stays."""
        collection = collections.find(collection_id, user=self.person)
        changes = checked(SourceChanges, request.data, partial=True)
        sources.change(source_id, changes, collection=collection, user=self.person)
        tasks.wake_for("sources")
        return Response(SourceSerializer(self._found(collection_id, source_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: UUID, source_id: UUID) -> Response:  # noqa: ARG002
        """Have it read no more; its pictures stay."""
        collection = collections.find(collection_id, user=self.person)
        sources.remove(source_id, collection=collection, user=self.person)
        return Response(status=204)

    def _found(self, collection_id: UUID, source_id: UUID) -> Source:
        collection = collections.find(collection_id, user=self.person)
        return sources.get(source_id, collection=collection, user=self.person)


class ReadNowView(ApiView):
    """A source is read at once."""

    @extend_schema(request=None, responses={202: SourceSerializer})
    def post(self, request: Request, collection_id: UUID, source_id: UUID) -> Response:  # noqa: ARG002
        """Have it read within seconds, also one that is off; ask for it again to see what came of it."""
        collection = collections.find(collection_id, user=self.person)
        row = sources.read_now(source_id, collection=collection, user=self.person)
        tasks.wake_for("sources")
        return Response(SourceSerializer(row).data, status=202)
