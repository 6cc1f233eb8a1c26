"""What every call of the API has in common: who may call, how large a body may be, and answers that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from django.http import QueryDict
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from retrieval import conf
from retrieval.api.auth import CHALLENGE, MayCall
from retrieval.api.pagination import PARAMETERS, CursorPages
from retrieval.api.parsers import JsonParser
from retrieval.api.schema import Schema
from retrieval.api.serializers.fields import Input, refuse_repeated, refuse_unknown
from retrieval.errors import InvalidInput, TooLarge
from retrieval.services.people import limits

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

# By this key of WSGI's environment the web server tells of a body that it did not read, as its sender may not send it.
UNREAD = "imagesearch.unread"
NO_STORE = "private, no-store"


class AlwaysJson(BaseContentNegotiation):
    """Answers in the view's own format whatever ``Accept`` says: an ``<img>`` asks for pictures only."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """Return the first parser for the body's media type."""
        media_type = request.content_type.split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        """Return the view's renderer."""
        first = next(iter(renderers))
        return first, str(first.media_type)


class ApiView(APIView):
    """The base of all calls.

    ``visitors``: open without an account where public search is on. ``reads_by_post``: a POST that changes nothing.
    ``largest_file``: the field of ``conf.Limits`` that bounds an uploaded file. ``more_failures``: for the description.
    ``lists``: GET answers in pages. ``queries``: by method, what the query of the address may hold beside those.
    """

    permission_classes = [MayCall]
    parser_classes: Sequence[type[Any]] = [JsonParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson
    pagination_class = CursorPages
    metadata_class = None
    schema = Schema()
    visitors = False
    reads_by_post = False
    largest_file = ""
    more_failures: frozenset[int] = frozenset()
    lists = False
    queries: Mapping[str, type[Input]] = MappingProxyType({})

    @classmethod
    def most(cls, content_type: str) -> int:
        """Return how many bytes a call of this kind may send."""
        form = bool(cls.largest_file) and content_type.startswith("multipart/")
        limits = conf.get().limits
        return limits.json_bytes + (getattr(limits, cls.largest_file) if form else 0)

    @property
    def _called(self) -> str:
        """The method that answers: HEAD is GET without its body."""
        return "GET" if self.request.method == "HEAD" else str(self.request.method)

    @property
    def person(self) -> User:
        """The caller; the services know what to do with a visitor."""
        return cast("User", self.request.user)

    @property
    def address(self) -> str:
        """The caller's network address."""
        meta = self.request.META
        return limits.address_of(meta.get("REMOTE_ADDR", ""), forwarded=meta.get("HTTP_X_FORWARDED_FOR", ""))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is too large before anything reads it, then check who calls, then what for."""
        self._refuse_large_body(request)
        super().initial(request, *args, **kwargs)
        if request.META.get(UNREAD):
            raise TooLarge("This is more than you may send here.", code="body_too_large")
        self.check_query(request)

    def check_query(self, request: Request) -> None:
        """Refuse what the query of the address holds beyond what this call knows. Raises InvalidInput."""
        if not hasattr(self, self._called.lower()):
            return  # answered by 405
        kind = self.queries.get(self._called)
        known = [*(kind().fields if kind else ()), *(PARAMETERS if self.lists and self._called == "GET" else ())]
        refuse_unknown(request.query_params, known=known)
        refuse_repeated(request.query_params, names=PARAMETERS)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Say that no cache may keep the answer."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", NO_STORE)
        return answer

    def get_authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """What a 401 asks for, also where a call has no authentication of its own."""
        return CHALLENGE

    def asked(self, request: Request) -> dict[str, Any]:
        """Return the validated query of the address without page and size; what is left blank counts as absent."""
        said = QueryDict(mutable=True)
        for name, texts in request.query_params.lists():
            if (stated := [text for text in texts if text.strip()]) and name not in PARAMETERS:
                said.setlist(name, stated)
        return checked(self.queries[self._called], said)

    def page(self, rows: QuerySet[Any], kind: type[Serializer[Any]]) -> Response:
        """Answer with one page of a list."""
        pages = self.pagination_class()
        found = pages.paginate_queryset(rows, self.request, self)
        return pages.get_paginated_response(self.shown(kind, found, many=True))

    def shown(self, kind: type[Serializer[Any]], found: Any, *, many: bool = False) -> Any:
        """Return rows as JSON values."""
        return kind(found, many=many, context={"request": self.request}).data

    def _refuse_large_body(self, request: Request) -> None:
        limit = self.most(request.content_type)
        length = request.META.get("CONTENT_LENGTH") or ""
        if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
            raise TooLarge("A body of unknown length is not read; send Content-Length.", code="length_required")
        if length.isdigit() and int(length) > limit:
            raise TooLarge(f"The request has more than {limit} bytes.", code="body_too_large")


def checked(kind: type[Input], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """Return the validated input.

    Raises DRF's ValidationError naming the fields, InvalidInput for an unknown field and for an empty change.
    """
    serializer = kind(data=data, partial=partial)
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    if partial and not found:
        raise InvalidInput(f"Name what to change: {', '.join(serializer.fields)}.", code="nothing_to_change")
    return found
