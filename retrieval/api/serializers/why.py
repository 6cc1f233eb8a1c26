"""Why a picture was found, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.search import Edit, Outline, RegionSerializer
from retrieval.matching import Verdict


class WhyQuery(Input):
    """With which stored picture to compare."""

    query = serializers.UUIDField()


class WhyForm(Input):
    """The picture to compare with, which is not kept, or a part of it."""

    file = serializers.FileField()
    region = RegionSerializer(required=False, allow_null=True)


class Places(serializers.ListField):
    """Rows from the top, numbers from the left: what each place adds to the cosine."""

    child = serializers.ListField(child=serializers.FloatField())


class MeasuredSerializer(serializers.Serializer[Any]):
    """The pair by one measure."""

    distance = serializers.FloatField()
    score = serializers.FloatField()


class MeasuresSerializer(serializers.Serializer[Any]):
    """The pair by each measure, as a search gives it."""

    cosine = MeasuredSerializer()
    euclidean = MeasuredSerializer()
    pearson = MeasuredSerializer()


class WhySerializer(serializers.Serializer[Any]):
    """Two pictures side by side: ``query`` and ``result`` are on one grid of ``cells``, and each sums to the cosine."""

    encoder = serializers.CharField()
    cosine = serializers.FloatField(source="overlay.cosine")
    cells = serializers.ListField(
        child=serializers.IntegerField(), source="overlay.cells", help_text="Rows and columns of both."
    )
    query = Places(source="overlay.query")
    result = Places(source="overlay.result")
    exact = serializers.BooleanField(help_text="False: what a place adds is an approximation with this encoder.")
    measures = MeasuresSerializer()
    strangers = serializers.FloatField(
        allow_null=True, help_text="The share of unrelated pictures that look as alike; null: not calibrated."
    )
    verdict = serializers.ChoiceField(
        [each.value for each in Verdict], source="judgement.verdict", default=None, allow_null=True
    )
    edit = Edit(source="judgement.edit", default=None, allow_null=True)
    outline = Outline(source="judgement.outline", default=None, allow_null=True, help_text="On the result.")
    query_outline = Outline(source="judgement.query_outline", default=None, allow_null=True, help_text="On the query.")
