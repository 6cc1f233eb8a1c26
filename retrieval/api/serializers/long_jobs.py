"""What every kind of long work tells of itself."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Problem

FIELDS = [
    "id", "user", "collection", "state", "stage", "done", "total", "error", "created_at", "started_at", "finished_at",
]  # fmt: skip


class LongJobSerializer(serializers.ModelSerializer[Any]):
    """A job and how far it is: ``stage`` says what is being done, ``done`` of ``total`` how much of that."""

    user = serializers.CharField(source="user.username", read_only=True)
    error = Problem()
