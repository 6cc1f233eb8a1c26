"""The outermost middleware: says who asks before anything else runs, and brings refused rights into the trail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject, empty

from retrieval import caller
from retrieval.services.people import accounts, limits

AGENT_LENGTH = 300


class Callers:
    """Middleware: tells limits, trail and logs the caller's address and, once it is known, the person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; a 403 leaves a row, whichever part of the site it comes from."""
        told = request.META.get
        address = limits.address_of(told("REMOTE_ADDR", ""), forwarded=told("HTTP_X_FORWARDED_FOR", ""))
        agent = str(told("HTTP_USER_AGENT", ""))[:AGENT_LENGTH]
        caller.set_current(caller.Caller(address, agent, partial(person_of, request)))
        response = self.get_response(request)
        if response.status_code == 403:
            route = request.resolver_match.route if request.resolver_match else ""
            accounts.note(person_of(request), "right.refused", route=f"/{route}", method=request.method or "")
        return response


def person_of(request: HttpRequest) -> User | None:
    """Return who is signed in when somebody has found that out already; never ask the database for it."""
    user: Any = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject):
        user = user.__dict__.get("_wrapped")
    return None if user is None or user is empty or not user.is_authenticated else user


@receiver(request_finished)
def forget(**_: Any) -> None:
    """Say that nobody asks any more: Django logs what it answered after all middleware, and only then closes."""
    caller.set_current(caller.NOBODY)
