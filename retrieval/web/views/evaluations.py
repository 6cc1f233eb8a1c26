"""Evaluations: ask for one, watch it, and read what it found; for staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from retrieval import tasks
from retrieval.errors import InvalidInput
from retrieval.evaluation import Report
from retrieval.models import EncoderState, Evaluation, Image, Labels, Measure
from retrieval.services.encoders import encoders
from retrieval.services.evaluation import evaluations
from retrieval.services.evaluation.evaluations import EvaluationRequest
from retrieval.services.images import collections
from retrieval.web import calibration_curve
from retrieval.web.forms.evaluations import EvaluationForm
from retrieval.web.pages import for_people, person
from retrieval.web.views import long_jobs

WORST = 8


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the evaluations, and put one in line."""
    context = long_jobs.listed(request, evaluations.KIND)
    measurable = encoders.listing().exclude(state=EncoderState.DRAFT)
    said = request.POST if request.method == "POST" else None
    form = EvaluationForm(said, encoders=measurable, collections=collections.listing(request.user))
    if request.method == "POST" and form.is_valid() and _started(request, form):
        return redirect("web:evaluations")
    context |= {"form": form, "encoders": encoders.with_standing(measurable, seen_by=request.user)}
    return render(request, "web/evaluations.html", context, status=400 if form.errors else 200)


@require_safe
@for_people
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show what one found: figures side by side, confusions, and the worst queries."""
    row = long_jobs.find(request, evaluations.KIND, job_id)
    reports = evaluations.reports(row)
    context = {"row": row, "reports": reports, "table": _table(row, reports), "worst": _worst(request, reports)}
    context |= long_jobs.shown(row) | _calibrations(row, reports)
    return render(request, "web/evaluation.html", context)


def _started(request: HttpRequest, form: EvaluationForm) -> bool:
    """Put a valid form in line; what cannot be measured becomes an error of its field."""
    said = form.cleaned_data
    names = tuple(encoder.name for encoder in said["encoders"])
    wanted = EvaluationRequest(said["collection"], names, Labels(said["labels"]), Measure(said["measure"]))
    try:
        row = evaluations.start(wanted, user=person(request))
    except InvalidInput as error:
        form.add_error(next(iter(error.fields)), error.message)
        return False
    tasks.wake_long_job(row)
    messages.success(request, _("The measuring is in line."))
    return True


def _table(row: Evaluation, reports: list[Report]) -> list[dict[str, Any]]:
    """One line for each figure: every encoder's interval, then the first encoder minus each other."""
    differences: Mapping[str, Any] = row.result.get("differences", {})
    return [
        {
            "name": name,
            "means": [report.overall[name] for report in reports],
            "gains": [differences[report.subject.encoder][name] for report in reports[1:]],
        }
        for name in sorted(reports[0].overall if reports else (), key=lambda name: name != "mAP")
    ]


def _calibrations(row: Evaluation, reports: list[Report]) -> dict[str, Any]:
    """The curve of calibration of each encoder, none for one without; nothing of what was measured before."""
    found: Mapping[str, Any] = row.result.get("calibration", {})
    names = [report.subject.encoder for report in reports if report.subject.encoder in found]
    curves = [{"name": name, "drawing": found[name] and calibration_curve.drawing(found[name])} for name in names]
    depth = reports[0].plan.depth if reports else 0
    cosine = row.measure == Measure.COSINE
    return {"calibrations": curves, "depth": depth, "cosine": cosine, "frame": calibration_curve.frame()}


def _worst(request: HttpRequest, reports: list[Report]) -> list[dict[str, Any]]:
    """For each encoder its worst queries with their first answers; pictures that are gone meanwhile are None."""
    asked = [query for report in reports for query in report.worst[:WORST]]
    ids = {query.item for query in asked} | {answer.item for query in asked for answer in query.answers}
    there = {str(pk): image for pk, image in Image.objects.visible_to(request.user).in_bulk(list(ids)).items()}
    return [
        {
            "encoder": report.subject.encoder,
            "queries": [
                {
                    "query": query,
                    "image": there.get(query.item),
                    "answers": [
                        {"answer": one, "image": there.get(one.item), "right": one.class_name == query.class_name}
                        for one in query.answers
                    ],
                }
                for query in report.worst[:WORST]
            ],
        }
        for report in reports
    ]
