"""Batches on pages: those there are, and the queries of one, the doubtful first, decided by keys."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval import conf, tasks
from retrieval.errors import InvalidInput, TooLarge
from retrieval.models import Batch, BatchDecision
from retrieval.services.copies import batch_export, batches
from retrieval.services.images import collections
from retrieval.services.operations import long_work
from retrieval.web import words
from retrieval.web.forms.batches import BatchForm
from retrieval.web.forms.teaching import numbered
from retrieval.web.pages import for_people, person, wants_json
from retrieval.web.views import long_jobs

AT_ONCE, ALL = 12, 60
DECISIONS: dict[str, BatchDecision] = {each.value: each for each in BatchDecision}


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """List one's own, and put one in line."""
    said = request.POST if request.method == "POST" else None
    form = BatchForm(said, collections=collections.listing(request.user))
    if form.is_valid() and (row := _started(request, form)):
        return redirect("web:batch", row.pk)
    context = {"form": form, "limits": conf.get().limits, "fetches": conf.get().fetch}
    context |= long_jobs.listed(request, batches.KIND)
    return render(request, "web/batches.html", context, status=400 if form.errors else 200)


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


@require_safe
@for_people
def query(request: HttpRequest, job_id: UUID, n: int) -> HttpResponse:
    """Show the small picture of a query that was sent."""
    path = batches.query_picture(_find(request, job_id), n)
    answer = HttpResponse(path.read_bytes(), content_type="image/jpeg")
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def _started(request: HttpRequest, form: BatchForm) -> Batch | None:
    """Put a valid form in line; what cannot be asked is said above it."""
    sent = cast("list[UploadedFile[bytes]]", request.FILES.getlist("file"))
    try:
        row = batches.start(form.request([file for file in sent if file.size]), user=person(request))
    except (InvalidInput, TooLarge) as error:
        form.add_error(None, words.reason(error.code, error.message))
        return None
    tasks.wake_long_job(row)
    return row


def _find(request: HttpRequest, job_id: UUID) -> Batch:
    found: Batch = long_work.get(batches.KIND, job_id, user=person(request))
    return found


def _listed(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    everything = bool(request.GET.get("all"))
    still = batches.rows(batch, decision="", by_doubt=True).filter(compared=True)
    rows = batches.rows(batch)[:ALL] if everything else still[:AT_ONCE]
    shown = batch_export.shown(list(rows), user=person(request))
    return {"batch": batch, "rows": shown, "all": everything, "open": still.count(), "decided": list(BatchDecision)}
