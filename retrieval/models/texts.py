"""Words read from pictures: what stands on each, and where."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from retrieval.models.images import Image


class ImageText(models.Model):
    """What was read from a picture; empty where there is nothing, or it could not be read.

    ``lines`` are lists of a text and its upright box, x, y, w, h in fractions of the upright picture; ``text`` is all
    of them, a line each. ``words`` is how it is looked for (``search.read_words``). It counts while the picture's
    collection has its pictures read.
    """

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="read")
    text = models.TextField(blank=True)
    lines = models.JSONField(default=list)
    words = SearchVectorField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [GinIndex(fields=["words"], name="read_words")]

    def __str__(self) -> str:
        return str(self.image_id)
