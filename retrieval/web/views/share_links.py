"""Share links as managers see them: made on the settings page of a collection, shown once, ended there."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from retrieval.services.images import collections, share_links
from retrieval.web.forms import refusal
from retrieval.web.forms.people import ShareLinkForm
from retrieval.web.pages import for_people, person


@sensitive_post_parameters("password")
@require_POST
@for_people
def make(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """Make a link and show its address, this once: a message would keep it in the session."""
    collection = collections.get(collection_id, user=request.user)
    form = ShareLinkForm(request.POST)
    if not form.is_valid():
        raise refusal(form)
    secret, link = share_links.make(collection, user=person(request), wanted=form.wanted())
    address = request.build_absolute_uri(reverse("web:shared", args=[secret]))
    return render(request, "web/share_link.html", {"collection": collection, "link": link, "address": address})


@require_POST
@for_people
def end(request: HttpRequest, collection_id: UUID, link_id: UUID) -> HttpResponse:
    """Let a link show nothing from now on."""
    collection = collections.get(collection_id, user=request.user)
    share_links.end(link_id, collection=collection, user=person(request))
    messages.success(request, _("The link shows nothing any more."))
    return redirect("web:collection_settings", collection.pk)
