"""Training runs: start one on a collection, and watch its curve; for staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval import tasks
from retrieval.errors import Conflict, InvalidInput
from retrieval.models import Labels
from retrieval.services.encoders import sheets, training
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.images import collections, images
from retrieval.web.forms.training import EXAMPLE, RECIPES, TrainingForm
from retrieval.web.pages import for_people, person
from retrieval.web.views import long_jobs

DRAWN = 12  # pictures on the page of a GAN run


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the runs, and start one."""
    context = long_jobs.listed(request, training.KIND)
    form = TrainingForm(
        request.POST if request.method == "POST" else None, collections=collections.listing(request.user)
    )
    if request.method == "POST" and form.is_valid():
        if "write" in request.POST:
            context["written"] = form.written()
        elif _started(request, form):
            return redirect("web:training")
    return render(request, "web/training.html", {**context, **_shown(form)}, status=400 if form.errors else 200)


@require_safe
@for_people
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show how far a run is, and its curves."""
    row = long_jobs.find(request, training.KIND, job_id)
    seeds = range(DRAWN) if sheets.draws(row) and row.recipe == "gan" else ()
    examples = sheets.examples(row, user=person(request))
    return render(request, "web/training_run.html", {**long_jobs.shown(row), "seeds": seeds, "examples": examples})


@require_POST
@for_people
def views(request: HttpRequest) -> HttpResponse:
    """Show what the form's config does to pictures of its collection; what is wrong is told beside its field."""
    form = TrainingForm(request.POST, collections=collections.listing(request.user))
    if form.is_valid():
        said = form.cleaned_data
        wanted = TrainingRequest(said["config"], said["collection"], Labels(said["by"]))
        try:
            return HttpResponse(sheets.views(wanted, user=person(request)), content_type=sheets.CONTENT_TYPE)
        except InvalidInput as error:
            _refused(form, error)
    context = long_jobs.listed(request, training.KIND) | _shown(form)
    return render(request, "web/training.html", context, status=400)


@require_safe
@for_people
def drawn(request: HttpRequest, job_id: UUID, seed: int) -> HttpResponse:
    """Show one picture that a finished GAN run draws."""
    row = long_jobs.find(request, training.KIND, job_id)
    return HttpResponse(sheets.drawn(row, count=1, seed=seed), content_type=sheets.CONTENT_TYPE)


@require_safe
@for_people
def drawn_like(request: HttpRequest, job_id: UUID, image_id: UUID) -> HttpResponse:
    """Show a picture, and what a finished run makes of it."""
    row = long_jobs.find(request, training.KIND, job_id)
    image = images.get(image_id, user=person(request))
    return HttpResponse(sheets.drawn_like(row, image), content_type=sheets.CONTENT_TYPE)


def _shown(form: TrainingForm) -> dict[str, Any]:
    """What the form needs besides itself: an example of all settings, and what each recipe is for."""
    return {"form": form, "example": EXAMPLE, "recipes": RECIPES.values()}


def _refused(form: TrainingForm, error: Conflict | InvalidInput) -> None:
    """Tell what is wrong beside the settings, or beside the name where they came from a recipe."""
    form.add_error("name" if form.by_recipe else "config", ": ".join([*error.fields, error.message]))


def _started(request: HttpRequest, form: TrainingForm) -> bool:
    """Start the run of a valid form; a config that does not fit, or a taken name, becomes an error of the form."""
    said = form.cleaned_data
    try:
        wanted = TrainingRequest(said["config"], said["collection"], Labels(said["by"]))
        row = training.start(wanted, user=person(request))
    except (Conflict, InvalidInput) as error:
        _refused(form, error)
        return False
    tasks.wake_long_job(row)
    messages.success(request, _("{name} is in line.").format(name=row.name))
    return True
