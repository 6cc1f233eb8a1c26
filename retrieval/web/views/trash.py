"""The trash: what was deleted and is still kept, brought back or removed for good."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from retrieval import conf, downloads, tasks
from retrieval.services.images import images, trash
from retrieval.services.images.trash import Trashed
from retrieval.web import words
from retrieval.web.forms.selection import TrashForm, selected
from retrieval.web.pages import for_people, person, wants_json

SHOWN = 300


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show it, the last deleted first."""
    found = trash.deleted_images(person(request)).select_related("collection")
    context = {
        "images": found[:SHOWN],
        "total": found.count(),
        "collections": trash.deleted_collections(person(request)),
        "days": conf.get().trash_days,
    }
    return render(request, "web/trash.html", context)


@require_POST
@for_people
def act(request: HttpRequest) -> HttpResponse:
    """Bring some of it back, or remove it for good."""
    said = selected(TrashForm, request.POST).cleaned_data
    chosen = Trashed(images=said["id"], collections=said["collections"])
    if said["act"] == "restore":
        done = trash.restore(chosen, user=person(request))
        tasks.wake_for("images")
    else:
        done = trash.remove(chosen, user=person(request))
        tasks.wake_for("trash")
    told = words.outcome(said["act"], done)
    if wants_json(request):
        return JsonResponse({"message": told, "undo": None, "refused": [str(pk) for pk, _code in done.refused]})
    messages.success(request, told)
    return redirect("web:trash")


@require_safe
@for_people
def thumbnail(request: HttpRequest, image_id: UUID) -> HttpResponseBase:
    """Show a picture of the trash small, to those who may bring it back."""
    image = trash.deleted_image(image_id, user=person(request))
    path = images.thumbnail_path(image, min(conf.get().thumbnail_sizes))
    response = downloads.send(downloads.Stored(path, downloads.THUMBNAIL_TYPE))
    patch_cache_control(response, private=True, no_store=True)
    return response
