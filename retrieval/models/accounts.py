"""What belongs to a person: tokens, the first link, sent keys, use of space, and the trail of what they did."""

from __future__ import annotations

import uuid

import uuid6
from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from retrieval.models.bounds import SUBJECT_LENGTH, TOKEN_NAME_LENGTH, URL_LENGTH


class ApiToken(models.Model):
    """A secret that opens the API for one person; only its SHA-256 digest is kept."""

    class Scope(models.TextChoices):
        READ = "read", "Read only"
        WRITE = "write", "Read and write"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens", db_constraint=False)
    name = models.CharField(max_length=TOKEN_NAME_LENGTH, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    password = models.CharField(max_length=64, help_text="SHA-256 of the password's hash that it was made under.")
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.WRITE)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name or str(self.id)


class FirstLink(models.Model):
    """A one-time sign-in link; only its SHA-256 digest is kept."""

    digest = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    password = models.CharField(max_length=64, help_text="SHA-256 of the password's hash that it was made under.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    by_terminal = models.BooleanField(default=False, help_text="It opens also where passwords are off.")

    def __str__(self) -> str:
        return f"for {self.user}"


class Identity(models.Model):
    """Whom the house's identity provider vouches for when it says this subject: known by issuer and subject alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="identities", db_constraint=False)
    issuer = models.CharField(max_length=URL_LENGTH)
    subject = models.CharField(max_length=SUBJECT_LENGTH)
    gave_powers = models.BooleanField(default=False, help_text="Its groups made an administrator of the person.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_is_one_persons")]

    def __str__(self) -> str:
        return f"of {self.user}"


class SecondFactor(models.Model):
    """A secret that an app of the person shares with the site, by which both make the same six figures."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="second_factor", db_constraint=False
    )
    secret = models.CharField(max_length=64, help_text="In base 32.")
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, help_text="When a code of the app was seen; it is asked for since.")
    last_step = models.BigIntegerField(default=0, help_text="The half minute of the last code that let somebody in.")

    def __str__(self) -> str:
        return f"of {self.user}"


class RecoveryCode(models.Model):
    """A code that lets in once in the place of the app's; only its SHA-256 digest is kept."""

    digest = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)

    def __str__(self) -> str:
        return f"of {self.user}"


class Session(AbstractBaseSession):
    """One browser that is, or may become, somebody's; ``session_key`` is the SHA-256 of what the browser holds."""

    session_key = models.CharField(max_length=64, primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions", db_constraint=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=300, blank=True, default="")

    class Meta(AbstractBaseSession.Meta):
        ordering = ["-seen_at"]


class IdempotencyKey(models.Model):
    """What an upload with this key led to, so that a repeated request gets the same answer."""

    pk = models.CompositePrimaryKey("user_id", "key")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_constraint=False)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    image_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.key


class UserUsage(models.Model):
    """How many pictures and bytes of a person are kept, those in the trash included."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="usage", db_constraint=False
    )
    images = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user}: {self.images}"


class AuditEvent(models.Model):
    """Who signed in, was refused, shared, deleted, exported or switched something, when, and from which address.

    Rows are only ever added. After a while addresses are taken out of them, and what strangers caused goes as a whole.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    address = models.CharField(max_length=45, blank=True, default="")
    action = models.CharField(max_length=60, db_index=True)
    kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=60)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.object_id}"
