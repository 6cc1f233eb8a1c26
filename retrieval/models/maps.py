"""Maps of what an encoder sees in pictures, as rows: of which pictures, how far that is, what came out."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext

from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.models.long_jobs import LongJob


class PictureMap(LongJob):
    """Vectors of the pictures of ``within`` by one encoder, which is known by its name, laid out in two dimensions.

    LongJob's ``collection`` is the first of ``within``; ``name`` says what is laid out, empty: all. ``result`` has how
    many ``pictures`` were drawn ``of`` how many, and the ``shares`` of variance that both axes show. Where each picture
    lies stands in a file of the row's own.
    """

    name = models.TextField()
    within = ArrayField(models.UUIDField())
    encoder = models.CharField(max_length=ENCODER_NAME_LENGTH)
    result = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name or gettext("All collections")
