"""Alerts on pages: those that wait, a dozen at a time, said to be right or wrong by keys; or all of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.services.watching import alerts, watches
from retrieval.services.watching.alerts import AlertFilters
from retrieval.web.forms.teaching import answers, ids
from retrieval.web.pages import for_people, person, wants_json

WAITING, ALL = 12, 60
VERDICTS = {"right": "right", "wrong": "wrong", "seen": ""}


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show those that wait, of one watch or of all; or the latest of all that came."""
    return render(request, "web/alerts.html", {**_listed(request), "watches": watches.listing(person(request))})


@require_POST
@for_people
def mark(request: HttpRequest) -> HttpResponse:
    """Keep what was said of some; a script is told how many wait, and what comes next where it asks for more."""
    for pk, said in answers(request.POST, allowed=tuple(VERDICTS)).items():
        alerts.mark(pk, user=person(request), seen=True, verdict=VERDICTS[said])
    tasks.wake_for("watches")
    if not wants_json(request):
        return redirect(_back(request))
    context = _listed(request) if request.POST.get("more") else None
    said = render_to_string("web/parts/alerts_waiting.html", {"waiting": alerts.unseen(person(request))})
    more = render_to_string("web/parts/alerts_asked.html", context, request=request) if context else ""
    return JsonResponse({"said": said, "next": more})


@require_POST
@for_people
def see(request: HttpRequest) -> HttpResponse:
    """Say that all of them were seen, of one watch or of all."""
    alerts.see(person(request), watch=_watch(request))
    return redirect(_back(request))


def _listed(request: HttpRequest) -> dict[str, Any]:
    user, everything = person(request), bool(_said(request).get("all"))
    filters = AlertFilters(watch=_watch(request), seen=None if everything else False)
    rows = alerts.listing(user, filters=filters)[: ALL if everything else WAITING]
    return {"alerts": rows, "all": everything, "watch": filters.watch, "waiting": alerts.unseen(user)}


def _said(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else request.GET


def _watch(request: HttpRequest) -> UUID | None:
    return next(iter(ids(_said(request), "watch")), None)


def _back(request: HttpRequest) -> str:
    watch = _watch(request)
    return f"{reverse('web:alerts')}?watch={watch}" if watch else reverse("web:alerts")
