"""How much one request to the pages may send, refused by what it announces, before any of it is read."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from retrieval import conf, form_parts
from retrieval.errors import Forbidden
from retrieval.web import words
from retrieval.web.pages import failure, wants_json

GetResponse = Callable[[HttpRequest], HttpResponse]

# What the form around the files takes.
AROUND = 1024 * 1024
OTHERS_SEE_TO_IT = "/api/"
ARCHIVES = ("/upload/", "/batches/")
# The key of WSGI's environment by which the web server tells of a body that it did not read: see admission.py.
UNREAD = "imagesearch.unread"


class BodyLimit:
    """Middleware: answers 413 to a body that is too long, and 403 to one whose sender may not send so much.

    It stands before whatever looks into a form. A body of unannounced length may be any length, and browsers send none:
    it is refused too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or refuse."""
        if request.path_info.startswith(OTHERS_SEE_TO_IT):
            return self.get_response(request)
        if _announced(request) > most(request.path_info):
            return _too_long(request)
        if request.META.get(UNREAD):
            return _not_yours(request)
        form_parts.keep_names(request)
        return self.get_response(request)


def most(path: str) -> int:
    """Return how many bytes a request to this address may send."""
    limits = conf.get().limits
    return AROUND + (limits.archive_bytes if path.startswith(ARCHIVES) else limits.image_bytes)


def _announced(request: HttpRequest) -> float:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
        return float("inf")
    return int(length) if length.isdecimal() else 0


def _too_long(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        message = words.reason("body_too_large", "The request is larger than the limit.")
        return JsonResponse({"error": {"code": "body_too_large", "message": message}}, status=413)
    return render(None, "413.html", status=413)


def _not_yours(request: HttpRequest) -> HttpResponse:
    """Answer somebody who is not signed in, or is no more, and sends more than a visitor may."""
    response = failure(request, Forbidden("Sign in first.", code="signed_out"))
    if wants_json(request):
        response.status_code = 401  # by which our scripts know that they have to ask for a password
    return response
