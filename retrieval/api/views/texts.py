"""Words read from a picture, with their places."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView
from retrieval.api.serializers.texts import TextSerializer
from retrieval.services.images import texts


class TextView(ApiView):
    """The lines that were read from a picture."""

    visitors = True

    @extend_schema(responses=TextSerializer)
    def get(self, _request: Request, image_id: UUID) -> Response:
        """Show what was read from the picture, in the order of reading, and where each line is."""
        return Response(self.shown(TextSerializer, texts.read_from(image_id, user=self.person)))
