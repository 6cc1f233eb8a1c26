"""Archives of pictures: handed in at once, taken apart in the background."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import FormParser
from retrieval.api.serializers.images import ArchiveUpload, WholeImportSerializer
from retrieval.services.images import archives, collections


class ArchivesView(ApiView):
    """A ZIP archive of pictures."""

    parser_classes = [FormParser]
    largest_file = "archive_bytes"
    more_failures = frozenset({429, 507})

    @extend_schema(request=ArchiveUpload, responses={202: WholeImportSerializer})
    def post(self, request: Request) -> Response:
        """Hand in an archive; follow it at ``imports/{id}/``."""
        fields = checked(ArchiveUpload, request.data)
        collection = collections.find(fields["collection"], user=self.person)
        file = fields["file"]
        started = archives.start(file, name=file.name or "", user=self.person, collection=collection)
        tasks.wake_long_job(started)
        return Response(self.shown(WholeImportSerializer, started), status=202)
