"""Files of pictures: thumbnails to look at, originals only to download; each request is checked."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from retrieval import conf, downloads
from retrieval.errors import NotFound
from retrieval.services.images import images
from retrieval.web.pages import for_anyone


@require_safe
@for_anyone
def thumbnail(request: HttpRequest, image_id: UUID, size: int) -> HttpResponseBase:
    """Show the re-encoded small picture; the browser may keep it, but asks each time whether it still may show it."""
    if size not in conf.get().thumbnail_sizes:
        raise NotFound("There is no such size.")
    image = images.get(image_id, user=request.user)
    tag = f'"{image.sha256[:32]}-{size}"'
    if request.headers.get("If-None-Match") == tag:
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        response = downloads.send(downloads.Stored(images.thumbnail_path(image, size), downloads.THUMBNAIL_TYPE))
    response.headers["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response


@require_safe
@for_anyone
def original(request: HttpRequest, image_id: UUID) -> HttpResponseBase:
    """Send the very bytes that were put in, as a download and never to be shown in the page."""
    image = images.get(image_id, user=request.user)
    stored = downloads.Stored(images.file_path(image), "application/octet-stream", downloads.file_name(image))
    response = downloads.send(stored)
    patch_cache_control(response, private=True, no_store=True)
    return response
