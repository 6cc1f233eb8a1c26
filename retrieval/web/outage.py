"""The last net for a database that went away: 503 on every address whose own view does not say so."""

from __future__ import annotations

from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from retrieval.web import pages


class Outage:
    """Middleware: the administration and the figures answer like everything else while there is no database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn the database's absence into 503 with Retry-After, and leave all else to Django."""
        away = isinstance(error, (OperationalError, InterfaceError))
        return pages.failure(request, pages.DATABASE_AWAY) if away else None
