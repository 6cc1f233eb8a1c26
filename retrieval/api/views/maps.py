"""Maps of pictures: asked for, and read as places and groups."""

from __future__ import annotations

from types import MappingProxyType
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.maps import MapInput, MapSerializer, PointsQuery, PointsSerializer
from retrieval.api.views.long_jobs import Jobs
from retrieval.services.encoders import maps
from retrieval.services.encoders.maps import MapRequest
from retrieval.services.operations import long_work


class Maps(Jobs):
    """What an encoder sees in many pictures, laid out in two dimensions."""

    @extend_schema(request=MapInput, responses={202: MapSerializer})
    def post(self, request: Request) -> Response:
        """Lay out a ``collection``, or all that one sees; administrators may."""
        return self.begun(maps.start(MapRequest(**checked(MapInput, request.data)), user=self.person))


class PointsView(ApiView):
    """Where the pictures of a map lie."""

    queries = MappingProxyType({"GET": PointsQuery})
    more_failures = frozenset({403, 404})

    @extend_schema(responses=PointsSerializer)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Show those pictures that the caller sees now, with what groups them; none before the map is done."""
        row = long_work.get(maps.KIND, job_id, user=self.person)
        found = maps.points(row, user=self.person, by=self.asked(request)["group_by"])
        return Response(self.shown(PointsSerializer, found))
