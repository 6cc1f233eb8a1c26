"""The ledger of embedding work: what is to be done, who has it, how it ended, and every step of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from retrieval.models.encoders import Encoder


class JobState(models.TextChoices):
    """Pending -> running under a lease -> done or failed."""

    PENDING = "pending", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class EmbeddingJobQuerySet(models.QuerySet["EmbeddingJob"]):
    """Filters on jobs."""

    def open(self) -> EmbeddingJobQuerySet:
        """Keep what is not finished."""
        return self.filter(state__in=[JobState.PENDING, JobState.RUNNING])

    def due(self) -> EmbeddingJobQuerySet:
        """Keep what may be claimed now: waiting and past its back-off, or running with a lease that ran out."""
        now = timezone.now()
        return self.filter(
            models.Q(state=JobState.PENDING, next_attempt_at__lte=now)
            | models.Q(state=JobState.RUNNING, lease_until__lte=now)
        )


class EmbeddingJob(models.Model):
    """One picture to be embedded by one encoder.

    ``round`` counts how often the work was asked for (a re-embedding is a new round); ``attempts`` counts the tries of
    this round. ``priority`` is 0 for a person who waits, higher for bulk work.
    """

    pk = models.CompositePrimaryKey("image_id", "encoder_id")
    image = models.ForeignKey("retrieval.Image", models.CASCADE, related_name="jobs")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="jobs")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_constraint=False)
    state = models.CharField(max_length=8, choices=JobState.choices, default=JobState.PENDING)
    priority = models.PositiveSmallIntegerField(default=0)
    round = models.PositiveIntegerField(default=1)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, help_text="Who holds the lease: host, process, its start.")
    next_attempt_at = models.DateTimeField(default=timezone.now)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = EmbeddingJobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["encoder", "owner", "priority", "next_attempt_at"],
                condition=models.Q(state__in=["pending", "running"]),
                name="job_to_do",
            ),
            models.Index(fields=["state", "encoder"], name="job_by_state"),
            models.Index(fields=["-created_at"], name="job_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} by {self.encoder_id}: {self.state}"


class JobEventKind(models.TextChoices):
    """What happened to a job."""

    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"
    RETRY = "retry", "Will be tried again"
    FAILED = "failed", "Failed"
    RELEASED = "released", "Given back"


class JobEvent(models.Model):
    """One step of one attempt; rows are only ever added, so that the audit can prove that nothing was done twice."""

    pk = models.CompositePrimaryKey("image_id", "encoder_id", "lease_token", "kind")
    image = models.ForeignKey("retrieval.Image", models.CASCADE, related_name="job_events")
    encoder = models.ForeignKey(Encoder, models.CASCADE, related_name="+")
    lease_token = models.UUIDField()
    kind = models.CharField(max_length=8, choices=JobEventKind.choices)
    round = models.PositiveIntegerField()
    attempt = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=100)
    error_code = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.image_id} {self.kind}"


class JobOverview(models.Model):
    """The ledger with a one-column key, read through a database view, because the admin needs such a key."""

    id = models.CharField(primary_key=True, max_length=80)
    image = models.ForeignKey("retrieval.Image", models.DO_NOTHING, related_name="+", db_constraint=False)
    encoder = models.ForeignKey(Encoder, models.DO_NOTHING, related_name="+", db_constraint=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_constraint=False)
    state = models.CharField(max_length=8, choices=JobState.choices)
    priority = models.PositiveSmallIntegerField()
    attempts = models.PositiveSmallIntegerField()
    lease_until = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField()
    error_code = models.CharField(max_length=60)
    error_text = models.TextField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "retrieval_joboverview"
        ordering = ["-created_at"]
        verbose_name = "job"

    def __str__(self) -> str:
        return self.id
