"""What is being done: waiting, failed and why, how fast, and which parts of the system are up."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.services.images import images
from retrieval.services.images.images import ImageFilters
from retrieval.services.operations import status
from retrieval.web.pages import for_people, person
from retrieval.web.views import long_jobs
from retrieval.work import jobs

FAILED_SHOWN = 50


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show all of it."""
    failed = images.listing(request.user, filters=ImageFilters(status="failed"))[:FAILED_SHOWN]
    lists = long_jobs.everything(request)
    return render(request, "web/activity.html", {**_now(request), "failed": failed, "lists": lists})


@require_safe
@for_people
def now(request: HttpRequest) -> HttpResponse:
    """Render only the figures, which ask for themselves again: soon while there is work, later when there is none."""
    return render(request, "web/parts/activity.html", _now(request))


@require_safe
@for_people
def count(request: HttpRequest) -> HttpResponse:
    """Render the number for the bar."""
    return render(request, "web/parts/count.html", {"pending": status.pending(person(request))})


@require_POST
@for_people
def retry(request: HttpRequest) -> HttpResponse:
    """Try again what failed: all, or all for one reason."""
    again = jobs.retry_failed(person(request), code=request.POST.get("code") or None)
    tasks.wake_for("failed")
    text = ngettext("{n} picture will be tried again.", "{n} pictures will be tried again.", again)
    messages.success(request, text.format(n=intcomma(again)))
    return redirect("web:activity")


def _now(request: HttpRequest) -> dict[str, Any]:
    return {"work": jobs.overview(person(request)), "system": status.overview(person(request))}
