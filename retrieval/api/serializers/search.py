"""Searches, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from retrieval.api.serializers.fields import Input, Many, json_value
from retrieval.api.serializers.images import ThumbnailUrl
from retrieval.matching import Band, Match, Verdict
from retrieval.models import Image, Measure
from retrieval.models.bounds import ENCODER_NAME_LENGTH, GROUP_LENGTH, URL_LENGTH
from retrieval.services.searching.search_request import (
    FARTHEST,
    MODES,
    MOST_AT_ONCE,
    MOST_COLLECTIONS,
    MOST_FILES,
    MOST_PICTURES,
    MOST_TAGS,
    TAG_LENGTH,
    TEXT_LENGTH,
)

K = 24

BANDS = list(Band)
VERDICTS = [each.value for each in Verdict]


class RegionSerializer(Input):
    """A part of the upright picture, in fractions of its width and height."""

    x = serializers.FloatField(min_value=0, max_value=1)
    y = serializers.FloatField(min_value=0, max_value=1)
    w = serializers.FloatField(min_value=0, max_value=1)
    h = serializers.FloatField(min_value=0, max_value=1)

    def get_value(self, dictionary: Any) -> Any:
        """Return the object or, of a form, its text; an empty one is none."""
        found = dictionary.get(self.field_name, empty)
        return None if found == "" else found

    def to_internal_value(self, data: Any) -> Any:
        """Read an object, or in a form its JSON text."""
        return super().to_internal_value(json_value(data) if isinstance(data, str) else data)


class SearchInput(Input):
    """What to look for, where and how: one or more of ``image``, ``positives``, ``url``, ``text``."""

    image = serializers.UUIDField(required=False, allow_null=True, help_text="A stored picture to start from.")
    positives = Many(child=serializers.UUIDField(), max_length=MOST_PICTURES, default=list)
    negatives = Many(
        child=serializers.CharField(max_length=TAG_LENGTH), max_length=MOST_PICTURES, default=list,
        help_text="Stored pictures by their ids, or words.",
    )  # fmt: skip
    url = serializers.URLField(
        max_length=URL_LENGTH, required=False, allow_blank=True, allow_null=True,
        help_text="A picture's address on the open internet, in the place of a file; for people with an account.",
    )  # fmt: skip
    text = serializers.CharField(
        max_length=TEXT_LENGTH, required=False, allow_blank=True, allow_null=True,
        help_text="What is on the pictures or written about them; -word for what to avoid.",
    )  # fmt: skip
    text_weight = serializers.FloatField(
        min_value=0, max_value=1, default=0.5, help_text="The words' part of a query beside pictures."
    )
    concept = serializers.UUIDField(required=False, allow_null=True, help_text="One of your concepts, by cosine.")
    region = RegionSerializer(required=False, allow_null=True)
    measure = serializers.ChoiceField(Measure.choices, required=False, allow_null=True)
    k = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, default=K)
    offset = serializers.IntegerField(min_value=0, max_value=FARTHEST, default=0)
    collections = Many(child=serializers.UUIDField(), max_length=MOST_COLLECTIONS, required=False, allow_null=True)
    tags = Many(child=serializers.CharField(max_length=TAG_LENGTH), max_length=MOST_TAGS, default=list)
    exclude_group = serializers.BooleanField(default=False, help_text="Leave out the group of the query picture.")
    group = serializers.BooleanField(default=False, help_text="Only the best of each group.")
    group_key = serializers.CharField(
        max_length=GROUP_LENGTH, required=False, allow_null=True, help_text="Only pictures of this group."
    )
    diversity = serializers.FloatField(
        min_value=0, max_value=1, default=0, help_text="How much the first 200 are put in an order that varies."
    )
    exact = serializers.BooleanField(default=False, help_text="Compare with every candidate.")
    min_score = serializers.FloatField(required=False, allow_null=True)
    min_band = serializers.ChoiceField(BANDS, required=False, allow_null=True)
    receipt = serializers.BooleanField(default=False, help_text="Keep a receipt; for people with an account.")
    encoder = serializers.CharField(
        max_length=ENCODER_NAME_LENGTH, required=False, allow_null=True,
        help_text="Another encoder that is built, by its name; for administrators.",
    )  # fmt: skip
    mode = serializers.ChoiceField(MODES, default=MODES[0], help_text="``same``: verified by details, those first.")
    expand = serializers.BooleanField(default=False, help_text="Look further: by one picture and cosine.")
    regions = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Compare with parts of pictures, where collections keep these; left out: where ``region`` is given.",
    )  # fmt: skip


class SearchForm(SearchInput):
    """The same as a form, where pictures can come along. They are not kept."""

    file = serializers.ListField(
        child=serializers.FileField(), max_length=MOST_FILES, required=False,
        help_text="The picture to look for; several parts of this name are looked for together.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one of the two."""
        if attrs.get("file") and attrs.get("url"):
            raise serializers.ValidationError({"url": ["Send a file or an address, not both."]})
        return attrs


