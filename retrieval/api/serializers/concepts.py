"""Concepts, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input, Many
from retrieval.api.serializers.search import FoundImageSerializer
from retrieval.matching import Grasp
from retrieval.models import Concept
from retrieval.models.bounds import TAG_LENGTH
from retrieval.services.searching import concepts
from retrieval.services.searching.concepts import MOST_AT_ONCE
from retrieval.services.searching.teaching import MOST, TEACHES


class ExamplesInput(Input):
    """Pictures that are it, that are not, and of which nothing is said any more."""

    yes = Many(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, default=list)
    no = Many(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, default=list)
    forget = Many(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, default=list)


class ConceptInput(Input):
    """A name, and examples to begin with."""

    name = serializers.CharField(max_length=TAG_LENGTH)
    yes = Many(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, default=list)
    no = Many(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, default=list)


class ConceptName(Input):
    """Another name."""

    name = serializers.CharField(max_length=TAG_LENGTH)


class TaughtConceptSerializer(serializers.ModelSerializer[Concept]):
    """One of the caller's concepts; ``yes`` and ``no`` count its examples."""

    yes = serializers.IntegerField()
    no = serializers.IntegerField()
    knows = serializers.FloatField(
        allow_null=True, help_text="How well, 0.5 (not at all) to 1, each example held out; null: too few to tell."
    )
    grasp = serializers.SerializerMethodField(help_text="The same in a word; ``suggests``: to suggest, not to decide.")

    class Meta:
        model = Concept
        fields = ["id", "name", "yes", "no", "knows", "grasp", "created_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField([each.value for each in Grasp]))
    def get_grasp(self, row: Concept) -> str:
        """Return the word."""
        return concepts.grasp(row).value


class NextQuery(Input):
    """How many to ask about."""

    k = serializers.IntegerField(min_value=1, max_value=MOST, default=TEACHES)


class SuggestionsQuery(Input):
    """How many to suggest."""

    k = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)


class LikelySerializer(serializers.Serializer[Any]):
    """A picture, and how much like the concept it is."""

    score = serializers.FloatField(help_text="Above 0.5: more like what is it than like what is not. No probability.")
    image = FoundImageSerializer()


class LikelyListSerializer(serializers.Serializer[Any]):
    """Pictures, the likeliest first."""

    results = LikelySerializer(many=True)
