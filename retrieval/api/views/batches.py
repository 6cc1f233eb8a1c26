"""Many queries at once: asked for, their rows, decisions and exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.base import NO_STORE, ApiView, checked
from retrieval.api.pagination import ListPages
from retrieval.api.parsers import FormParser, JsonParser
from retrieval.api.serializers.batches import (
    BatchForm,
    BatchInput,
    BatchSerializer,
    DecisionInput,
    ExportQuery,
    RowSerializer,
    RowsQuery,
)
from retrieval.api.views.long_jobs import Jobs
from retrieval.models import Batch, BatchDecision
from retrieval.services.copies import batch_export, batches
from retrieval.services.copies.batches import BatchRequest, Sent
from retrieval.services.operations import long_work


class Batches(Jobs):
    """Many queries against collections."""

    parser_classes = [FormParser, JsonParser]
    largest_file = "archive_bytes"

    @extend_schema(
        request={"multipart/form-data": BatchForm, "application/json": BatchInput}, responses={202: BatchSerializer}
    )
    def post(self, request: Request) -> Response:
        """Ask with many files (pictures, one ZIP, or one CSV of addresses) or with the pictures of a ``collection``.

        Files are kept until they are encoded; of a query then remain its vector and a small picture, until the batch is
        removed.
        """
        form = request.content_type.startswith("multipart/")
        said = checked(BatchForm if form else BatchInput, request.data)
        files = tuple(Sent.of(file) for file in said.get("file", ()))
        wanted = BatchRequest(tuple(said["against"]), files, said.get("collection"), said["name"])
        return self.begun(batches.start(wanted, user=self.person))


class BatchView(ApiView):
    """What calls on one batch share."""

    more_failures = frozenset({404})

    def find(self, job_id: UUID) -> Batch:
        """Return one's own batch. Raises NotFound."""
        return long_work.get(batches.KIND, job_id, user=self.person)


class RowsView(BatchView):
    """The queries of a batch."""

    lists = True
    queries = MappingProxyType({"GET": RowsQuery})

    @extend_schema(operation_id="batches_rows_list", responses=RowSerializer(many=True))
    def get(self, request: Request, job_id: UUID) -> Response:
        """List queries with what was found for them, in their order or the doubtful first."""
        said = self.asked(request)
        decision = {"open": ""}.get(said.get("decision", ""), said.get("decision"))
        by_doubt = said["ordering"] == "-doubt"
        found = batches.rows(self.find(job_id), match=said.get("match"), decision=decision, by_doubt=by_doubt)
        numbers = list(found.values_list("n", flat=True))
        pages = ListPages()
        page = pages.page(numbers, request=request, names=[str(n) for n in numbers])
        rows = batch_export.shown(list(found.filter(n__in=page)), user=self.person)
        return pages.get_paginated_response(self.shown(RowSerializer, rows, many=True))


class RowDecisionView(BatchView):
    """What is decided of one query's hits."""

    @extend_schema(request=DecisionInput, responses={200: RowSerializer})
    def post(self, request: Request, job_id: UUID, n: int) -> Response:
        """Say whether what was found is a match; null takes it back."""
        said = checked(DecisionInput, request.data)["decision"]
        row = batches.decide(
            self.find(job_id), n, decision=BatchDecision(said) if said else None, user=self.person
        )  # fmt: skip
        [shown] = batch_export.shown([row], user=self.person)
        return Response(self.shown(RowSerializer, shown))


class ExportView(BatchView):
    """A batch as a file."""

    queries = MappingProxyType({"GET": ExportQuery})

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/json"): OpenApiTypes.STR})
    def get(self, request: Request, job_id: UUID) -> StreamingHttpResponse:
        """Send all rows: a CSV with a line for each hit, or a JSON list."""
        kind, batch = self.asked(request)["format"], self.find(job_id)
        as_csv = kind == "csv"
        content = batch_export.table(batch, user=self.person) if as_csv else _as_json(batch, self.person)
        media_type = "text/csv; charset=utf-8" if as_csv else "application/json"
        answer = StreamingHttpResponse(content, content_type=media_type)
        answer["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}.{kind}"'
        answer["Cache-Control"] = NO_STORE
        return answer


def _as_json(batch: Batch, person: Any) -> Iterator[str]:
    yield "["
    for place, row in enumerate(batch_export.everything(batch, user=person)):
        said = {each.name: getattr(row, each.name) for each in fields(row)}
        said["results"] = [
            {"image": hit.image.pk, "title": hit.image.title, "score": hit.score, "band": hit.band,
             "probability": hit.probability} for hit in row.results]  # fmt: skip
        yield (",\n" if place else "\n") + json.dumps(said, default=str, ensure_ascii=False)
    yield "\n]\n"
