"""Many pictures at once: changed, moved, deleted, embedded again, and that taken back; their originals as a ZIP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval import downloads, tasks
from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.bulk import BulkInput, ChoiceInput, OutcomeSerializer, UndoInput
from retrieval.services.images import bulk, bulk_undo, originals
from retrieval.services.images.bulk import Acts, Outcome
from retrieval.services.images.choice import Choice, ImageFilters
from retrieval.services.images.image_fields import ImageChanges


class BulkView(ApiView):
    """What is done to a choice of pictures."""

    @extend_schema(request=BulkInput, responses={200: OutcomeSerializer})
    def post(self, request: Request) -> Response:
        """Do it to every picture of the choice that the caller may change; the answer names those that were refused.

        At most 100,000 pictures, in one commit: all of it or, after an error, nothing.
        """
        said = checked(BulkInput, request.data)
        choice = choice_of(said)
        acts = Acts(changes=ImageChanges(**said.pop("set", {})), **said)
        found = bulk.run(choice, user=self.person, acts=acts)
        if acts.embed:
            tasks.wake_for("failed")
        return Response(self.shown(OutcomeSerializer, told(found)))


class BulkUndoView(ApiView):
    """What was done, taken back."""

    more_failures = frozenset({409})

    @extend_schema(request=UndoInput, responses={200: OutcomeSerializer})
    def post(self, request: Request) -> Response:
        """Put back what an act changed, moved or deleted; pictures that were changed since are refused."""
        found = bulk_undo.undo(checked(UndoInput, request.data)["undo"], user=self.person)
        tasks.wake_for("images")
        return Response(self.shown(OutcomeSerializer, told(found)))


class DownloadView(ApiView):
    """The originals of a choice of pictures."""

    reads_by_post = True

    @extend_schema(request=ChoiceInput, responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def post(self, request: Request) -> StreamingHttpResponse:
        """Send the originals as one ZIP, 5,000 at most, with a ``metadata.csv`` that an upload of it reads again.

        What could not be put in is named in ``left_out.csv``.
        """
        found = originals.bundle(choice_of(checked(ChoiceInput, request.data)), user=self.person)
        return downloads.zipped(found.stream(), filename=f"pictures-{found.made_at:%Y-%m-%d-%H%M}.zip")


def choice_of(said: dict[str, Any]) -> Choice:
    """Take the choice out of checked input."""
    ids: list[UUID] | None = said.pop("ids", None)
    filters = said.pop("filter", None)
    return Choice(ids, None if filters is None else ImageFilters(**filters))


def told(found: Outcome) -> dict[str, Any]:
    """Return an outcome as its serializer reads it."""
    refused = [{"id": pk, "code": code} for pk, code in found.refused]
    return {"done": found.done, "refused": refused, "refused_count": found.refused_count, "undo": found.undo}
