"""The ledger of work as one person may see it, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input


class ReasonSerializer(serializers.Serializer[Any]):
    """Pictures that failed in the same way."""

    code = serializers.CharField()
    message = serializers.CharField()
    count = serializers.IntegerField()


class CollectionJobsSerializer(serializers.Serializer[Any]):
    """What is left to do in one collection."""

    collection = serializers.UUIDField(source="collection.pk")
    name = serializers.CharField(source="collection.name")
    pending = serializers.IntegerField()
    failed = serializers.IntegerField()


class JobsSerializer(serializers.Serializer[Any]):
    """What waits, runs and failed."""

    pending = serializers.IntegerField()
    running = serializers.IntegerField()
    failed = serializers.IntegerField()
    by_reason = ReasonSerializer(many=True)
    by_collection = CollectionJobsSerializer(many=True)
    rate_per_minute = serializers.FloatField()
    seconds_left = serializers.IntegerField(allow_null=True)


class RetryInput(Input):
    """Which failed pictures to try again; without a code all."""

    code = serializers.CharField(max_length=60, default="", allow_blank=True)


class RetriedSerializer(serializers.Serializer[Any]):
    """How many pictures are tried again."""

    retried = serializers.IntegerField()
