"""Maps of pictures: ask for one, watch it, and look at what it shows; for staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from retrieval import tasks
from retrieval.errors import InvalidInput
from retrieval.models import EncoderState, PictureMap
from retrieval.services.encoders import encoders, maps
from retrieval.services.encoders.maps import MapRequest
from retrieval.services.images import collections
from retrieval.web.forms.maps import MapForm
from retrieval.web.pages import for_people, may_add, person, wants_json
from retrieval.web.views import long_jobs

GROUPED = [("tag", _("first tag")), ("group", _("belongs to")), ("collection", _("Collection"))]


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the maps, and put one in line."""
    context = long_jobs.listed(request, maps.KIND)
    form = MapForm(
        request.POST if request.method == "POST" else None,
        encoders=encoders.listing(seen_by=request.user).exclude(state=EncoderState.DRAFT),
        collections=collections.with_roles(request.user),
    )
    if request.method == "POST" and form.is_valid() and (row := _started(request, form)):
        return redirect("web:map", row.pk)
    return render(request, "web/maps.html", {**context, "form": form}, status=400 if form.errors else 200)


@require_safe
@for_people
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show how far one is, or the map with its groups; the places of its points for the script."""
    row: PictureMap = long_jobs.find(request, maps.KIND, job_id)
    by = request.GET.get("by", "tag")
    points = maps.points(row, user=person(request), by=by)
    if wants_json(request):
        ids = [str(pk) for pk in points.ids]
        return JsonResponse({"ids": ids, "x": points.x, "y": points.y, "group": points.of})
    homes = [home for home in collections.with_roles(request.user) if may_add(home)]
    context: dict[str, Any] = {"row": row, "points": points, "by": by, "grouped": GROUPED, "homes": homes}
    return render(request, "web/map.html", context | long_jobs.shown(row))


def _started(request: HttpRequest, form: MapForm) -> PictureMap | None:
    """Put a valid form in line; what cannot be laid out becomes an error of its field."""
    home, encoder = form.cleaned_data["collection"], form.cleaned_data["encoder"]
    try:
        row = maps.start(MapRequest(home and home.pk, encoder.name), user=person(request))
    except InvalidInput as error:
        form.add_error(next(iter(error.fields)), error.message)
        return None
    tasks.wake_long_job(row)
    return row
