"""Copies: groups of them, and what people decide."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.pagination import ListPages
from retrieval.api.serializers.copies import (
    CopiesQuery,
    DecisionSerializer,
    DecisionsInput,
    DecisionsSerializer,
    GroupSerializer,
    ResolutionSerializer,
    ResolveInput,
    ScanSerializer,
    ScopeQuery,
)
from retrieval.api.views.long_jobs import Jobs
from retrieval.models import CopyVerdict, Decided
from retrieval.services.copies import decisions, groups, resolving, scans
from retrieval.services.copies.groups import CopyScope
from retrieval.services.copies.resolving import Wish
from retrieval.services.copies.scans import ScanRequest


class CopiesView(ApiView):
    """Groups of copies."""

    lists = True
    queries = MappingProxyType({"GET": CopiesQuery})
    more_failures = frozenset({404})

    @extend_schema(operation_id="copies_list", responses=GroupSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List groups of copies among the pictures that the caller sees, strongest verdict first, large first."""
        found = groups.find(scope_of(self.asked(request)), user=self.person)
        pages = ListPages()
        page = pages.page(found, request=request, names=[str(group.id) for group in found])
        shown = groups.shown(page, user=self.person)
        return pages.get_paginated_response(self.shown(GroupSerializer, shown, many=True))


class Scans(Jobs):
    """Looks for the copies of all pictures of a collection, or of all."""

    @extend_schema(request=ScopeQuery, responses={202: ScanSerializer})
    def post(self, request: Request) -> Response:
        """Look again at a ``collection``, at it among the pictures of another (``with``), or at all that one sees.

        Pictures that come in are looked at by themselves. A scan looks only where it is asked to, and there by exact
        vectors.
        """
        said = checked(ScopeQuery, request.data)
        wanted = ScanRequest(said.get("collection"), said.get("with"))
        return self.begun(scans.start(wanted, user=self.person))


class ResolveView(ApiView):
    """Groups resolved: one picture of each is kept."""

    more_failures = frozenset({404})

    @extend_schema(request=ResolveInput, responses={200: ResolutionSerializer})
    def post(self, request: Request) -> Response:
        """Keep one picture of each group with what people said of the others, and put those into the trash.

        ``images/bulk/undo/`` takes it back. Of all groups of a filter at once no crops and pages go, and the same thing
        only where ``verdict`` names it.
        """
        said = checked(ResolveInput, request.data)
        ids = tuple(said["groups"]) if "groups" in said else None
        wish = Wish(scope_of(said), ids, tuple(said["rule"]), tuple(said["keep"]))
        act = resolving.preview if said["dry_run"] else resolving.resolve
        return Response(self.shown(ResolutionSerializer, act(wish, user=self.person)))


class DecisionsView(ApiView):
    """What people decided of pairs."""

    lists = True
    queries = MappingProxyType({"GET": ScopeQuery})
    more_failures = frozenset({403, 404})

    @extend_schema(operation_id="copies_decisions_list", responses=DecisionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the decisions on pairs of which the caller sees both pictures, newest first."""
        return self.page(decisions.listing(scope_of(self.asked(request)), user=self.person), DecisionSerializer)

    @extend_schema(request=DecisionsInput, responses={201: DecisionsSerializer})
    def post(self, request: Request) -> Response:
        """Keep a decision on each pair, in the place of an earlier one. A contributor where one of the two is may."""
        said = checked(DecisionsInput, request.data)
        pairs = [(one, other) for one, other in said["pairs"]]
        rows = decisions.decide(pairs, decision=Decided(said["decision"]), user=self.person)
        return Response(self.shown(DecisionsSerializer, {"results": rows}), status=201)


class DecisionView(ApiView):
    """One decision."""

    more_failures = frozenset({403, 404})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, decision_id: UUID) -> Response:  # noqa: ARG002
        """Take a decision back, as if nobody had decided."""
        decisions.take_back(decision_id, user=self.person)
        return Response(status=204)


def scope_of(said: dict[str, Any]) -> CopyScope:
    """Return what the query of an address asks for."""
    verdict = said.get("verdict")
    return CopyScope(said.get("collection"), said.get("with"), CopyVerdict(verdict) if verdict else None)
