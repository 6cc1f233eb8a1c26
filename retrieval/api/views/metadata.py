"""What is said of the pictures of a collection, as tables in and out."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import conf, downloads
from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import FormParser, JsonParser, TableParser
from retrieval.api.serializers.metadata import (
    ExportQuery,
    ImportedSerializer,
    MetadataForm,
    MetadataInput,
    MetadataQuery,
)
from retrieval.errors import TooLarge
from retrieval.services.images import collections, metadata, metadata_export, metadata_table
from retrieval.services.images.metadata_table import Rows


class MetadataView(ApiView):
    """The metadata of a collection's pictures."""

    parser_classes = [FormParser, JsonParser, TableParser]
    largest_file = "table_bytes"
    queries = MappingProxyType({"GET": ExportQuery, "POST": MetadataQuery})

    @classmethod
    def most(cls, content_type: str) -> int:
        """Return how many bytes a call of this kind may send: a table is as long by itself as in a form."""
        return super().most("multipart/form-data" if content_type.startswith(TableParser.media_type) else content_type)

    @extend_schema(
        request={
            "multipart/form-data": MetadataForm,
            "application/json": MetadataInput,
            TableParser.media_type: OpenApiTypes.STR,
        },
        responses={200: ImportedSerializer},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        """Take in a table of at most 100,000 rows: each names a picture and says what to write.

        Empty cells say nothing. All in one commit. Rows that name several pictures, or are wrong, are refused by
        themselves. JSON may also be the list alone, with ``dry_run`` in the address.
        """
        collection = collections.find(collection_id, user=self.person)
        rows, dry_run = _rows(request.data, as_json=request.content_type.startswith(JsonParser.media_type))
        dry_run = dry_run or self.asked(request)["dry_run"]
        found = metadata.take_in(rows, collection=collection, user=self.person, dry_run=dry_run)
        return Response(self.shown(ImportedSerializer, found))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): OpenApiTypes.ANY})
    def get(self, request: Request, collection_id: UUID) -> StreamingHttpResponse:
        """Send what is said of all pictures of the collection, as CSV or as a JSON list; ``POST`` reads it back."""
        collection = collections.find(collection_id, user=self.person)
        kind = self.asked(request)["format"]
        found = metadata_export.written(collection, user=self.person, kind=kind)
        name = f"metadata-{collection.pk}.{kind}"
        return downloads.written(found, content_type=metadata_export.TYPES[kind], filename=name)


def _rows(data: Any, *, as_json: bool) -> tuple[Rows, bool]:
    """Return the rows that were sent, and whether they are only to be tried."""
    if as_json:
        told = checked(MetadataInput, {"rows": data} if isinstance(data, list) else data)
        return metadata_table.from_values(told["rows"]), told["dry_run"]
    told = checked(MetadataForm, data)
    most = conf.get().limits.table_bytes
    table = told["file"].read(most + 1)
    if len(table) > most:
        raise TooLarge(f"A table has at most {most} bytes.", code="file_too_large")
    return metadata_table.read(table), told["dry_run"]
