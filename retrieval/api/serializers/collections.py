"""Collections and members, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import Collection, Membership, Role, Visibility
from retrieval.models.bounds import COLLECTION_NAME_LENGTH, DESCRIPTION_LENGTH, USERNAME_LENGTH

ROLES = [choice for choice in Role.choices if choice[0] != Role.OWNER]


class CollectionInput(Input):
    """What a person sets."""

    name = serializers.CharField(max_length=COLLECTION_NAME_LENGTH)
    description = serializers.CharField(max_length=DESCRIPTION_LENGTH, allow_blank=True, required=False)
    visibility = serializers.ChoiceField(Visibility.choices, required=False)
    local_features = serializers.BooleanField(required=False, help_text="Keep what ``mode=same`` needs.")
    drop_place = serializers.BooleanField(required=False, help_text="Keep no place of new pictures.")
    regions = serializers.BooleanField(required=False, help_text="Keep vectors of parts of the pictures.")
    read_text = serializers.BooleanField(required=False, help_text="Read the words on the pictures.")


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection as the caller sees it; ``role`` is null for one who only sees it."""

    owner = serializers.CharField(source="owner.username")
    role = serializers.ChoiceField(Role.choices, allow_null=True)
    image_count = serializers.IntegerField(min_value=0)
    ready_count = serializers.IntegerField(min_value=0)

    class Meta:
        model = Collection
        fields = [
            "id",
            "name",
            "description",
            "visibility",
            "local_features",
            "drop_place",
            "regions",
            "read_text",
            "owner",
            "role",
            "image_count",
            "ready_count",
            "created_at",
        ]
        read_only_fields = fields


class MemberInput(Input):
    """Who gets which role."""

    username = serializers.CharField(max_length=USERNAME_LENGTH)
    role = serializers.ChoiceField(ROLES)


class RoleInput(Input):
    """Which role a member gets."""

    role = serializers.ChoiceField(ROLES)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member, or who is asked to be one (``pending``)."""

    username = serializers.CharField(source="name")
    role = serializers.ChoiceField(ROLES)
    pending = serializers.BooleanField()

    class Meta:
        model = Membership
        fields = ["username", "role", "pending"]
        read_only_fields = fields


class InvitationSerializer(serializers.ModelSerializer[Membership]):
    """What the caller is asked into, by whom, and with which role."""

    collection = serializers.UUIDField(source="collection_id")
    name = serializers.CharField(source="collection.name")
    role = serializers.ChoiceField(ROLES)
    invited_by = serializers.CharField(source="invited_by.username", default=None, allow_null=True)

    class Meta:
        model = Membership
        fields = ["collection", "name", "role", "invited_by", "created_at"]
        read_only_fields = fields


class CountedSerializer(serializers.Serializer[Any]):
    """A value, and how many pictures have it."""

    name = serializers.CharField()
    count = serializers.IntegerField()


class FacetsSerializer(serializers.Serializer[Any]):
    """The most frequent first, 24 of each at most; of months all, the newest first."""

    tags = CountedSerializer(many=True)
    groups = CountedSerializer(many=True)
    cameras = CountedSerializer(many=True)
    months = CountedSerializer(many=True, help_text="As 2019-07, in UTC: when taken, or came where that is not known.")
