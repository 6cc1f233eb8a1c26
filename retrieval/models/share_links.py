"""Links by which anybody who holds one looks at one collection."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.bounds import LINK_NAME_LENGTH
from retrieval.models.collections import Collection


class ShareLink(models.Model):
    """A secret address of one collection; only its SHA-256 digest is kept, and of a password only the hash."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        EXPIRED = "expired", "Expired"
        ENDED = "ended", "Ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="share_links")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    name = models.CharField(max_length=LINK_NAME_LENGTH, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    password = models.CharField(max_length=128, blank=True)
    downloads = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    visits = models.PositiveBigIntegerField(default=0)
    last_visit_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name or str(self.id)

    @property
    def state(self) -> ShareLink.State:
        """Whether its time goes on; an open one may show nothing all the same, as the rights of its maker decide."""
        if self.ended_at is not None:
            return self.State.ENDED
        return self.State.OPEN if self.expires_at > timezone.now() else self.State.EXPIRED
