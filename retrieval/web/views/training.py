"""Training runs: start one on a collection, watch its curve, stop it."""

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
from retrieval.models import RunState
from retrieval.services.encoders import training
from retrieval.services.encoders.training import TrainingRequest
from retrieval.services.images import collections
from retrieval.web.curves import HEIGHT, WIDTH, curves
from retrieval.web.forms.training import EXAMPLE, TrainingForm
from retrieval.web.pages import for_people, person

SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the runs, and start one."""
    visible = collections.listing(request.user)
    form = TrainingForm(request.POST if request.method == "POST" else None, collections=visible)
    if request.method == "POST" and form.is_valid() and _started(request, form):
        return redirect("web:training")
    context = {**_runs(request), "form": form, "collections": visible, "example": EXAMPLE}
    return render(request, "web/training.html", context, status=400 if form.errors else 200)


@require_safe
@for_people
def now(request: HttpRequest) -> HttpResponse:
    """Render only the runs, which ask for themselves again while one is going."""
    return render(request, "web/parts/training.html", _runs(request))


@require_POST
@for_people
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask a run to stop."""
    training.cancel(training.get(run_id, user=request.user), user=person(request))
    messages.success(request, _("The run stops after its present step."))
    return redirect("web:training")


def _started(request: HttpRequest, form: TrainingForm) -> bool:
    """Start the run of a valid form; a config that does not fit, or a taken name, becomes an error of the form."""
    said = form.cleaned_data
    try:
        row = training.start(TrainingRequest(said["config"], said["collection"], by=said["by"]), user=person(request))
    except (Conflict, InvalidInput) as error:
        form.add_error("config", ": ".join([*error.fields, error.message]))
        return False
    tasks.wake(tasks.train, row.pk)
    messages.success(request, _("{name} is in line.").format(name=row.name))
    return True


def _runs(request: HttpRequest) -> dict[str, Any]:
    rows = list(training.listing(request.user)[:SHOWN])
    going = any(row.state in {RunState.QUEUED, RunState.RUNNING} for row in rows)
    return {
        "runs": [{"run": row, "curves": curves(row.curve)} for row in rows],
        "going": going,
        "box": f"0 0 {WIDTH} {HEIGHT}",
    }
