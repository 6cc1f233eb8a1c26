"""Words read from a picture, out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class LineSerializer(serializers.Serializer[Any]):
    """A line of text, and the upright box around it in fractions of the upright picture."""

    text = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    w = serializers.FloatField()
    h = serializers.FloatField()


class TextSerializer(serializers.Serializer[Any]):
    """All that was read from a picture, and line by line."""

    text = serializers.CharField(allow_null=True, help_text="Null where nothing is read, or it waits for that.")
    lines = LineSerializer(many=True)
