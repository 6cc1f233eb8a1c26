"""Pictures of training: what augmentation does, and what a finished run draws."""

from __future__ import annotations

from types import MappingProxyType
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from retrieval.api.base import ApiView, checked
from retrieval.api.serializers.training import DrawnQuery, TrainingInput
from retrieval.api.views.asking import of_the_config
from retrieval.errors import InvalidInput
from retrieval.services.encoders import sheets, training
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.images import collections, images
from retrieval.services.operations import long_work

PNG = {(200, sheets.CONTENT_TYPE): OpenApiTypes.BINARY}


class ViewsView(ApiView):
    """What a config's augmentation does to pictures of a collection."""

    reads_by_post = True

    @extend_schema(request=TrainingInput, responses=PNG)
    def post(self, request: Request) -> HttpResponse:
        """Six pictures, each as it is and as the first steps of such a run see it. Administrators only."""
        said = checked(TrainingInput, request.data)
        collection = collections.find(said["collection"], user=self.person)
        wanted = TrainingRequest(said["config"], collection, said["by"])
        try:
            return HttpResponse(sheets.views(wanted, user=self.person), content_type=sheets.CONTENT_TYPE)
        except InvalidInput as error:
            raise of_the_config(error) from error


class DrawnView(ApiView):
    """What the generator of a finished run draws."""

    more_failures = frozenset({403, 404, 409})
    queries = MappingProxyType({"GET": DrawnQuery})

    @extend_schema(responses=PNG)
    def get(self, request: Request, job_id: UUID) -> HttpResponse:
        """As many pictures as asked for, the same for the same seed. Administrators only.

        With ``like`` a GAN's are near that picture, and an autoencoder redraws it from its vector.
        """
        row, asked = long_work.get(training.KIND, job_id, user=self.person), self.asked(request)
        like = asked.pop("like", None)
        if like is None:
            return HttpResponse(sheets.drawn(row, **asked), content_type=sheets.CONTENT_TYPE)
        image = images.get(like, user=self.person)
        return HttpResponse(sheets.drawn_like(row, image, **asked), content_type=sheets.CONTENT_TYPE)
