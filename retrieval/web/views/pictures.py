"""One picture: looking at it, its words, its neighbours by each measure, moving and deleting it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.errors import Conflict, NotFound
from retrieval.models import Image, Measure, Role
from retrieval.services.images import collections, documents, images, texts
from retrieval.services.people import limits, rights
from retrieval.services.searching import search
from retrieval.services.searching.search import SearchAnswer
from retrieval.web import comparing, reading
from retrieval.web.forms import refusal
from retrieval.web.forms.pictures import PictureForm
from retrieval.web.pages import address, for_people, for_readers, may_add, person

SIMILAR = 24


@require_safe
@for_readers
def show(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Show one picture large, with what is known of it."""
    image = images.get(image_id, user=request.user)
    may_edit = _may_edit(image, request)
    homes = [row for row in collections.with_roles(request.user) if may_add(row)]
    context = {
        "image": image,
        "beside": documents.beside(image, user=request.user),
        "form": PictureForm.of(image),
        "may_edit": may_edit,
        "homes": homes if may_edit else [],
        "read": reading.page_of(
            image, texts.read_from(image_id, user=request.user), wanted=request.GET.get("text", "")
        ),
    }
    return render(request, "web/picture.html", context)


@require_safe
@for_readers
def similar(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Render the pictures nearest to this one, for the part below it; nothing while it waits to be read."""
    answer, waiting = None, False
    image = images.get(image_id, user=request.user)
    try:
        limits.search(request.user, address=address(request), uploaded=False)
        answer = search.among_others(image, user=request.user, k=SIMILAR)
    except Conflict:
        waiting = True
    context = {"answer": answer, "waiting": waiting, "one": image, "compares": f"image={image_id}"}
    return render(request, "web/parts/similar.html", context)


@require_safe
@for_readers
def measures(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Render the ranks that the three measures give to the nearest pictures, side by side."""
    try:
        answers = {measure.value: _by(measure.value, image_id, request) for measure in Measure}
    except Conflict:
        return HttpResponse()
    return render(request, "web/parts/measures.html", {"table": comparing.ranks(answers)})


@require_POST
@for_people
def edit(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Write title, caption, tags and source."""
    image = images.get(image_id, user=request.user)
    form = PictureForm(request.POST)
    if not form.is_valid():
        raise refusal(form)
    images.edit(image, user=person(request), changes=form.changes())
    if request.headers.get("HX-Request"):
        return render(request, "web/parts/notice.html", {"message": _("Saved."), "calm": True})
    messages.success(request, _("Saved."))
    return redirect("web:picture", image_id)


@require_POST
@for_people
def move(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Put the picture into another collection."""
    image = images.get(image_id, user=request.user)
    try:
        goal = UUID(str(request.POST.get("collection", "")))
    except ValueError as error:
        raise NotFound("There is no such collection.") from error
    images.move(image, user=person(request), collection=collections.find(goal, user=request.user))
    messages.success(request, _("Moved."))
    return redirect("web:picture", image_id)


@require_POST
@for_people
def delete(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Delete the picture; for a short time it can be brought back."""
    image = images.get(image_id, user=request.user)
    images.delete(image, user=person(request))
    messages.warning(request, _("The picture was deleted."), extra_tags=f"undo {image_id}")
    return redirect("web:collection", image.collection_id)


@require_POST
@for_people
def restore(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Bring back a picture that was just deleted."""
    images.restore(image_id, user=person(request))
    tasks.wake_for("images")
    messages.success(request, _("The picture is back."))
    return redirect("web:picture", image_id)


@require_POST
@for_people
def retry(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """Try again to read a picture that failed."""
    images.retry(images.get(image_id, user=request.user), user=person(request))
    tasks.wake_for("failed")
    messages.success(request, _("It will be tried again."))
    return redirect("web:picture", image_id)


def _by(measure: str, image_id: UUID, request: HttpRequest) -> SearchAnswer:
    """Search by one measure, which counts as one search. Raises TooMany."""
    limits.search(request.user, address=address(request), uploaded=False)
    return search.similar(image_id, user=request.user, k=SIMILAR, measure=measure)


def _may_edit(image: Image, request: HttpRequest) -> bool:
    return rights.has_role(image.collection, request.user, Role.CONTRIBUTOR)
