"""Judging: answers of several encoders in one pool, and what the caller says of them, for administrators."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.judgements import JudgementsInput, PoolInput, PoolSerializer, WholePoolSerializer
from retrieval.services.evaluation import judgements, pools
from retrieval.services.evaluation.judgements import Said
from retrieval.services.evaluation.pools import PoolRequest
from retrieval.services.images import collections


class JudgementsView(ApiView):
    """What the caller says of answers."""

    @extend_schema(request=JudgementsInput, responses={204: None})
    def post(self, request: Request) -> Response:
        """Keep grades, change them, or take them back. Administrators only."""
        said = checked(JudgementsInput, request.data)["judgements"]
        judgements.keep([Said(**each) for each in said], user=self.person)
        return Response(status=204)


class PoolsView(ApiView):
    """The pools of the collections that the caller sees."""

    lists = True
    more_failures = frozenset({403, 404})

    @extend_schema(operation_id="pools_list", responses=PoolSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List them without their pictures, newest first. Administrators only."""
        return self.page(pools.listing(self.person), PoolSerializer)

    @extend_schema(request=PoolInput, responses={201: WholePoolSerializer})
    def post(self, request: Request) -> Response:
        """Draw queries, and pool the first answers of the encoders to each. Administrators only."""
        said = checked(PoolInput, request.data)
        collection = collections.find(said.pop("collection"), user=self.person)
        row = pools.draw(PoolRequest(collection, tuple(said.pop("encoders")), **said), user=self.person)
        return Response(self.shown(WholePoolSerializer, row), status=201)


class PoolView(ApiView):
    """One pool."""

    more_failures = frozenset({403})

    @extend_schema(responses=WholePoolSerializer)
    def get(self, request: Request, pool_id: UUID) -> Response:  # noqa: ARG002
        """Show one with its queries and answers. Administrators only."""
        return Response(self.shown(WholePoolSerializer, pools.get(pool_id, user=self.person)))
