"""Pages go out compressed: text only, and never what is sent as it is read."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

KINDS = ("text/html", "application/json")


class Compressed(GZipMiddleware):
    """Middleware: Django's own, which hides the length of what it compresses, kept off pictures and archives."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress pages and answers of the API for whoever takes that."""
        if response.streaming or not response.headers.get("Content-Type", "").startswith(KINDS):
            return response
        return super().process_response(request, response)
