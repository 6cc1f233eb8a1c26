"""Sources of a collection on pages: listed with what came of them, made, changed, read at once, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from retrieval import conf, tasks
from retrieval.errors import AdministratorsOnly, InvalidInput, RetrievalError
from retrieval.models import Collection
from retrieval.services.images import collections
from retrieval.services.people import rights
from retrieval.services.people.rights import Right
from retrieval.services.sources import sources
from retrieval.web import words
from retrieval.web.forms.sources import SourceForm
from retrieval.web.pages import for_people, person

# Codes of a reading whose person may not do so any more.
LOST_RIGHTS = ("forbidden", "not_found", "account_closed")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """List them; posted, make one, and say at its form what cannot be."""
    collection = collections.get(collection_id, user=request.user)
    if request.method != "POST":
        return _shown(request, collection)
    try:
        sources.make(collection, user=person(request), wanted=SourceForm.read(request.POST).wanted())
    except (InvalidInput, AdministratorsOnly) as error:
        return _shown(request, collection, refused=error)
    tasks.wake_for("sources")
    messages.success(request, _("It is being read for the first time."))
    return redirect("web:sources", collection.pk)


@sensitive_post_parameters("password")
@require_POST
@for_people
def change(request: HttpRequest, collection_id: UUID, source_id: UUID) -> HttpResponse:
    """Switch it on or off, or set what it is; what cannot be is said on the page."""
    collection = collections.find(collection_id, user=request.user)
    active = request.POST.get("active")
    try:
        changes = {"active": active == "on"} if active else SourceForm.read(request.POST).changes()
        sources.change(source_id, changes, collection=collection, user=person(request))
    except (InvalidInput, AdministratorsOnly) as error:
        messages.error(request, words.reason(error.code, error.message))
    else:
        tasks.wake_for("sources")
        messages.success(request, _("Paused.") if active == "off" else _("Saved."))
    return redirect("web:sources", collection.pk)


@require_POST
@for_people
def read(request: HttpRequest, collection_id: UUID, source_id: UUID) -> HttpResponse:
    """Have it read at once."""
    collection = collections.find(collection_id, user=request.user)
    sources.read_now(source_id, collection=collection, user=person(request))
    tasks.wake_for("sources")
    messages.success(request, _("It is being read; look again in a moment."))
    return redirect("web:sources", collection.pk)


@require_POST
@for_people
def remove(request: HttpRequest, collection_id: UUID, source_id: UUID) -> HttpResponse:
    """Have it read no more; its pictures stay."""
    collection = collections.find(collection_id, user=request.user)
    sources.remove(source_id, collection=collection, user=person(request))
    messages.success(request, _("It is read no more; its pictures stay."))
    return redirect("web:sources", collection.pk)


def _shown(request: HttpRequest, collection: Collection, *, refused: RetrievalError | None = None) -> HttpResponse:
    bounds = conf.get()
    may_folders = bool(bounds.source_folders) and rights.may(person(request), Right.SOURCE_FOLDERS)
    context: dict[str, Any] = {
        "collection": collection,
        "sources": sources.listing(collection, user=person(request)),
        "form": SourceForm(request.POST or None, initial={"kind": "address", "every_minutes": 60}),
        "refused": refused and words.reason(refused.code, refused.message),
        "lost": LOST_RIGHTS,
        "may": {"addresses": bounds.fetch, "folders": may_folders},
        "folders": bounds.source_folders if may_folders else (),
    }
    return render(request, "web/sources.html", context, status=refused.status if refused else 200)
