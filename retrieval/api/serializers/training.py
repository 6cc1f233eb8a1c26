"""Training runs, in and out."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input, JsonObject
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.models import PICTURE_LABELS, Labels, TrainingRun
from retrieval.services.encoders.sheets import MOST_DRAWN

TABLE = {"type": "object", "additionalProperties": True}


class TrainingInput(Input):
    """What to train: a config as recipes have it, as an object, on a collection by one of its texts as labels."""

    collection = serializers.UUIDField()
    config = extend_schema_field(TABLE)(JsonObject)()
    by = serializers.ChoiceField(PICTURE_LABELS, default=Labels.TAGS)


class DrawnQuery(Input):
    """How many pictures to draw, and which."""

    count = serializers.IntegerField(min_value=1, max_value=MOST_DRAWN, default=MOST_DRAWN)
    seed = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    like = serializers.UUIDField(required=False, help_text="id of a picture: it comes first, then what is made of it")


class TrainingSerializer(LongJobSerializer):
    """A run: ``step`` of ``steps`` is the furthest that it ever was; ``encoder`` names the draft that it ended with."""

    by = serializers.ChoiceField(PICTURE_LABELS, source="labels")
    encoder = serializers.CharField(source="encoder.name", default=None, allow_null=True)

    class Meta:
        model = TrainingRun
        fields = [*FIELDS, "name", "recipe", "by", "step", "steps", "encoder"]
        read_only_fields = fields


class WholeTrainingSerializer(TrainingSerializer):
    """The same with its config, defaults filled in, and its curve so far: points of ``step`` and figures by name.

    At the end also what it computed in, what was other than asked, and which pictures were left out and why.
    """

    config = serializers.DictField()
    curve = serializers.ListField(child=serializers.DictField())
    precision = serializers.CharField(source="record.precision", default="")
    notes = serializers.ListField(child=serializers.CharField(), source="record.notes", default=list)
    left_out = serializers.ListField(child=serializers.CharField(), source="record.left_out", default=list)

    class Meta(TrainingSerializer.Meta):
        fields = [*TrainingSerializer.Meta.fields, "config", "curve", "precision", "notes", "left_out"]
        read_only_fields = fields
