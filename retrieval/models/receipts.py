"""Receipts as rows: a search as it was asked and answered, signed."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models


class Receipt(models.Model):
    """One search that its person kept; ``document`` says everything of it, ``signature`` that nobody changed it.

    It is there until its person removes it, or is removed. The query picture is no part of it, its digest is.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="receipts", db_constraint=False)
    created_at = models.DateTimeField(auto_now_add=True)
    document = models.JSONField()
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return str(self.pk)
