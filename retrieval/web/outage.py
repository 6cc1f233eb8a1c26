"""The last net for what is expected to fail, on every address whose own view does not say so: no database, a limit."""

from __future__ import annotations

from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from retrieval.errors import RetrievalError
from retrieval.web import pages


class Outage:
    """Middleware: the administration and the figures answer like everything else while there is no database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn our own errors and the database's absence into their answers, and leave all else to Django."""
        if isinstance(error, RetrievalError):
            return pages.failure(request, error)
        away = isinstance(error, (OperationalError, InterfaceError))
        return pages.failure(request, pages.DATABASE_AWAY) if away else None
