"""What is done to many pictures at once, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.api.serializers.images import ImageFilter, ImageTexts
from retrieval.models.bounds import MOST_TAGS, TAG_LENGTH
from retrieval.services.images.choice import MOST_IDS


class ChoiceInput(Input):
    """Pictures by ``ids``, or all that pass a ``filter``: one of the two."""

    ids = serializers.ListField(child=serializers.UUIDField(), max_length=MOST_IDS, required=False)
    filter = ImageFilter(required=False, help_text="The filters of the list, at least one.")


def _tags(text: str) -> serializers.ListField:
    child = serializers.CharField(max_length=TAG_LENGTH)
    return serializers.ListField(child=child, max_length=MOST_TAGS, required=False, help_text=text)


class BulkInput(ChoiceInput):
    """Which pictures, and what to do to them."""

    add_tags = _tags("Put behind the tags that a picture has.")
    remove_tags = _tags("Taken out; one that is added too stays.")
    set = ImageTexts(required=False, help_text="Fields to write over; one that is not named stays as it is.")
    move = serializers.UUIDField(required=False, help_text="The collection to put them into.")
    delete = serializers.BooleanField(required=False, help_text="Goes with nothing else.")
    embed = serializers.BooleanField(required=False, help_text="Make their vectors again.")


class UndoInput(Input):
    """Which act to take back."""

    undo = serializers.UUIDField(help_text="The token that the act was answered with.")


class RefusedSerializer(serializers.Serializer[Any]):
    """A picture that was left as it is, and why."""

    id = serializers.UUIDField()
    code = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """To how many pictures it was done, and which were refused."""

    done = serializers.IntegerField(min_value=0)
    refused = RefusedSerializer(many=True, help_text="The first 1,000.")
    refused_count = serializers.IntegerField(min_value=0)
    undo = serializers.UUIDField(allow_null=True, help_text="Takes it back within a day; null where nothing changed.")
