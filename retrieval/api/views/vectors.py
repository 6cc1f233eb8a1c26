"""The vectors of a collection, for programs of one's own."""

from __future__ import annotations

from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from retrieval import downloads
from retrieval.api.base import ApiView
from retrieval.services.images import collections, vectors_export


class VectorsView(ApiView):
    """The vectors of a collection by the active encoder."""

    @extend_schema(responses={(200, downloads.ZIP_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, collection_id: UUID) -> StreamingHttpResponse:  # noqa: ARG002
        """Send an ``.npz`` with ``ids``, ``vectors`` (float32), ``encoder`` and ``digest``, made while it is sent."""
        collection = collections.find(collection_id, user=self.person)
        found = vectors_export.stream(collection, user=self.person)
        return downloads.written(found, content_type=downloads.ZIP_TYPE, filename=f"vectors-{collection.pk}.npz")
