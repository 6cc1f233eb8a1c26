"""Two encoders beside each other: the first answers of both to one search, by address, or for a picture sent along."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from retrieval.services.encoders import beside
from retrieval.services.images import addresses, images
from retrieval.services.images.images import ImageFilters
from retrieval.services.people import limits
from retrieval.web.forms.searching import Asked, asked
from retrieval.web.pages import address, for_people, person

PART = "web/parts/beside.html"


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def show(request: HttpRequest) -> HttpResponse:
    """Show both answers; without a choice the newest of the other encoders is beside the active one."""
    data = request.POST if request.method == "POST" else request.GET
    question, choices = asked(data, request.FILES), beside.choices(user=person(request))
    chosen = data.get("beside") or next((row.name for row in choices), "")
    context: dict[str, Any] = {"question": question, "choices": choices, "chosen": chosen}
    if chosen and not question.is_empty:
        context["answers"] = _answers(request, question, other=chosen)
    if request.headers.get("HX-Request"):
        return render(request, PART, context)
    pictures = images.listing(request.user, filters=ImageFilters()).filter(pk__in=question.values["image"])
    return render(request, "web/beside.html", {**context, "asked_with": list(pictures)})


def _answers(request: HttpRequest, question: Asked, *, other: str) -> beside.Beside:
    limits.search(request.user, address=address(request), uploaded=bool(question.file or question.url))
    fetched = (addresses.fetched(question.url, user=request.user).data,) if question.url else ()
    wanted = question.request(fetched=fetched)
    return beside.run(wanted, other=other, user=person(request), address=address(request))
