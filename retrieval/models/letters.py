"""What is to be mailed to people about their accounts, and addresses that wait to be confirmed."""

from __future__ import annotations

import uuid6
from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.bounds import MAIL_LENGTH


class LetterKind(models.TextChoices):
    """What a letter is about."""

    FORGOTTEN = "forgotten", "Forgotten password"
    RESET = "reset", "Link for a new password"
    INVITATION = "invitation", "Invitation"
    CONFIRMATION = "confirmation", "Confirmation of an address"
    NEW_ADDRESS = "new_address", "Changed address"
    NEW_PASSWORD = "new_password", "Changed password"


class Letter(models.Model):
    """A mail that waits. No secret is in it: links are made when it is sent, and only their digests are kept.

    ``FORGOTTEN`` is what somebody typed (``asked``), whoever that may be; it becomes a letter to each account that it
    fits. ``address`` is where the others go; empty: to the person's address of the moment when it is sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=LetterKind.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", db_constraint=False)
    asked = models.CharField(max_length=MAIL_LENGTH, blank=True)
    address = models.CharField(max_length=MAIL_LENGTH, blank=True)
    language = models.CharField(max_length=10, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["due_at"]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user}"


class NewAddress(models.Model):
    """An address that a person gave and has not confirmed; of the link in the mail only the SHA-256 digest is kept."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+", db_constraint=False
    )
    address = models.CharField(max_length=MAIL_LENGTH)
    digest = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"of {self.user}"
