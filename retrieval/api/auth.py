"""Who calls: by token or by session, and whether a token that only reads may do this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from retrieval import conf
from retrieval.errors import Forbidden
from retrieval.models import ApiToken
from retrieval.services.people import accounts

if TYPE_CHECKING:
    from rest_framework.views import APIView

CHALLENGE = 'Token realm="imagesearch"'
KEYWORD = "token"


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token <secret>``."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the person and the token, or None when the header is not a token's. Raises AuthenticationFailed."""
        keyword, _, secret = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if keyword.lower() != KEYWORD:
            return None
        token = accounts.user_of_token(secret.strip())
        if token is None:
            accounts.note(None, "token.refused")
            raise AuthenticationFailed("The token is unknown, revoked or expired.", code="invalid_token")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """What a 401 asks for."""
        return CHALLENGE


class MayCall(BasePermission):
    """Signed in, or a visitor where the operator opened public search; what is seen is up to the services."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the call may go on. Raises Forbidden for a reading token on a changing call."""
        reads = request.method in SAFE_METHODS or getattr(view, "reads_by_post", False)
        if isinstance(request.user, AnonymousUser):
            return reads and getattr(view, "visitors", False) and conf.get().public_search
        if isinstance(request.auth, ApiToken) and request.auth.scope == ApiToken.Scope.READ and not reads:
            raise Forbidden("This token only reads.", code="token_only_reads")
        return True
