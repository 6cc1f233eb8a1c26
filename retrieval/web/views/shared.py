"""What whoever holds a share link sees: one collection, read-only, without scripts, and nothing of the site around it.

The address alone opens it; no session begins. Who has said a link's password holds a signed proof of that in a cookie,
which opens this link and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from retrieval.errors import NotFound, RetrievalError, TooMany
from retrieval.models import ShareLink
from retrieval.services.images import share_links
from retrieval.services.people import limits
from retrieval.web import files, paging, words
from retrieval.web.forms.browsing import browsed
from retrieval.web.pages import address, for_anyone

View = Callable[..., HttpResponseBase]

# The address is the secret: no other site is told it, no search engine keeps it.
QUIET = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}


def quiet(view: View) -> View:
    """Answer in the manner of these pages: nothing of the address goes on, an expected error is one plain sentence."""

    @for_anyone
    def plain(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except RetrievalError as error:
            return _refused(request, error)

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = plain(request, *args, **kwargs)
        for name, value in QUIET.items():
            response[name] = value
        return response

    return answered


# A page without a referrer sends its forms without an origin, so there is nothing to check; and no session to ride on.
@csrf_exempt
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@quiet
def show(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Show the pictures, newest first; where the link has a password, ask for that first."""
    link = _entered(request, secret)
    if request.method == "POST":
        return _unlocked(request, secret, link)
    if not _is_open(request, link):
        return render(request, "shared/locked.html", {"secret": secret})
    share_links.visited(link)
    found = share_links.pictures(link)
    page = paging.page(found, after=browsed(request.GET).after)
    context = {"secret": secret, "link": link, "page": page, "total": found.count()}
    return render(request, "shared/collection.html", context)


@require_safe
@quiet
def picture(request: HttpRequest, secret: str, image_id: UUID) -> HttpResponseBase:
    """Show one picture large, with the ways to those beside it."""
    link = _entered(request, secret)
    if not _is_open(request, link):
        return redirect("web:shared", secret)
    image = share_links.picture(link, image_id)
    share_links.visited(link)
    before, after = share_links.beside(link, image)
    context = {"secret": secret, "link": link, "image": image, "before": before, "after": after}
    return render(request, "shared/picture.html", context)


@require_safe
@quiet
def thumbnail(request: HttpRequest, secret: str, image_id: UUID, size: int) -> HttpResponseBase:
    """Show the re-encoded small picture."""
    link = _opened(request, share_links.found(secret))
    return files.thumbnail(request, share_links.picture(link, image_id), size=size)


@require_safe
@quiet
def original(request: HttpRequest, secret: str, image_id: UUID) -> HttpResponseBase:
    """Send the very bytes that were put in, where the link gives them."""
    link = _opened(request, _entered(request, secret))
    return files.original(request, share_links.original(link, image_id))


def _entered(request: HttpRequest, secret: str) -> ShareLink:
    """Count the look, then return the link. Raises TooMany, and as ``share_links.found``."""
    limits.link(address(request))
    return share_links.found(secret)


def _opened(request: HttpRequest, link: ShareLink) -> ShareLink:
    """Return the link to who may look. Raises NotFound for who has not said its password."""
    if not _is_open(request, link):
        raise NotFound("There is no such picture.")
    return link


def _is_open(request: HttpRequest, link: ShareLink) -> bool:
    return share_links.is_unlocked(link, request.COOKIES.get(_cookie(link), ""))


def _cookie(link: ShareLink) -> str:
    return f"{settings.LINK_COOKIE_NAME}_{link.pk.hex}"


def _unlocked(request: HttpRequest, secret: str, link: ShareLink) -> HttpResponse:
    """Hold what was typed against the password; who knows it gets the proof and sees the pictures."""
    response: HttpResponse = redirect("web:shared", secret)
    if not link.password:
        return response
    proof = share_links.unlock(link, str(request.POST.get("password", "")))
    if not proof:
        return render(request, "shared/locked.html", {"secret": secret, "wrong": True}, status=400)
    response.set_cookie(
        _cookie(link), proof, max_age=share_links.PROVEN_FOR, samesite="Lax", httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return response


def _refused(request: HttpRequest, error: RetrievalError) -> HttpResponse:
    title, way_on = words.error_page(error.status, error.code)
    context = {"title": title, "way_on": way_on}
    response = render(request, "shared/error.html", context, status=error.status)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    return response
