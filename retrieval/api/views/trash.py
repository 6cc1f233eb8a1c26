"""The trash: what is in it, brought back, or removed for good."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import conf, downloads, tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.bulk import OutcomeSerializer
from retrieval.api.serializers.trash import (
    DeletedCollectionSerializer,
    DeletedImageSerializer,
    TrashInput,
    TrashQuery,
)
from retrieval.api.views.bulk import told
from retrieval.services.images import images, trash
from retrieval.services.images.trash import Trashed

SHOWN = PolymorphicProxySerializer(
    "Deleted", [DeletedImageSerializer, DeletedCollectionSerializer], resource_type_field_name=None, many=True
)


class TrashView(ApiView):
    """What was deleted and is still kept."""

    lists = True
    queries = MappingProxyType({"GET": TrashQuery})

    @extend_schema(operation_id="trash_list", responses=SHOWN)
    def get(self, request: Request) -> Response:
        """List the pictures that the caller may bring back, or their own collections, the last deleted first."""
        if self.asked(request)["kind"] == "collections":
            return self.page(trash.deleted_collections(self.person), DeletedCollectionSerializer)
        return self.page(trash.deleted_images(self.person), DeletedImageSerializer)


class TrashRestoreView(ApiView):
    """What is brought back."""

    @extend_schema(request=TrashInput, responses={200: OutcomeSerializer})
    def post(self, request: Request) -> Response:
        """Bring back pictures, and collections with the pictures that were deleted with them."""
        found = trash.restore(_asked(request), user=self.person)
        tasks.wake_for("images")
        return Response(self.shown(OutcomeSerializer, told(found)))


class TrashRemoveView(ApiView):
    """What is removed for good before its time."""

    @extend_schema(request=TrashInput, responses={200: OutcomeSerializer})
    def post(self, request: Request) -> Response:
        """Remove pictures (managers) and collections (their owner) for good; files go with the next purge."""
        found = trash.remove(_asked(request), user=self.person)
        tasks.wake_for("trash")
        return Response(self.shown(OutcomeSerializer, told(found)))


class TrashThumbnailView(ApiView):
    """A picture in the trash, made small."""

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, image_id: UUID) -> HttpResponse | StreamingHttpResponse:  # noqa: ARG002
        """Send the smallest thumbnail."""
        image = trash.deleted_image(image_id, user=self.person)
        path = images.thumbnail_path(image, min(conf.get().thumbnail_sizes))
        return downloads.send(downloads.Stored(path, downloads.THUMBNAIL_TYPE))


def _asked(request: Request) -> Trashed:
    said: dict[str, Any] = checked(TrashInput, request.data)
    return Trashed(**said)
