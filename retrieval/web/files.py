"""Files of a picture as answers of the pages; whoever calls has asked whether this person may see it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

from retrieval import conf, downloads
from retrieval.errors import NotFound
from retrieval.models import Image
from retrieval.services.images import full_size, images
from retrieval.web.pages import address


def thumbnail(request: HttpRequest, image: Image, *, size: int) -> HttpResponseBase:
    """Show the re-encoded small picture; the browser may keep it, but asks each time whether it still may show it."""
    if size not in conf.get().thumbnail_sizes:
        raise NotFound("There is no such size.")
    tag = f'"{image.sha256[:32]}-{size}"'
    if request.headers.get("If-None-Match") == tag:
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        response = downloads.send(downloads.Stored(images.thumbnail_path(image, size), downloads.THUMBNAIL_TYPE))
    response.headers["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def full(request: HttpRequest, image: Image) -> HttpResponseBase:
    """Show the picture at its full size, re-encoded; kept by the browser like a thumbnail, and on the trail."""
    tag = f'"{image.sha256[:32]}-full"'
    if request.headers.get("If-None-Match") == tag:
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        made = full_size.made(image, user=request.user, address=address(request))
        response = downloads.shown(made, filename=downloads.full_name(image))
    full_size.viewed(image, user=request.user)
    response.headers["ETag"] = tag
    patch_cache_control(response, private=True, no_cache=True)
    return response


def original(request: HttpRequest, image: Image) -> HttpResponseBase:
    """Send the very bytes that were put in, or a part of them: a download, of which only a video says what it is.

    So a player in the page takes it; by itself a browser shows nothing of it.
    """
    kind = "application/octet-stream" if image.second is None else downloads.content_type(image)
    stored = downloads.Stored(images.file_path(image), kind, downloads.file_name(image), version=image.sha256)
    asked = request.headers
    response = downloads.send(stored, wanted=asked.get("Range", ""), if_range=asked.get("If-Range", ""))
    patch_cache_control(response, private=True, no_store=True)
    return response
