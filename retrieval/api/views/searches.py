"""One's own history of searches."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView
from retrieval.api.serializers.searches import SearchRecordSerializer
from retrieval.services.searching import history


class SearchesView(ApiView):
    """What one searched for."""

    lists = True

    @extend_schema(operation_id="searches_list", responses=SearchRecordSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List one's own searches, newest first; the last 500 are kept, query pictures never are."""
        return self.page(history.listing(self.person), SearchRecordSerializer)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:  # noqa: ARG002
        """Forget all of them."""
        history.clear(self.person)
        return Response(status=204)
