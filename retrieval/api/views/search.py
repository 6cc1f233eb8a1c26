"""Searching by picture, by stored pictures, by words, or by several of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import FormParser, JsonParser
from retrieval.api.serializers.search import AnswerSerializer, SearchForm, SearchInput, SimilarQuery
from retrieval.errors import InvalidInput
from retrieval.services.images import addresses
from retrieval.services.people import limits
from retrieval.services.searching import history, query_pictures, receipts, search
from retrieval.services.searching.search import Region, SearchRequest

AS_SAID = (
    "concept", "diversity", "encoder", "exact", "exclude_group", "expand", "group", "group_key", "k", "measure",
    "min_band", "min_score", "mode", "offset", "regions", "text_weight",
)  # fmt: skip


class SearchView(ApiView):
    """The search."""

    visitors = True
    reads_by_post = True
    parser_classes = [JsonParser, FormParser]
    largest_file = "image_bytes"
    more_failures = frozenset({409, 429})

    @extend_schema(
        request={"application/json": SearchInput, "multipart/form-data": SearchForm},
        responses=AnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """Find the most similar pictures, nearest first. A picture sent along is not kept."""
        form = request.content_type.startswith("multipart/")
        said = checked(SearchForm if form else SearchInput, request.data)
        url = said.get("url")
        limits.search(self.person, address=self.address, uploaded=bool(said.get("file") or url))
        fetched = (addresses.fetched(url, user=self.person).data,) if url else ()
        wanted = request_of(said, fetched)
        if said["receipt"] and not request.user.is_authenticated:
            raise InvalidInput.of("receipt", "Sign in to keep a receipt.")
        if said["receipt"]:
            answer, _ = receipts.searched(wanted, user=self.person, address=self.address)
        else:
            answer = search.run(wanted, user=self.person, address=self.address)
        history.note(wanted, user=self.person, url=url or "")
        return Response(self.shown(AnswerSerializer, answer))


class SimilarView(ApiView):
    """More like a stored picture."""

    visitors = True
    queries = MappingProxyType({"GET": SimilarQuery})
    more_failures = frozenset({409, 429})

    @extend_schema(responses=AnswerSerializer)
    def get(self, request: Request, image_id: UUID) -> Response:
        """Find the pictures most similar to this one, without itself."""
        wanted = self.asked(request)
        limits.search(self.person, address=self.address, uploaded=False)
        answer = search.similar(
            image_id,
            user=self.person,
            k=wanted["k"],
            measure=wanted.get("measure"),
            collections=_ids(wanted.get("collection")),
        )
        return Response(self.shown(AnswerSerializer, answer))


def request_of(said: dict[str, Any], fetched: tuple[bytes, ...]) -> SearchRequest:
    """Turn checked input, and what was fetched for it, into the question."""
    image, region = said.get("image"), said.get("region")
    files = (*(query_pictures.sent(file) for file in said.get("file", ())), *fetched)
    avoided = {text: _id_in(text) for text in said["negatives"]}
    as_said: dict[str, Any] = {name: said[name] for name in AS_SAID if name in said}
    return SearchRequest(
        file=next(iter(files), None),
        more_files=files[1:],
        images=(image,) if image else (),
        positives=tuple(said["positives"]),
        negatives=tuple(key for key in avoided.values() if key is not None),
        text=said.get("text") or None,
        negative_words=tuple(text for text, key in avoided.items() if key is None),
        region=Region(**region) if region else None,
        collections=_ids(said.get("collections")),
        tags=tuple(said["tags"]),
        **as_said,
    )


def _id_in(text: str) -> UUID | None:
    """The id that a text is, None for words."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _ids(found: list[UUID] | None) -> tuple[UUID, ...] | None:
    return None if found is None else tuple(found)
