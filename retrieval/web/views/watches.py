"""Watches on pages: kept from a search, tried on the past before they are on, set, looked back with, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval import tasks
from retrieval.errors import Forbidden, InvalidInput
from retrieval.models import Collection, Image, Watch
from retrieval.services.people import limits, posting
from retrieval.services.searching import concepts
from retrieval.services.watching import deliveries, trying, watches
from retrieval.services.watching.watches import WatchRequest
from retrieval.web import words
from retrieval.web.forms.searching import asked
from retrieval.web.forms.watches import NotifyForm, SettingsForm
from retrieval.web.pages import address, for_people, person


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """List one's own; posted, keep a search as one that is off, and show what it would have found."""
    if request.method == "POST":
        limits.search(person(request), address=address(request), uploaded=False)
        wanted = WatchRequest(request.POST.get("name", ""), asked(request.POST, request.FILES).request())
        return redirect("web:watch", trying.begin(wanted, user=person(request)).pk)
    return render(request, "web/watches.html", {"watches": watches.listing(person(request))})


@require_safe
@for_people
def show(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Show what is watched for, and how often and at what it would have fired in the last 30 days."""
    row = watches.get(watch_id, user=person(request))
    limits.search(person(request), address=address(request), uploaded=False)
    trial = None if row.trouble else trying.tried(row.pk, user=person(request))
    return render(request, "web/watch.html", {"watch": row, "trial": trial, **_told(row), **_watched(row, request)})


@require_POST
@for_people
def change(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Switch it on or off, give it another name or threshold."""
    row = watches.get(watch_id, user=person(request))
    watches.change(row.pk, SettingsForm.read(request.POST).changes(row), user=person(request))
    if request.POST.get("active") == "on":
        messages.success(request, _("From now on every new picture is looked at."))
    return redirect("web:watch", watch_id)


@require_POST
@for_people
def look_back(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Have it look at all older pictures."""
    trying.ask_backfill(watch_id, user=person(request))
    tasks.wake_for("watches")
    messages.success(request, _("Older pictures are being looked at; alerts come as they are found."))
    return redirect("web:watch", watch_id)


@require_POST
@for_people
def notify(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Set how its alerts are told; what cannot be is said on its page."""
    row = watches.get(watch_id, user=person(request))
    try:
        watches.change(row.pk, {"notify": NotifyForm(row, request.POST).notify()}, user=person(request))
    except InvalidInput as error:
        messages.error(request, words.reason(error.code, error.message))
    else:
        messages.success(request, _("Saved."))
    return redirect("web:watch", watch_id)


@require_POST
@for_people
def test(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Send what is no alert by each way that is set, and say what came of it."""
    try:
        done = deliveries.test(watch_id, user=person(request))
    except (InvalidInput, Forbidden) as error:
        messages.error(request, words.reason(error.code, error.message))
        return redirect("web:watch", watch_id)
    if done.status is not None:
        messages.info(request, _("The webhook answered {status}.").format(status=done.status))
    if done.mail == "sent":
        messages.success(request, _("A mail is on its way to {address}.").format(address=person(request).email))
    elif done.mail:
        messages.error(request, words.reason(done.mail, ""))
    return redirect("web:watch", watch_id)


@require_POST
@for_people
def remove(request: HttpRequest, watch_id: UUID) -> HttpResponse:
    """Remove it with its alerts."""
    watches.remove(watch_id, user=person(request))
    messages.success(request, _("The watch and its alerts are gone."))
    return redirect("web:watches")


def _told(row: Watch) -> dict[str, Any]:
    """How its alerts are told, what became of them, and why none can be mailed to this person."""
    no_mail = posting.why_not(row.user.email)
    return {"form": NotifyForm(row), "no_mail": no_mail, "deliveries": watches.deliveries_of(row)}


def _watched(row: Watch, request: HttpRequest) -> dict[str, Any]:
    """What it looks for: pictures and those to avoid, words, a concept, and where."""
    said, user = watches.request_of(row), person(request)
    shown = Image.objects.visible_to(user).defer("words").in_bulk([*said.wanted, *said.negatives])
    concept = concepts.listing(user).filter(pk=said.concept).first() if said.concept else None
    homes = Collection.objects.visible_to(user).filter(pk__in=said.collections or ())
    told = row.sharpened or {}
    less = Image.objects.visible_to(user).defer("words").select_related("collection").in_bulk(told.get("gone", ()))
    return {
        "asked": said, "concept": concept, "homes": homes, "gone": list(less.values()),
        "liked": [shown[pk] for pk in said.wanted if pk in shown],
        "disliked": [shown[pk] for pk in said.negatives if pk in shown],
    }  # fmt: skip
