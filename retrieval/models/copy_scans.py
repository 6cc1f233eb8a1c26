"""Scans for copies as rows: pictures of some collections compared with those of others."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext

from retrieval.models.long_jobs import LongJob


class CopyScan(LongJob):
    """A look for the copies of all pictures of ``within``, among those of ``against``; the same: among themselves.

    LongJob's ``collection`` is the first of ``within``; ``name`` says what is looked through, empty: all. ``after`` is
    the last picture that is behind it, ``pairs`` are those that were verified.
    """

    name = models.TextField()
    within = ArrayField(models.UUIDField())
    against = ArrayField(models.UUIDField())
    after = models.UUIDField(default=UUID(int=0))
    pairs = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name or gettext("All collections")
