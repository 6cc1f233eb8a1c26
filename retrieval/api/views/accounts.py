"""Tokens and sessions: tokens are made with name and password; both are listed without secrets, and ended."""

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
from retrieval.api.serializers.accounts import (
    CredentialsSerializer,
    NewTokenSerializer,
    SessionSerializer,
    TokenSerializer,
)
from retrieval.models import ApiToken
from retrieval.services.people import accounts, sessions


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
        said = {name: wanted[name] for name in ("password", "code")}
        user = authenticate(request._request, username=username, **said)
        if user is None:
            raise AuthenticationFailed("The name or the password is wrong.", code="invalid_credentials")
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

    lists = True

    @extend_schema(operation_id="auth_tokens_list", responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the caller's living tokens, newest first, without their secrets."""
        return self.page(accounts.tokens_of(self.person), TokenSerializer)

    @extend_schema(operation_id="auth_tokens_revoke_all", responses={204: None})
    def delete(self, request: Request) -> Response:  # noqa: ARG002
        """Revoke all of the caller's tokens, the one that this call is made with too."""
        accounts.revoke_tokens(self.person)
        return Response(status=204)


class OneTokenView(ApiView):
    """One token of the caller."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:  # noqa: ARG002
        """Revoke one of the caller's tokens."""
        accounts.revoke_token(token_id, user=self.person)
        return Response(status=204)


class SessionsView(ApiView):
    """All browsers in which the caller is signed in."""

    lists = True

    @extend_schema(operation_id="auth_sessions_list", responses=SessionSerializer(many=True))
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """List the caller's living sessions, newest first; ``current`` is the one that this call is made in."""
        return self.page(sessions.sessions_of(self.person), SessionSerializer)

    @extend_schema(operation_id="auth_sessions_end_all", responses={204: None})
    def delete(self, request: Request) -> Response:
        """End all of the caller's sessions but the one that this call is made in."""
        sessions.end_others(self.person, session_key=request._request.session.session_key)
        return Response(status=204)


class OneSessionView(ApiView):
    """One browser in which the caller is signed in."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:  # noqa: ARG002
        """End one of the caller's sessions."""
        sessions.end(session_id, user=self.person)
        return Response(status=204)
