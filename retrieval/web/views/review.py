"""Review: the way to what waits for a person, and the number beside it; its tabs are pages of their own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from retrieval.services.operations import inbox
from retrieval.web.pages import for_people, person


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Go to the first tab in which something waits."""
    found = inbox.waiting(person(request))
    return redirect("web:alerts" if found.alerts and not found.copies else "web:copies")


@require_safe
@for_people
def count(request: HttpRequest) -> HttpResponse:
    """Render the number for the bar, empty when nothing waits."""
    total = inbox.waiting(person(request)).total
    number = f"{inbox.MOST - 1}+" if total >= inbox.MOST else total
    return render(request, "web/parts/count.html", {"pending": number})
