"""Share links of a collection: made, listed and ended by its managers."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.share_links import (
    NewShareLinkSerializer,
    ShareLinkInput,
    ShareLinkSerializer,
    shown_once,
)
from retrieval.services.images import collections, share_links
from retrieval.services.images.share_links import LinkRequest


class ShareLinksView(ApiView):
    """The links of a collection."""

    lists = True

    @extend_schema(operation_id="collections_links_list", responses=ShareLinkSerializer(many=True))
    def get(self, request: Request, collection_id: UUID) -> Response:  # noqa: ARG002
        """List the links, newest first, without their addresses; those that are over stay for 90 days."""
        collection = collections.find(collection_id, user=self.person)
        return self.page(share_links.listing(collection, user=self.person), ShareLinkSerializer)

    @extend_schema(request=ShareLinkInput, responses={201: NewShareLinkSerializer})
    def post(self, request: Request, collection_id: UUID) -> Response:
        """Make a link; ``url`` is shown this once. Whoever has it looks at the collection without an account."""
        collection = collections.find(collection_id, user=self.person)
        wanted = LinkRequest(**checked(ShareLinkInput, request.data))
        secret, link = share_links.make(collection, user=self.person, wanted=wanted)
        url = request.build_absolute_uri(reverse("web:shared", args=[secret]))
        return Response(shown_once(link, url), status=201)


class ShareLinkView(ApiView):
    """One link of a collection."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, collection_id: UUID, link_id: UUID) -> Response:  # noqa: ARG002
        """Let a link show nothing from now on; it stays in the list for a while."""
        share_links.end(link_id, collection=collections.find(collection_id, user=self.person), user=self.person)
        return Response(status=204)
