"""Archives of pictures: handed in at once, taken apart in the background."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.images import ArchiveUpload, ImportSerializer
from retrieval.services.images import archives, collections


class ArchivesView(ApiView):
    """A ZIP archive of pictures."""

    parser_classes = [MultiPartParser]
    largest_file = "archive_bytes"
    more_failures = frozenset({429, 507})

    @extend_schema(request=ArchiveUpload, responses={202: ImportSerializer})
    def post(self, request: Request) -> Response:
        """Hand in an archive; follow it at ``imports/{id}/``."""
        fields = checked(ArchiveUpload, request.data)
        collection = collections.find(fields["collection"], user=self.person)
        file = fields["file"]
        started = archives.start(file, name=file.name or "", user=self.person, collection=collection)
        tasks.wake(tasks.run_import, started.pk)
        return Response(self.shown(ImportSerializer, started), status=202)


class ImportView(ApiView):
    """An archive being taken apart."""

    @extend_schema(responses=ImportSerializer)
    def get(self, request: Request, import_id: UUID) -> Response:  # noqa: ARG002
        """Show how far it is, and what was refused and why."""
        return Response(self.shown(ImportSerializer, archives.get(import_id, user=self.person)))
