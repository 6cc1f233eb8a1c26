"""Copies, out and in: groups, decisions, and what is done with groups."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.images import ImageSerializer
from retrieval.api.serializers.search import Edit, Outline
from retrieval.models import CopyDecision, CopyVerdict, Decided
from retrieval.services.copies.decisions import MOST_PAIRS


class ScopeQuery(Input):
    """Which pairs: within ``collection``, of it and another (``with``), or all that one sees."""

    collection = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; the name of one is a word of the language."""
        return {**super().get_fields(), "with": serializers.UUIDField(required=False)}


class CopiesQuery(ScopeQuery):
    """Filters of the list of groups."""

    verdict = serializers.ChoiceField(CopyVerdict.choices, required=False)


class CopySerializer(serializers.Serializer[Any]):
    """A copy of the picture to keep."""

    image = ImageSerializer()
    verdict = serializers.ChoiceField(CopyVerdict.choices)
    edit = Edit(help_text="What was done to the picture to keep to make this one.")
    probability = serializers.FloatField(help_text="That the verdict is right.")
    outline = Outline(allow_null=True, help_text="Where the shared part is on this picture; null for the same bytes.")
    keep_outline = Outline(allow_null=True, help_text="The same on the picture to keep.")


class GroupSerializer(serializers.Serializer[Any]):
    """A picture to keep and its copies, each verified against it. The id changes with the members."""

    id = serializers.UUIDField()
    verdict = serializers.ChoiceField(CopyVerdict.choices)
    probability = serializers.FloatField(help_text="That of the weakest pair.")
    keep = ImageSerializer()
    others = CopySerializer(many=True)


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
