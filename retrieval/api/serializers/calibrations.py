"""Calibrations of an encoder on a collection, in and out."""

from __future__ import annotations

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import PICTURE_LABELS, CalibrationRun, Labels
from retrieval.models.bounds import ENCODER_NAME_LENGTH


class CalibrationInput(Input):
    """Which encoder to calibrate, and on whose labels."""

    collection = serializers.UUIDField()
    encoder = serializers.CharField(max_length=ENCODER_NAME_LENGTH, help_text="its name")
    labels = serializers.ChoiceField(PICTURE_LABELS, default=Labels.TAGS)


class CalibrationSerializer(LongJobSerializer):
    """A calibration and how far it is; ``result`` says what it was fitted on, empty until it is done."""

    result = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = CalibrationRun
        fields = [*FIELDS, "encoder", "labels", "result"]
        read_only_fields = fields
