"""What somebody searched for, to be asked again; never the picture."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models
from django.utils import timezone


class SearchRecord(models.Model):
    """One search of one person: ``asked`` as the API takes it, and how many pictures came along, or from which address.

    A search that is asked again at once is one record, with the later time.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    created_at = models.DateTimeField(default=timezone.now)
    asked = models.JSONField()
    files = models.PositiveSmallIntegerField(default=0)
    url = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["user", "-created_at", "-id"], name="search_of_person")]

    def __str__(self) -> str:
        return str(self.pk)
