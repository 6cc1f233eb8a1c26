"""Share links, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import ShareLink
from retrieval.models.bounds import LINK_NAME_LENGTH, LINK_PASSWORD_LENGTH


class ShareLinkInput(Input):
    """What a link is to be like."""

    name = serializers.CharField(max_length=LINK_NAME_LENGTH, allow_blank=True, required=False)
    expires_at = serializers.DateTimeField(required=False, help_text="30 days from now where nothing is said.")
    password = serializers.CharField(
        max_length=LINK_PASSWORD_LENGTH, allow_blank=True, trim_whitespace=False, required=False
    )
    downloads = serializers.BooleanField(required=False, help_text="Whether originals may be downloaded.")


class ShareLinkSerializer(serializers.ModelSerializer[ShareLink]):
    """A link as managers see it: everything but its address."""

    made_by = serializers.CharField(source="made_by.username", default=None, allow_null=True)
    state = serializers.ChoiceField(ShareLink.State.choices)
    has_password = serializers.SerializerMethodField()

    class Meta:
        model = ShareLink
        fields = ["id", "name", "state", "has_password", "downloads", "made_by", "created_at", "expires_at", "ended_at",
                  "visits", "last_visit_at"]  # fmt: skip
        read_only_fields = fields

    def get_has_password(self, row: ShareLink) -> bool:
        """Tell whether it asks for a password."""
        return bool(row.password)


class NewShareLinkSerializer(ShareLinkSerializer):
    """A link with its address, shown this once."""

    url = serializers.SerializerMethodField()

    class Meta(ShareLinkSerializer.Meta):
        fields = [*ShareLinkSerializer.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, row: ShareLink) -> str:  # noqa: ARG002
        """Return the address that whoever is to look gets."""
        return str(self.context["url"])


def shown_once(link: ShareLink, url: str) -> Any:
    """Return a new link and its address as JSON values."""
    return NewShareLinkSerializer(link, context={"url": url}).data
