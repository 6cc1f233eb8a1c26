"""Pools of answers to be judged, and judgements, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import Grade, Pool
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.evaluation import pools
from retrieval.services.evaluation.evaluations import MOST_ENCODERS
from retrieval.services.evaluation.judgements import MOST_AT_ONCE
from retrieval.services.evaluation.pools import HIGHEST_SEED, MOST_QUERIES, USUAL_QUERIES


class PoolInput(Input):
    """What to draw; the same seed draws the same queries, and more queries include the fewer."""

    collection = serializers.UUIDField()
    encoders = serializers.ListField(
        child=serializers.CharField(max_length=ENCODER_NAME_LENGTH),
        min_length=2,
        max_length=MOST_ENCODERS,
        help_text="names, each once",
    )
    queries = serializers.IntegerField(min_value=1, max_value=MOST_QUERIES, default=USUAL_QUERIES)
    seed = serializers.IntegerField(min_value=0, max_value=HIGHEST_SEED, default=0)


class PoolSerializer(serializers.ModelSerializer[Pool]):
    """A pool: which encoders took part, and how deep; not which of them gave which answer."""

    encoders = serializers.ListField(child=serializers.CharField())
    user = serializers.CharField(source="user.username")

    class Meta:
        model = Pool
        fields = ["id", "user", "collection", "encoders", "depth", "seed", "created_at"]
        read_only_fields = fields


class PooledAnswerSerializer(serializers.Serializer[Any]):
    """An answer to be judged; ``grade`` is the mean over the people who judged it, null for nobody."""

    image = serializers.UUIDField()
    grade = serializers.FloatField(allow_null=True)


class PooledQuerySerializer(serializers.Serializer[Any]):
    """A query with its answers, shuffled."""

    query = serializers.UUIDField()
    answers = PooledAnswerSerializer(many=True)


class WholePoolSerializer(PoolSerializer):
    """The same with its queries and what was said of their answers, as far as the caller sees the pictures."""

    queries = serializers.SerializerMethodField()

    class Meta(PoolSerializer.Meta):
        fields = [*PoolSerializer.Meta.fields, "queries"]
        read_only_fields = fields

    @extend_schema_field(PooledQuerySerializer(many=True))
    def get_queries(self, row: Pool) -> list[dict[str, Any]]:
        """Group what there is to judge by query."""
        grades = pools.grades(row)
        by_query: dict[str, list[dict[str, Any]]] = {}
        for query, answer in pools.places(row, user=self.context["request"].user).values():
            by_query.setdefault(str(query), []).append({"image": str(answer), "grade": grades.get((query, answer))})
        return [{"query": query, "answers": answers} for query, answers in by_query.items()]


class OneJudgementInput(Input):
    """A grade of an answer to a query: 0 no, 1 somewhat, 2 yes, null to take an earlier one back."""

    query = serializers.UUIDField()
    answer = serializers.UUIDField()
    grade = serializers.IntegerField(min_value=min(Grade.values), max_value=max(Grade.values), allow_null=True)


class JudgementsInput(Input):
    """Grades by the caller; all or none are kept."""

    judgements = serializers.ListField(child=OneJudgementInput(), min_length=1, max_length=MOST_AT_ONCE)
