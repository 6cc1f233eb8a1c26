"""Watches: searches that are kept and see each picture as it becomes ready; their alerts, and how these are sent."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta

import uuid6
from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.bounds import COLLECTION_NAME_LENGTH, ENCODER_NAME_LENGTH, URL_LENGTH
from retrieval.models.encoders import Encoder
from retrieval.models.images import Image

VERSIONS = 2**31


def version() -> int:
    """Return a number that no earlier version of the row is likely to have had."""
    return random.randrange(VERSIONS)


class MailWhen(models.TextChoices):
    """When alerts are mailed: each at once, or those of an hour or a day together."""

    AT_ONCE = "at_once", "At once"
    HOURLY = "hourly", "Hourly"
    DAILY = "daily", "Daily"


class Watch(models.Model):
    """A search of one person that goes on by itself.

    ``asked`` is what a search takes, as JSON. ``direction`` (D,) is its query by ``encoder``, a unit vector as float32
    of the little end first, and ``least`` the cosine from which on it fires; both are empty before they are known.
    ``min_probability`` and ``min_score`` are what the person set, one of them. ``calibration`` is the SHA-256 of what
    made ``least`` of a probability. ``version`` changes with each change that the workers have to know.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watches", db_constraint=False)
    name = models.CharField(max_length=COLLECTION_NAME_LENGTH)
    asked = models.JSONField()
    min_probability = models.FloatField(null=True)
    min_score = models.FloatField(null=True)
    active = models.BooleanField(default=True)
    gather = models.DurationField(default=timedelta(0), help_text="Repeats within so long are gathered in one alert.")
    encoder = models.ForeignKey(Encoder, models.SET_NULL, null=True, related_name="+")
    direction = models.BinaryField(null=True)
    least = models.FloatField(null=True)
    calibration = models.CharField(max_length=64, blank=True)
    candidates = models.PositiveIntegerField(default=0, help_text="Among how many ``least`` was told.")
    trouble = models.CharField(max_length=60, blank=True, help_text="Code of why it could not be fitted.")
    fitted_at = models.DateTimeField(null=True)
    least_set_at = models.DateTimeField(null=True, help_text="When the person set the least score.")
    said = models.PositiveIntegerField(default=0, help_text="How often something was said of its alerts.")
    fitted_said = models.PositiveIntegerField(default=0, help_text="``said`` when it was fitted.")
    avoids = models.PositiveIntegerField(default=0, help_text="Pictures of wrong alerts that its query avoids.")
    sharpened = models.JSONField(null=True, help_text="What its last sharpening would have changed.")
    version = models.BigIntegerField(default=version)
    webhook = models.URLField(max_length=URL_LENGTH, blank=True)
    secret = models.CharField(max_length=64, blank=True, help_text="Signs what is sent to the webhook.")
    mail = models.CharField(max_length=7, blank=True, choices=MailWhen.choices)
    language = models.CharField(max_length=10, blank=True, help_text="Of mails: in which they were asked for.")
    most_an_hour = models.PositiveIntegerField(null=True)
    quiet_from = models.TimeField(null=True, help_text="UTC")
    quiet_until = models.TimeField(null=True, help_text="UTC")
    backfill_from = models.UUIDField(null=True, help_text="Older pictures up to this one are still to be looked at.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [  # what each worker asks before each batch, without reading the vectors
            models.Index(
                fields=["encoder"], include=["version"], name="watch_standing",
                condition=models.Q(active=True, direction__isnull=False, least__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def by_probability(self) -> bool:
        """Whether its threshold is a probability; what nobody measured of a sharpened query is not known."""
        return self.min_probability is not None and not self.avoids


class AlertVerdict(models.TextChoices):
    """What its person says of an alert."""

    RIGHT = "right", "Right"
    WRONG = "wrong", "Wrong"


class Alert(models.Model):
    """One picture that a watch fired for, with what it fired by; its id follows from both, so that there is no second.

    ``threshold`` is the least probability, where there is one, else the least score. ``gathered_into`` is an earlier
    alert of the watch, of which this one is a repeat.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    watch = models.ForeignKey(Watch, models.CASCADE, related_name="alerts")
    image = models.ForeignKey(Image, models.CASCADE, related_name="+")
    gathered_into = models.UUIDField(null=True, db_index=True)
    score = models.FloatField(help_text="The cosine with the watch's query.")
    probability = models.FloatField(null=True)
    threshold = models.FloatField()
    encoder = models.CharField(max_length=ENCODER_NAME_LENGTH)
    calibration = models.CharField(max_length=64, blank=True)
    fired_at = models.DateTimeField(auto_now_add=True)
    seen = models.BooleanField(default=False)
    verdict = models.CharField(max_length=5, blank=True, choices=AlertVerdict.choices)
    said_at = models.DateTimeField(null=True, help_text="When the verdict was said.")

    class Meta:
        ordering = ["-fired_at", "-id"]
        indexes = [
            models.Index(fields=["watch", "-fired_at"], name="alert_newest_of_watch"),
            models.Index(fields=["watch"], condition=models.Q(seen=False, gathered_into=None), name="alert_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} for {self.watch_id}"


class DeliveryState(models.TextChoices):
    """Waiting -> sent, or dead after too many tries."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    DEAD = "dead", "Dead"


class Way(models.TextChoices):
    """By which alerts leave the site."""

    WEBHOOK = "webhook", "Webhook"
    MAIL = "mail", "Mail"


class Delivery(models.Model):
    """An alert on one way to its person, once for each way. While it waits, ``error`` is why the last try failed."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries", db_index=False)
    way = models.CharField(max_length=7, choices=Way.choices, default=Way.WEBHOOK)
    state = models.CharField(max_length=7, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "way"], name="delivery_once_each_way")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state=DeliveryState.WAITING), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} by {self.way}: {self.state}"


def alert_id(watch_id: uuid.UUID, image_id: uuid.UUID) -> uuid.UUID:
    """Return the id of the one alert of this watch for this picture."""
    return uuid.uuid5(watch_id, image_id.bytes.hex())
