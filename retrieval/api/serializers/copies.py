"""Copies, out and in: groups, decisions, and what is done with groups."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.images import ImageSerializer
from retrieval.api.serializers.long_jobs import FIELDS, LongJobSerializer
from retrieval.api.serializers.search import Edit, FoundImageSerializer, Outline
from retrieval.matching import Verdict
from retrieval.models import CopyDecision, CopyScan, Decided, Image
from retrieval.services.copies.decisions import MOST_PAIRS
from retrieval.services.copies.resolving import MOST_GROUPS
from retrieval.services.copies.rules import DEFAULT, RULES

VERDICTS = [each.value for each in Verdict]


class ScopeQuery(Input):
    """Which pairs: within ``collection``, of it and another (``with``), or all that one sees."""

    collection = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; the name of one is a word of the language."""
        return {**super().get_fields(), "with": serializers.UUIDField(required=False)}


class CopiesQuery(ScopeQuery):
    """Filters of the list of groups."""

    verdict = serializers.ChoiceField(VERDICTS, required=False)


class ScanSerializer(LongJobSerializer):
    """A scan and how far it is; ``pairs``: how many it verified."""

    class Meta:
        model = CopyScan
        fields = [*FIELDS, "name", "within", "against", "pairs"]
        read_only_fields = fields


class CopySerializer(serializers.Serializer[Any]):
    """A copy of the picture to keep."""

    image = ImageSerializer()
    verdict = serializers.ChoiceField(VERDICTS)
    edit = Edit(help_text="What was done to the picture to keep to make this one.")
    probability = serializers.FloatField(allow_null=True, help_text="That it is right; null where nobody measured it.")
    matches = serializers.IntegerField(min_value=0, help_text="How many details of the two agree.")
    outline = Outline(allow_null=True, help_text="Where the shared part is on this picture; null for the same bytes.")
    keep_outline = Outline(allow_null=True, help_text="The same on the picture to keep.")


class GroupSerializer(serializers.Serializer[Any]):
    """A picture to keep and its copies, each verified against it. The id changes with the members."""

    id = serializers.UUIDField()
    verdict = serializers.ChoiceField(VERDICTS)
    probability = serializers.FloatField(allow_null=True, help_text="That of the weakest pair; null where one is.")
    keep = ImageSerializer()
    others = CopySerializer(many=True)


class ResolveInput(CopiesQuery):
    """Which groups, and which picture of each is kept."""

    groups = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_GROUPS, required=False)
    rule = serializers.ListField(
        child=serializers.ChoiceField(list(RULES)), min_length=1, default=list(DEFAULT),
        help_text="What makes the best one, the most important first; the list's order decides the rest.",
    )  # fmt: skip
    keep = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_GROUPS, default=list,
        help_text="Pictures that are kept whatever the rule says.",
    )  # fmt: skip
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would be done.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take groups by their ids, or filters: nobody resolves everything by leaving a field out."""
        if not attrs.keys() & {"groups", "collection", "with", "verdict"}:
            raise serializers.ValidationError({"groups": ["Name groups, or filters of the list."]})
        return attrs


class ResolutionSerializer(serializers.Serializer[Any]):
    """What was done, or would be."""

    kept = serializers.IntegerField(help_text="Groups of which one picture is kept.")
    trashed = serializers.IntegerField(help_text="Pictures that went.")
    left = serializers.IntegerField(help_text="Copies that stay: not yours, a part of a picture, a page with it.")
    undo = serializers.UUIDField(allow_null=True, help_text="For ``images/bulk/undo/``; null where nothing was done.")


class KnownSerializer(serializers.Serializer[Any]):
    """A picture that is there already, before anything was compared in detail."""

    image = FoundImageSerializer()
    same_file = serializers.BooleanField(help_text="False: it looks the same, and is compared in a moment.")
    larger = serializers.BooleanField(help_text="Whether that one has more pixels.")


class AddedSerializer(ImageSerializer):
    """A picture that was put in, and what of it the caller sees elsewhere already."""

    copies = serializers.SerializerMethodField()

    class Meta(ImageSerializer.Meta):
        fields = [*ImageSerializer.Meta.fields, "copies"]
        read_only_fields = fields

    @extend_schema_field(KnownSerializer(many=True))
    def get_copies(self, image: Image) -> Any:
        """Return the same file first."""
        pixels = image.width * image.height
        rows = [
            {"image": known, "same_file": same, "larger": known.width * known.height > pixels}
            for known, same in self.context["known"]
        ]
        return KnownSerializer(rows, many=True, context=self.context).data


class DecisionsInput(Input):
    """What is decided of pairs of pictures."""

    pairs = serializers.ListField(
        child=serializers.ListField(child=serializers.UUIDField(), min_length=2, max_length=2),
        min_length=1, max_length=MOST_PAIRS,
    )  # fmt: skip
    decision = serializers.ChoiceField(Decided.choices)


class DecisionSerializer(serializers.ModelSerializer[CopyDecision]):
    """What was decided of two pictures, by whom and when."""

    pair = serializers.SerializerMethodField()
    user = serializers.CharField(source="user.username")

    class Meta:
        model = CopyDecision
        fields = ["id", "pair", "decision", "user", "decided_at"]
        read_only_fields = fields

    def get_pair(self, row: CopyDecision) -> list[str]:
        """Return the two ids."""
        return [str(row.one_id), str(row.other_id)]


class DecisionsSerializer(serializers.Serializer[Any]):
    """The decisions that were kept."""

    results = DecisionSerializer(many=True)
