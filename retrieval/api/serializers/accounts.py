"""Tokens in and out, and sessions out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from retrieval.api.serializers.fields import Input
from retrieval.models import ApiToken, Session
from retrieval.models.bounds import MAIL_LENGTH, TOKEN_NAME_LENGTH, USERNAME_LENGTH
from retrieval.services.people import sessions


class CredentialsSerializer(Input):
    """What a token is asked for with."""

    username = serializers.CharField(max_length=USERNAME_LENGTH)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    code = serializers.CharField(max_length=40, default="", allow_blank=True, help_text="Of the second factor.")
    name = serializers.CharField(max_length=TOKEN_NAME_LENGTH, default="", allow_blank=True)
    scope = serializers.ChoiceField(ApiToken.Scope.choices, default=ApiToken.Scope.WRITE)


class CodeSerializer(Input):
    """What proves that somebody has the app."""

    code = serializers.CharField(max_length=40)


class PasswordAndCodeSerializer(CodeSerializer):
    """And who it is."""

    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class SecondFactorSerializer(serializers.Serializer[Any]):
    """Whether signing in asks for a code."""

    on = serializers.BooleanField()
    codes_left = serializers.IntegerField()


class SetupSerializer(serializers.Serializer[Any]):
    """What an app needs."""

    secret = serializers.CharField()
    address = serializers.CharField(help_text="Of the scheme otpauth, for a QR code.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """Codes that are shown this once."""

    codes = serializers.ListField(child=serializers.CharField())


class NewAddressSerializer(Input):
    """An address that mail shall go to."""

    email = serializers.EmailField(max_length=MAIL_LENGTH, allow_blank=True, help_text="Empty: none.")
    password = serializers.CharField(max_length=4096, trim_whitespace=False, default="", allow_blank=True)


class OwnAddressSerializer(serializers.Serializer[Any]):
    """Where mail goes."""

    email = serializers.CharField(help_text="Empty: nowhere.")
    waiting = serializers.CharField(allow_null=True, help_text="It counts once the link in the mail is opened.")


class NewTokenSerializer(serializers.Serializer[Any]):
    """The secret, shown this once."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token as its owner sees it later: everything but the secret."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scope", "created_at", "expires_at", "last_used_at"]
        read_only_fields = fields


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session as its person sees it: from where, by which program, since when; nothing that opens it."""

    current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ["id", "created_at", "seen_at", "expires_at", "address", "agent", "current"]
        read_only_fields = fields

    expires_at = serializers.DateTimeField(source="expire_date", read_only=True)

    def get_current(self, row: Session) -> bool:
        """Tell whether the call that asks is made in this session."""
        return sessions.is_same(row, self.context["request"]._request.session.session_key)
