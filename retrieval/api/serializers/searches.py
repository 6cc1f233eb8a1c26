"""One's own history of searches, out."""

from __future__ import annotations

from rest_framework import serializers

from retrieval.models import SearchRecord


class SearchRecordSerializer(serializers.ModelSerializer[SearchRecord]):
    """A search as it was asked: ``asked`` can be sent to ``search/`` again, with the pictures that were not kept."""

    asked = serializers.DictField(help_text="The fields of the search that were not left at their defaults.")
    files = serializers.IntegerField(help_text="How many pictures came along; they were not kept.")
    url = serializers.CharField(help_text="The address that a picture was fetched from, or empty.")

    class Meta:
        model = SearchRecord
        fields = ["id", "created_at", "asked", "files", "url"]
        read_only_fields = fields
