"""Pictures: add, list, show, change, delete and bring back; their thumbnails and files."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import conf, downloads, tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import FormParser, JsonParser
from retrieval.api.serializers.copies import AddedSerializer
from retrieval.api.serializers.images import (
    ImageAddress,
    ImageEdit,
    ImageQuery,
    ImageSerializer,
    ImageUpload,
    ThumbnailQuery,
)
from retrieval.errors import Conflict, NotFound
from retrieval.services.copies import candidates
from retrieval.services.images import addresses, collections, favourites, full_size, idempotency, images
from retrieval.services.images.idempotency import Key
from retrieval.services.images.images import Added, ImageChanges, ImageFilters, Upload

if TYPE_CHECKING:
    from retrieval.models import Collection, Image

File = HttpResponse | StreamingHttpResponse

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key again gives the same picture."
)
IF_RANGE = OpenApiParameter(
    "If-Range", str, OpenApiParameter.HEADER, description="The ETag that the part is to be of; else all is sent."
)
RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One part, such as bytes=0-1023.")


class ImagesView(ApiView):
    """All pictures that the caller sees."""

    lists = True
    queries = MappingProxyType({"GET": ImageQuery})
    visitors = True
    parser_classes = [FormParser, JsonParser]
    largest_file = "file_bytes"
    more_failures = frozenset({409, 429, 507})

    @extend_schema(operation_id="images_list", responses=ImageSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the visible pictures, newest first."""
        wanted = self.asked(request)
        ordering = wanted.pop("ordering")
        rows = images.listing(self.person, filters=ImageFilters(**wanted))
        return self.page(rows.order_by(ordering.replace("taken_at", "moment")), ImageSerializer)

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": ImageUpload, "application/json": ImageAddress},
        responses={200: AddedSerializer, 201: AddedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add a picture, sent as ``file`` or fetched from ``url``; the address becomes its source unless one is given.

        The same bytes again in the same collection answer 200 with the picture that is there.
        """
        form = request.content_type.startswith("multipart/")
        fields = checked(ImageUpload if form else ImageAddress, request.data)
        key = _key(request, fields)
        if key is None:
            return self._answered(fields)
        with idempotency.alone(key, user=self.person):
            made = idempotency.recall(key, user=self.person)
            return self._answered_again(made) if made else self._answered(fields, key=key)

    def _answered(self, fields: dict[str, Any], *, key: Key | None = None) -> Response:
        collection = collections.find(fields.pop("collection"), user=self.person)
        added = self._added(fields, collection)
        if added.created:
            tasks.wake_for("images" if added.image.document is None else "documents")
            if key:
                idempotency.remember(key, user=self.person, image_id=added.image.pk)
        return Response(self._shown(added.image), status=201 if added.created else 200)

    def _answered_again(self, made: UUID) -> Response:
        try:
            return Response(self._shown(images.get(made, user=self.person)), status=201)
        except NotFound as error:
            text = "The picture that this Idempotency-Key made is gone; send another key to put it in again."
            raise Conflict(text, code="picture_gone") from error

    def _added(self, fields: dict[str, Any], collection: Collection) -> Added:
        file, url = fields.pop("file", None), fields.pop("url", "")
        texts = ImageChanges(**fields)
        if file is None:
            return addresses.add(url, user=self.person, collection=collection, texts=texts)
        return images.add(Upload(file, name=file.name or "", texts=texts), user=self.person, collection=collection)

    def _shown(self, image: Image) -> Any:
        known = candidates.known_already(image, user=self.person)
        return AddedSerializer(image, context={"request": self.request, "known": known}).data


class ImageView(ApiView):
    """One picture."""

    visitors = True

    @extend_schema(responses=ImageSerializer)
    def get(self, request: Request, image_id: UUID) -> Response:  # noqa: ARG002
        """Show a picture."""
        return Response(self.shown(ImageSerializer, images.get(image_id, user=self.person)))

    @extend_schema(request=ImageEdit, responses=ImageSerializer)
    def patch(self, request: Request, image_id: UUID) -> Response:
        """Change what is named and leave the rest; another ``collection`` moves the picture. All of it or nothing."""
        image = images.get(image_id, user=self.person)
        changes = checked(ImageEdit, request.data, partial=True)
        target, favourite = changes.pop("collection", None), changes.pop("favourite", None)
        with transaction.atomic():
            if target:
                image = images.move(image, user=self.person, collection=collections.find(target, user=self.person))
            if favourite is not None:
                favourites.mark(image, user=self.person, wanted=favourite)
            if changes:
                images.edit(image, user=self.person, changes=ImageChanges(**changes))
        return self.get(request, image_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, image_id: UUID) -> Response:  # noqa: ARG002
        """Delete a picture. For a few seconds it can be brought back, then its file and vectors are gone."""
        images.delete(images.get(image_id, user=self.person), user=self.person)
        return Response(status=204)


class RestoreView(ApiView):
    """A picture that was just deleted."""

    more_failures = frozenset({409, 429})

    @extend_schema(request=None, responses=ImageSerializer)
    def post(self, request: Request, image_id: UUID) -> Response:  # noqa: ARG002
        """Bring a picture back that was deleted a moment ago."""
        restored = images.restore(image_id, user=self.person)
        tasks.wake_for("images")
        return Response(self.shown(ImageSerializer, images.get(restored.pk, user=self.person)))


class RetryView(ApiView):
    """A picture whose embedding failed."""

    more_failures = frozenset({409})

    @extend_schema(request=None, responses={202: ImageSerializer})
    def post(self, request: Request, image_id: UUID) -> Response:  # noqa: ARG002
        """Try the embedding again."""
        image = images.get(image_id, user=self.person)
        images.retry(image, user=self.person)
        tasks.wake_for("failed")
        return Response(self.shown(ImageSerializer, images.get(image_id, user=self.person)), status=202)


class ThumbnailView(ApiView):
    """A picture made small: re-encoded, upright, without metadata."""

    visitors = True
    queries = MappingProxyType({"GET": ThumbnailQuery})

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, image_id: UUID) -> File:
        """Send the smallest made size (320 or 1280) that is at least ``size`` long, or the largest."""
        size = self.asked(request)["size"]
        sizes = sorted(conf.get().thumbnail_sizes)
        fitting = next((made for made in sizes if made >= size), sizes[-1])
        path = images.thumbnail_path(images.get_file(image_id, user=self.person), fitting)
        return downloads.send(downloads.Stored(path, downloads.THUMBNAIL_TYPE))


class FullView(ApiView):
    """A picture at its full size: re-encoded, upright, without metadata."""

    visitors = True
    more_failures = frozenset({413, 415, 429})

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, image_id: UUID) -> File:  # noqa: ARG002
        """Send the picture as one JPEG, decoded for this call; one too large for that at a half of its size."""
        image = images.get_file(image_id, user=self.person)
        made = full_size.made(image, user=self.person, address=self.address)
        full_size.viewed(image, user=self.person)
        return downloads.shown(made, filename=downloads.full_name(image))


class FileView(ApiView):
    """The bytes as they were uploaded."""

    visitors = True
    more_failures = frozenset({416})

    @extend_schema(
        parameters=[RANGE, IF_RANGE],
        responses={(200, "image/*"): OpenApiTypes.BINARY, (206, "image/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, image_id: UUID) -> File:
        """Send the original as an attachment, whole or one part of it."""
        image = images.get_file(image_id, user=self.person)
        kind = downloads.content_type(image)
        stored = downloads.Stored(images.file_path(image), kind, downloads.file_name(image), version=image.sha256)
        headers = request.headers
        response = downloads.send(stored, wanted=headers.get("Range", ""), if_range=headers.get("If-Range", ""))
        full_size.downloaded(image, user=self.person)
        return response


def _key(request: Request, fields: dict[str, Any]) -> Key | None:
    """Return the client's key with a digest of everything that was sent."""
    text = request.headers.get("Idempotency-Key", "")
    if not text:
        return None
    digest = hashlib.sha256()
    if "file" in fields:
        for chunk in fields["file"].chunks():
            digest.update(chunk)
        fields["file"].seek(0)
    rest = {name: value for name, value in fields.items() if name != "file"}
    digest.update(json.dumps(rest, sort_keys=True, default=str).encode())
    return Key(text, digest.hexdigest())
