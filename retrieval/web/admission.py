"""Who may send how much, asked by the head of a request alone, before any of its body is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest
from django.urls import Resolver404, resolve

from retrieval import conf
from retrieval.models import ApiToken
from retrieval.services.people import accounts
from retrieval.web import bodies
from retrieval.web.bodies import UNREAD

__all__ = ["SMALL", "UNREAD", "Allowance", "allowance"]

# What anybody may send, and what is read before anybody is asked: a form, or a question without a picture.
SMALL = 64 * 1024
SEARCHES = frozenset({"/", "/api/v1/search/"})


@dataclass(frozen=True)
class Allowance:
    """At most so many bytes, booked for this person."""

    most: int
    who: str = ""


def allowance(environ: dict[str, Any]) -> Allowance:
    """Return how much may be sent with this head. It uses the database, and leaves no connection to it behind."""
    request = WSGIRequest(environ)
    try:
        return _allowance(request)
    except DatabaseError:
        return Allowance(SMALL)
    finally:
        close_old_connections()


def _allowance(request: HttpRequest) -> Allowance:
    most = _most(request)
    if int(request.META["CONTENT_LENGTH"]) > most:
        return Allowance(most)
    person, reads = _caller(request)
    searches = request.path_info in SEARCHES
    if person is None:
        return Allowance(most, "visitor") if searches and conf.get().public_search else Allowance(SMALL)
    return Allowance(SMALL if reads and not searches else most, str(person.pk))


def _most(request: HttpRequest) -> int:
    """Return how much may be sent to this address by anybody."""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return SMALL
    of_view = getattr(getattr(view, "cls", None), "most", None)
    return int(of_view(request.content_type or "")) if of_view else bodies.most(request.path_info)


def _caller(request: HttpRequest) -> tuple[User | None, bool]:
    """Return who asks, by token or session, and whether by a token that only reads."""
    keyword, _, secret = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    if keyword.lower() == "token":
        token = accounts.user_of_token(secret.strip())
        return (token.user, token.scope == ApiToken.Scope.READ) if token else (None, False)
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None, False
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    found = get_user(request)
    return (None if isinstance(found, AnonymousUser) else found), False
