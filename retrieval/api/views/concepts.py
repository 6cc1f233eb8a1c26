"""Concepts: taught, shown, asked about what to click next and what looks like them; each is its person's alone."""

from __future__ import annotations

from types import MappingProxyType
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.concepts import (
    ConceptInput,
    ConceptName,
    ExamplesInput,
    LikelyListSerializer,
    NextQuery,
    SuggestionsQuery,
    TaughtConceptSerializer,
)
from retrieval.services.people import limits
from retrieval.services.searching import concepts, teaching
from retrieval.services.searching.concepts import Clicks


class ConceptsView(ApiView):
    """One's own concepts."""

    lists = True
    more_failures = frozenset({404})

    @extend_schema(operation_id="concepts_list", responses=TaughtConceptSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them, newest first."""
        return self.page(concepts.listing(self.person), TaughtConceptSerializer)

    @extend_schema(request=ConceptInput, responses={201: TaughtConceptSerializer})
    def post(self, request: Request) -> Response:
        """Make one, with examples or without."""
        said = checked(ConceptInput, request.data)
        made = concepts.create(said["name"], Clicks(said["yes"], said["no"]), user=self.person)
        return Response(self.shown(TaughtConceptSerializer, made), status=201)


class ConceptView(ApiView):
    """One of them."""

    more_failures = frozenset({404})

    @extend_schema(responses=TaughtConceptSerializer)
    def get(self, request: Request, concept_id: UUID) -> Response:  # noqa: ARG002
        """Show one."""
        return Response(self.shown(TaughtConceptSerializer, concepts.get(concept_id, user=self.person)))

    @extend_schema(request=ConceptName, responses=TaughtConceptSerializer)
    def patch(self, request: Request, concept_id: UUID) -> Response:
        """Give it another name."""
        name = checked(ConceptName, request.data)["name"]
        return Response(self.shown(TaughtConceptSerializer, concepts.rename(concept_id, name, user=self.person)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, concept_id: UUID) -> Response:  # noqa: ARG002
        """Remove it with its clicks; no picture changes."""
        concepts.remove(concept_id, user=self.person)
        return Response(status=204)


class ExamplesView(ApiView):
    """What it was taught by."""

    more_failures = frozenset({404})

    @extend_schema(request=ExamplesInput, responses={201: TaughtConceptSerializer})
    def post(self, request: Request, concept_id: UUID) -> Response:
        """Teach it: pictures that are it, that are not, and of which nothing is said any more."""
        row = concepts.teach(concept_id, Clicks(**checked(ExamplesInput, request.data)), user=self.person)
        return Response(self.shown(TaughtConceptSerializer, row), status=201)


class NextView(ApiView):
    """What to ask next."""

    queries = MappingProxyType({"GET": NextQuery})
    more_failures = frozenset({404, 409, 429})

    @extend_schema(responses=LikelyListSerializer)
    def get(self, request: Request, concept_id: UUID) -> Response:
        """Show the pictures that would teach it the most: half likely ones, half doubtful ones."""
        most = self.asked(request)["k"]
        limits.search(self.person, address=self.address, uploaded=False)
        found = teaching.to_ask(concept_id, user=self.person, most=most)
        return Response(self.shown(LikelyListSerializer, {"results": found}))


class SuggestionsView(ApiView):
    """What looks like it."""

    queries = MappingProxyType({"GET": SuggestionsQuery})
    more_failures = frozenset({404, 409, 429})

    @extend_schema(responses=LikelyListSerializer)
    def get(self, request: Request, concept_id: UUID) -> Response:
        """Show pictures that look like it, neither clicked nor tagged with its name yet, the likeliest first."""
        most = self.asked(request)["k"]
        limits.search(self.person, address=self.address, uploaded=False)
        found = teaching.suggestions(concept_id, user=self.person, most=most)
        return Response(self.shown(LikelyListSerializer, {"results": found}))
