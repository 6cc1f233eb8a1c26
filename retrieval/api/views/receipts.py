"""Receipts of searches: kept, shown, run again, removed; each is its person's alone."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import FormParser, JsonParser
from retrieval.api.serializers.receipts import ChangesSerializer, ReceiptSerializer, RepeatInput
from retrieval.api.serializers.search import SearchForm, SearchInput
from retrieval.api.views.search import request_of
from retrieval.services.images import addresses
from retrieval.services.people import limits
from retrieval.services.searching import query_pictures, receipts


class ReceiptsView(ApiView):
    """One's own receipts."""

    lists = True
    parser_classes = [JsonParser, FormParser]
    largest_file = "image_bytes"
    more_failures = frozenset({404, 409, 429})

    @extend_schema(operation_id="receipts_list", responses=ReceiptSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them, newest first."""
        return self.page(receipts.listing(self.person), ReceiptSerializer)

    @extend_schema(
        request={"application/json": SearchInput, "multipart/form-data": SearchForm}, responses={201: ReceiptSerializer}
    )
    def post(self, request: Request) -> Response:
        """Search, and keep a receipt of it. A picture sent along is not kept, its digest is."""
        said = checked(SearchForm if request.content_type.startswith("multipart/") else SearchInput, request.data)
        url = said.get("url")
        limits.search(self.person, address=self.address, uploaded=bool(said.get("file") or url))
        fetched = (addresses.fetched(url, user=self.person).data,) if url else ()
        _, row = receipts.searched(request_of(said, fetched), user=self.person, address=self.address)
        return Response(self.shown(ReceiptSerializer, row), status=201)


class ReceiptView(ApiView):
    """One of them."""

    more_failures = frozenset({404})

    @extend_schema(responses=ReceiptSerializer)
    def get(self, request: Request, receipt_id: UUID) -> Response:  # noqa: ARG002
        """Show one; this is the file that ``manage.py verify_receipt`` reads."""
        return Response(self.shown(ReceiptSerializer, receipts.get(receipt_id, user=self.person)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, receipt_id: UUID) -> Response:  # noqa: ARG002
        """Remove one for good."""
        receipts.remove(receipt_id, user=self.person)
        return Response(status=204)


class RepeatView(ApiView):
    """One of them, run again."""

    reads_by_post = True
    parser_classes = [JsonParser, FormParser]
    largest_file = "image_bytes"
    more_failures = frozenset({404, 409, 429})

    @extend_schema(request={"application/json": None, "multipart/form-data": RepeatInput}, responses=ChangesSerializer)
    def post(self, request: Request, receipt_id: UUID) -> Response:
        """Ask the same again, and say what changed."""
        files = [query_pictures.sent(file) for file in checked(RepeatInput, request.data)["file"]]
        limits.search(self.person, address=self.address, uploaded=bool(files))
        changes = receipts.repeat(receipt_id, user=self.person, files=files, address=self.address)
        said = {**asdict(changes), "none": changes.none, "moved": {str(pk): pair for pk, pair in changes.moved.items()}}
        return Response(self.shown(ChangesSerializer, said))
