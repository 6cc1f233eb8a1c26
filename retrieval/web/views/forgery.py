"""What a person is told whose form was refused, as it may have been made on another site."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# How Django's reasons begin when a browser says that the form is of another site.
ELSEWHERE = ("Origin checking failed", "Referer checking failed")
ADDRESS_LENGTH = 200


def refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403: the form is of another address, which is named beside this site's, or its token is too old."""
    said = request.headers.get("Origin") or request.headers.get("Referer", "")
    own = f"{request.scheme}://{request.get_host()}"
    context = {"elsewhere": reason.startswith(ELSEWHERE), "said": said[:ADDRESS_LENGTH], "own": own}
    return render(request, "403_csrf.html", context, status=403)
