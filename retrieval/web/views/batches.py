"""Batches on pages: those there are, and the queries of one, the doubtful first, decided by keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from retrieval.models import Batch, BatchDecision
from retrieval.services.copies import batch_export, batches
from retrieval.services.operations import long_work
from retrieval.web.forms.teaching import numbered
from retrieval.web.pages import for_people, person, wants_json
from retrieval.web.views import long_jobs

AT_ONCE, ALL = 12, 60
DECISIONS: dict[str, BatchDecision] = {each.value: each for each in BatchDecision}


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """List one's own."""
    return render(request, "web/batches.html", long_jobs.listed(request, batches.KIND))


@require_safe
@for_people
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show a batch's queries that are open, the doubtful first; or the first of all."""
    batch = _find(request, job_id)
    return render(request, "web/batch.html", {**long_jobs.shown(batch), **_listed(request, batch)})


@require_POST
@for_people
def decide(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Keep what was said of some; a script is told how many are open, and what comes next where it asks for more."""
    batch = _find(request, job_id)
    for n, said in numbered(request.POST, allowed=tuple(DECISIONS)).items():
        batches.decide(batch, n, decision=DECISIONS[said], user=person(request))
    if not wants_json(request):
        return redirect("web:batch", job_id)
    context = _listed(request, batch)
    more = render_to_string("web/parts/batch_asked.html", context, request=request) if request.POST.get("more") else ""
    return JsonResponse({"said": render_to_string("web/parts/batch_open.html", context), "next": more})


@require_safe
@for_people
def table(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """Send all of it as CSV."""
    batch = _find(request, job_id)
    answer = StreamingHttpResponse(batch_export.table(batch, user=person(request)), content_type="text/csv")
    answer["Content-Disposition"] = f'attachment; filename="batch-{batch.created_at:%Y-%m-%d-%H%M}.csv"'
    return answer


def _find(request: HttpRequest, job_id: UUID) -> Batch:
    found: Batch = long_work.get(batches.KIND, job_id, user=person(request))
    return found


def _listed(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    everything = bool(request.GET.get("all"))
    still = batches.rows(batch, decision="", by_doubt=True).filter(compared=True)
    rows = batches.rows(batch)[:ALL] if everything else still[:AT_ONCE]
    shown = batch_export.shown(list(rows), user=person(request))
    return {"batch": batch, "rows": shown, "all": everything, "open": still.count(), "decided": list(BatchDecision)}
