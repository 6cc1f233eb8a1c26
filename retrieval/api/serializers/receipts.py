"""Receipts, out, and what is sent to run one again."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import Receipt
from retrieval.services.searching.search_request import MOST_FILES


class ReceiptSerializer(serializers.ModelSerializer[Receipt]):
    """A search as it was asked and answered; the signature is of the document's canonical JSON."""

    document = serializers.DictField()

    class Meta:
        model = Receipt
        fields = ["id", "created_at", "document", "signature"]
        read_only_fields = fields


class RepeatInput(Input):
    """The files of a search by files, which were not kept."""

    file = serializers.ListField(child=serializers.FileField(), max_length=MOST_FILES, default=list)


class ChangesSerializer(serializers.Serializer[Any]):
    """What is different now: settings as [before, now], pictures that are gone, new, or at another rank."""

    unchanged = serializers.BooleanField(source="none")
    settings = serializers.DictField()
    gone = serializers.ListField(child=serializers.UUIDField())
    new = serializers.ListField(child=serializers.UUIDField())
    moved = serializers.DictField(child=serializers.ListField(child=serializers.IntegerField()))