class SimilarQuery(Input):
    """How many, by which measure, and where."""

    k = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, default=K)
    measure = serializers.ChoiceField(Measure.choices, required=False)
    collection = Many(child=serializers.UUIDField(), max_length=MOST_COLLECTIONS, required=False)


class FoundImageSerializer(serializers.ModelSerializer[Image]):
    """A picture, short: the rest is at ``images/{id}/``."""

    collection = serializers.UUIDField(source="collection_id")
    tags = serializers.ListField(child=serializers.CharField())
    thumbnail_url = ThumbnailUrl("thumbnail")

    class Meta:
        model = Image
        fields = ["id", "collection", "title", "tags", "group_key", "second", "width", "height", "thumbnail_url"]
        read_only_fields = fields


class Edit(serializers.ListField):
    """Words such as ``cropped``, ``mirrored``, ``turned 90``, ``pasted``."""

    child = serializers.CharField()


class Outline(serializers.ListField):
    """Four corners, in fractions of the upright picture's width and height."""

    child = serializers.ListField(child=serializers.FloatField())


class FoundSerializer(serializers.Serializer[Any]):
    """One result: the measure's own distance, and the score that a person reads."""

    rank = serializers.IntegerField()
    distance = serializers.FloatField()
    score = serializers.FloatField()
    band = serializers.ChoiceField(
        BANDS, source="verdict.band", default=None, allow_null=True, help_text="Null: not calibrated."
    )
    probability = serializers.FloatField(
        source="verdict.probability", default=None, allow_null=True, help_text="That it is right."
    )
    expected_strangers = serializers.FloatField(
        source="verdict.expected_strangers",
        default=None,
        allow_null=True,
        help_text="How many unrelated pictures would score as high.",
    )
    region = RegionSerializer(allow_null=True, help_text="The part that was found; null for the whole picture.")
    found_by = serializers.ListField(child=serializers.ChoiceField(["look", "meaning", "words", "ocr"]))
    group_size = serializers.IntegerField(
        allow_null=True, help_text="Pictures of its group, itself included; with ``group`` only."
    )
    image = FoundImageSerializer()
    verdict = serializers.ChoiceField(VERDICTS, source="judgement.verdict", default=None, allow_null=True)
    edit = Edit(source="judgement.edit", default=None, allow_null=True, help_text="What made the query of the result.")
    outline = Outline(source="judgement.outline", default=None, allow_null=True, help_text="On the result.")
    query_outline = Outline(source="judgement.query_outline", default=None, allow_null=True, help_text="On the query.")


class ShareSerializer(serializers.Serializer[Any]):
    """A tag or group, how many of the results have it, and which share of them that is."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    share = serializers.FloatField()


class SharesSerializer(serializers.Serializer[Any]):
    """The most frequent tags and groups among the results."""

    tags = ShareSerializer(many=True)
    groups = ShareSerializer(many=True)


class TookSerializer(serializers.Serializer[Any]):
    """Where the time went, in milliseconds."""

    decode = serializers.FloatField()
    encode = serializers.FloatField()
    search = serializers.FloatField()
    total = serializers.FloatField()


class AskedSerializer(serializers.Serializer[Any]):
    """What was asked."""

    kind = serializers.CharField(source="query_kind")
    region = RegionSerializer(allow_null=True)


class ConceptSerializer(serializers.Serializer[Any]):
    """A word or phrase of the text, what it was taken for, and names of classes that look most like it."""

    written = serializers.CharField()
    word = serializers.CharField()
    like = serializers.ListField(child=serializers.CharField())
    negative = serializers.BooleanField()


class AnswerSerializer(serializers.Serializer[Any]):
    """The answer to a search, nearest first."""

    query = AskedSerializer(source="*")
    encoder = serializers.CharField()
    trained = serializers.BooleanField()
    measure = serializers.ChoiceField(Measure.choices)
    exact = serializers.BooleanField()
    candidates = serializers.IntegerField()
    calibrated = serializers.BooleanField(help_text="Whether the hits tell how likely they are right.")
    match = serializers.ChoiceField(list(Match), allow_null=True, help_text="Null: not calibrated, or after an offset.")
    took_ms = TookSerializer(source="took")
    concepts = ConceptSerializer(many=True)
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Words whose meaning is not known; empty without a word table."
    )
    knows_words = serializers.BooleanField(help_text="Whether the encoder has a word table.")
    mode = serializers.ChoiceField(MODES)
    expand = serializers.BooleanField(help_text="Whether it looked further; results are then not sorted by score.")
    regions = serializers.BooleanField(help_text="Whether it compared with parts of pictures.")
    compared = serializers.IntegerField(allow_null=True, help_text="How many could be compared in detail.")
    shares = SharesSerializer()
    results = FoundSerializer(source="hits", many=True)
    receipt = serializers.UUIDField(allow_null=True, default=None, help_text="The id of its receipt.")
