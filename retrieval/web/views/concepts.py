"""Concepts on pages: begun from pictures, taught a dozen at a time by keys, shown with what looks like them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval.errors import InvalidInput
from retrieval.models import Concept
from retrieval.services.images import bulk, collections
from retrieval.services.images.bulk import Acts
from retrieval.services.images.choice import Choice
from retrieval.services.people import limits
from retrieval.services.searching import concepts, teaching
from retrieval.services.searching.concepts import Clicks
from retrieval.web import words
from retrieval.web.forms.teaching import answers, ids
from retrieval.web.pages import address, for_people, may_add, person, wants_json

SHOWN = 100
GRASP, ASKED = "web/parts/concept_grasp.html", "web/parts/concept_asked.html"


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """List one's own; posted, teach the one of this name these pictures, a new one where there is none."""
    if request.method == "POST":
        if request.POST.get("all"):
            raise InvalidInput.of("id", _("A concept is taught by the pictures that you see: select at most 200."))
        clicks = Clicks(yes=ids(request.POST, "id"))
        row = concepts.teach_by_name(request.POST.get("name", ""), clicks, user=person(request))
        return redirect("web:concept", row.pk)
    rows = [(row, concepts.grasp(row).value) for row in concepts.listing(person(request))]
    return render(request, "web/concepts.html", {"concepts": rows})


@require_safe
@for_people
def show(request: HttpRequest, concept_id: UUID) -> HttpResponse:
    """Show how well it is known, what it asks next, what looks like it, and what it was taught."""
    row = concepts.get(concept_id, user=person(request))
    told = teaching.told(row.pk, user=person(request))
    homes = [home for home in collections.with_roles(person(request)) if may_add(home)]
    return render(request, "web/concept.html", {**_lesson(request, row), "told": told, "homes": homes})


@require_POST
@for_people
def teach(request: HttpRequest, concept_id: UUID) -> HttpResponse:
    """Keep what was said; a script is told how well it is known now, and what comes next where it asks for more."""
    said = answers(request.POST, allowed=("yes", "no", "skip"))
    sides = [tuple(pk for pk, side in said.items() if side == each) for each in ("yes", "no", "skip")]
    row = concepts.teach(concept_id, Clicks(*sides), user=person(request))
    if not wants_json(request):
        return redirect("web:concept", concept_id)
    passed = (*ids(request.POST, "passed"), *sides[2])
    more = _lesson(request, row, passed=passed) if request.POST.get("more") else None
    return JsonResponse({
        "said": render_to_string(GRASP, _known(row)),
        "next": render_to_string(ASKED, more, request=request) if more else "",
    })  # fmt: skip


@require_POST
@for_people
def suggested(request: HttpRequest, concept_id: UUID) -> HttpResponse:
    """Put its name as a tag on what was suggested, all of it; or say that none of it is it."""
    row, shown = concepts.get(concept_id, user=person(request)), ids(request.POST, "id")
    if request.POST.get("act") == "none":
        concepts.teach(row.pk, Clicks(no=shown), user=person(request))
        messages.success(request, _("None of them is it: {n} kept as examples.").format(n=len(shown)))
    else:
        done = bulk.run(Choice(ids=shown), user=person(request), acts=Acts(add_tags=(row.name,)))
        undo = f"undo_act {done.undo}" if done.undo else ""
        messages.success(request, words.outcome("tag", done), extra_tags=undo)
    return redirect("web:concept", concept_id)


@require_POST
@for_people
def rename(request: HttpRequest, concept_id: UUID) -> HttpResponse:
    """Give it another name."""
    concepts.rename(concept_id, request.POST.get("name", ""), user=person(request))
    return redirect("web:concept", concept_id)


@require_POST
@for_people
def remove(request: HttpRequest, concept_id: UUID) -> HttpResponse:
    """Remove one with its clicks; no picture changes."""
    concepts.remove(concept_id, user=person(request))
    messages.success(request, _("The concept is gone; no picture was changed."))
    return redirect("web:concepts")


def _known(row: Concept) -> dict[str, Any]:
    pairs = None if row.knows is None else round(100 * row.knows)
    return {"concept": row, "grasp": concepts.grasp(row).value, "pairs": pairs}


def _lesson(request: HttpRequest, row: Concept, *, passed: Collection[UUID] = ()) -> dict[str, Any]:
    """What it asks and what looks like it, which counts as a search. Raises TooMany."""
    limits.search(person(request), address=address(request), uploaded=False)
    found = teaching.lesson(row.pk, user=person(request), passed=passed)
    passes = ",".join(str(pk) for pk in passed)
    likely = [each.image for each in found.likely[:SHOWN]]
    return {**_known(row), "asked": found.asked, "likely": likely, "total": len(found.likely), "passed": passes}
