"""Why a picture was found: it and another one side by side."""

from __future__ import annotations

from types import MappingProxyType
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.why import WhyForm, WhyQuery, WhySerializer
from retrieval.errors import Conflict
from retrieval.services.people import limits
from retrieval.services.searching import query_pictures, why
from retrieval.services.searching.search import Region, SearchRequest


class WhyView(ApiView):
    """The places of two pictures that make them alike."""

    visitors = True
    reads_by_post = True
    parser_classes = [MultiPartParser]
    largest_file = "image_bytes"
    queries = MappingProxyType({"GET": WhyQuery})
    more_failures = frozenset({409, 429})

    @extend_schema(responses=WhySerializer)
    def get(self, request: Request, image_id: UUID) -> Response:
        """Compare the picture with a stored one. Counts as a search."""
        wanted = self.asked(request)
        return self._compared(image_id, SearchRequest(images=(wanted["query"],)))

    @extend_schema(request={"multipart/form-data": WhyForm}, responses=WhySerializer)
    def post(self, request: Request, image_id: UUID) -> Response:
        """Compare the picture with one that is sent along and not kept. Counts as a search."""
        said = checked(WhyForm, request.data)
        region = Region(**said["region"]) if said.get("region") else None
        return self._compared(image_id, SearchRequest(file=query_pictures.sent(said["file"]), region=region))

    def _compared(self, image_id: UUID, request: SearchRequest) -> Response:
        limits.search(self.person, address=self.address, uploaded=request.file is not None)
        found = why.why(image_id, request, user=self.person, address=self.address)
        if found.overlay is None:
            raise Conflict("This encoder ends in layers that know no places.", code="no_places")
        return Response(self.shown(WhySerializer, found))
