"""Two pictures side by side: what makes them alike, as a page and as the part of one that a script asks for."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from retrieval.services.people import limits
from retrieval.services.searching import why
from retrieval.web import drawing, words
from retrieval.web.forms.searching import asked
from retrieval.web.pages import address, for_readers

FEWEST = 1e-7  # of strangers that look as alike: no calibration has seen more than some millions of pairs


@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def show(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Compare the picture with the one of a search, which counts as a search; one sent along is not kept."""
    question = asked(request.POST if request.method == "POST" else request.GET, request.FILES)
    limits.search(request.user, address=address(request), uploaded=question.file is not None)
    found = why.why(image_id, question.pair(), user=request.user, address=address(request))
    query, result = drawing.sides(found)
    context = {
        "why": found,
        "sides": [query, result],
        "measures": [(name, found.measures[measure]) for measure, name, _text in words.MEASURES],
        "one_in": _one_in(found.strangers),
    }
    return render(request, "web/parts/why.html" if request.headers.get("HX-Request") else "web/why.html", context)


def _one_in(strangers: float | None) -> int | None:
    """One of how many strangers looks as alike, to one or two figures; None where that is not known."""
    if strangers is None:
        return None
    many = round(1 / max(strangers, FEWEST))
    step = int(10 ** max(len(str(many)) - 2, 0))
    return round(many / step) * step
