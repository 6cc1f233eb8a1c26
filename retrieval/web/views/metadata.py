"""A collection's metadata, vectors and originals, in and out: a table is shown what it would do before it does it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import BinaryIO, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from retrieval import downloads
from retrieval.errors import InvalidInput
from retrieval.services.images import collections, metadata, metadata_drafts, metadata_export, metadata_table
from retrieval.services.images import vectors_export as vectors_file
from retrieval.services.images.metadata_table import Refusal
from retrieval.web import words
from retrieval.web.forms.metadata import TakingForm
from retrieval.web.pages import for_people, person

SHOWN = 50


@require_safe
@for_people
def send(request: HttpRequest, collection_id: UUID, kind: str) -> StreamingHttpResponse:
    """Send what is said of all pictures, as a table."""
    collection = collections.find(collection_id, user=request.user)
    found = metadata_export.written(collection, user=person(request), kind=kind)
    name = f"{collection.name[:60]}.{kind}"
    return downloads.written(found, content_type=metadata_export.TYPES[kind], filename=name)


@require_safe
@for_people
def vectors(request: HttpRequest, collection_id: UUID) -> StreamingHttpResponse:
    """Send the vectors of all pictures."""
    collection = collections.find(collection_id, user=request.user)
    found = vectors_file.stream(collection, user=person(request))
    return downloads.written(found, content_type=downloads.ZIP_TYPE, filename=f"{collection.name[:60]}.npz")


@require_POST
@for_people
def attempt(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Show what a table would change, and keep it aside until that is said to be right."""
    collection = collections.get(collection_id, user=request.user)
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput.of("file", _("There is no file in the request."))
    user = person(request)
    token = metadata_drafts.keep(cast(BinaryIO, file), user=user)
    with ExitStack() as undo:
        undo.callback(metadata_drafts.forget, token, user=user)
        rows = metadata_table.read(metadata_drafts.read(token, user=user))
        found = metadata.take_in(rows, collection=collection, user=user, dry_run=True)
        undo.pop_all()
    refused = [(each.row, _why(each)) for each in found.refused[:SHOWN]]
    context = {"collection": collection, "found": found, "token": token, "name": file.name, "refused": refused}
    context["unknown"] = found.unknown_rows[:SHOWN]
    return render(request, "web/metadata.html", context)


def _why(refused: Refusal) -> str:
    """Return why a row is left out, beginning with the field at fault."""
    said = words.reason(refused.code, refused.message)
    return said if said.startswith(refused.field) else f"{refused.field}: {said}"


@require_POST
@for_people
def take(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Do what was shown; it can be taken back."""
    collection = collections.find(collection_id, user=request.user)
    form, user = TakingForm(request.POST), person(request)
    token = form.token()
    rows = metadata_table.read(metadata_drafts.read(token, user=user))
    found = metadata.take_in(rows, collection=collection, user=user)
    metadata_drafts.forget(token, user=user)
    said = ngettext("{n} picture changed.", "{n} pictures changed.", found.changed).format(n=intcomma(found.changed))
    messages.success(request, said, extra_tags=f"undo_act {found.undo}" if found.undo else "")
    return redirect("web:collection", collection.pk)
