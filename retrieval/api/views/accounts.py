"""Tokens: made with name and password, listed without their secrets, revoked."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from retrieval.api.auth import TokenAuthentication
from retrieval.api.base import ApiView, checked
from retrieval.api.parsers import JsonParser
from retrieval.api.serializers.accounts import CredentialsSerializer, NewTokenSerializer, TokenSerializer
from retrieval.models import ApiToken
from retrieval.services import accounts, limits


class TokenView(ApiView):
    """The token itself: asked for with a password, given back with the token."""

    authentication_classes = [TokenAuthentication]
    permission_classes = [AllowAny]
    parser_classes = [JsonParser, FormParser]
    more_failures = frozenset({429})

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Ask for nothing when a token is to be made: an old one in the header must not stand in the way."""
        making = self.request is not None and self.request.method == "POST"
        return [] if making else super().get_authenticators()

    @extend_schema(request=CredentialsSerializer, responses={201: NewTokenSerializer}, auth=[])
    def post(self, request: Request) -> Response:
        """Make a token. The secret is shown this once; it ends by itself."""
        wanted = checked(CredentialsSerializer, request.data)
        username = wanted["username"]
        limits.sign_in(username, address=self.address)
        user = authenticate(request._request, username=username, password=wanted["password"])
        if user is None:
            raise AuthenticationFailed("The name or the password is wrong.", code="invalid_credentials")
        limits.signed_in(username, address=self.address)
        secret, token = accounts.issue_token(user, name=wanted["name"], scope=wanted["scope"])
        return Response(NewTokenSerializer({"token": secret, "expires_at": token.expires_at}).data, status=201)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Revoke the token that this call is made with."""
        if not isinstance(request.auth, ApiToken):
            self.permission_denied(request)
        accounts.revoke_token(request.auth.pk, user=self.person)
        return Response(status=204)


class TokensView(ApiView):
    """All tokens of the caller."""

    @extend_schema(operation_id="auth_tokens_list", responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the caller's living tokens, newest first, without their secrets."""
        return self.page(accounts.tokens_of(self.person), TokenSerializer)


class OneTokenView(ApiView):
    """One token of the caller."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:  # noqa: ARG002
        """Revoke one of the caller's tokens."""
        accounts.revoke_token(token_id, user=self.person)
        return Response(status=204)
