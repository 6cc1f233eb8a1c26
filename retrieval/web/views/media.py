"""Files of pictures: made anew to look at, originals only to download; each request is checked."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from retrieval.services.images import full_size, images
from retrieval.web import files
from retrieval.web.pages import for_anyone


@require_safe
@for_anyone
def thumbnail(request: HttpRequest, image_id: UUID, size: int) -> HttpResponseBase:
    """Show the re-encoded small picture."""
    return files.thumbnail(request, images.get_file(image_id, user=request.user), size=size)


@require_safe
@for_anyone
def full(request: HttpRequest, image_id: UUID) -> HttpResponseBase:
    """Show the picture at its full size, re-encoded."""
    return files.full(request, images.get_file(image_id, user=request.user))


@require_safe
@for_anyone
def original(request: HttpRequest, image_id: UUID) -> HttpResponseBase:
    """Send the very bytes that were put in."""
    image = images.get_file(image_id, user=request.user)
    response = files.original(request, image)
    full_size.downloaded(image, user=request.user)
    return response
