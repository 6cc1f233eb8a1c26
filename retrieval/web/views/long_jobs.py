"""Long work on pages: lists of each kind, a line of one job as it goes on, and buttons to stop, resume and remove."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.models import ArchiveImport, CopyScan, Evaluation, Labels, LongJob, PictureMap, TrainingRun
from retrieval.services.operations import long_work
from retrieval.services.people import rights
from retrieval.web import words
from retrieval.web.curves import HEIGHT, WIDTH, Curve, curves
from retrieval.web.pages import for_people, person
from retrieval.work import Kind

SHOWN = 20
OWN = ("imports", "batches", "scans")  # kinds that everybody may ask for
# Where a kind's list stands, and the page of one of it.
LISTS = {"imports": "web:activity", "calibrations": "web:activity", "scans": "web:copies"}
PAGES = {
    "batches": "web:batch", "evaluations": "web:evaluation", "compressions": "web:compression",
    "training": "web:training_run", "scans": "web:scan", "maps": "web:map",
}  # fmt: skip
EMPTY = {
    "batches": gettext_lazy("No batch yet. Ask many queries at once below."),
    "evaluations": gettext_lazy(
        "Nothing was measured here yet. Tag some pictures, or say what they belong to, then start below."
    ),
    "compressions": gettext_lazy(
        "Nothing was made smaller yet. Tag some pictures, or say what they belong to, then start below."
    ),
    "training": gettext_lazy("Nothing was trained yet."),
    "maps": gettext_lazy("No map was drawn yet."),
}


@dataclass(frozen=True)
class Line:
    """A job as a page shows it: its kind's name, what is being done, what else to say of it, and its own page."""

    row: LongJob
    kind: str
    stage: str
    note: str
    page: str
    curves: list[Curve] = field(default_factory=list)


@require_safe
@for_people
def now(request: HttpRequest, kind: Kind[Any]) -> HttpResponse:
    """Render only the list, which asks for itself again while one is going."""
    return render(request, "web/parts/long_jobs.html", listed(request, kind))


@require_safe
@for_people
def progress(request: HttpRequest, kind: Kind[Any], job_id: UUID) -> HttpResponse:
    """Render only what changes while one goes on; once it is over its page is to be read anew."""
    context = shown(find(request, kind, job_id))
    answer = render(request, "web/parts/long_job.html", context)
    if not context["line"].row.going:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
@for_people
def cancel(request: HttpRequest, kind: Kind[Any], job_id: UUID) -> HttpResponse:
    """Ask one to stop."""
    row = find(request, kind, job_id)
    long_work.cancel(row, user=person(request))
    messages.success(request, _("It stops in a moment."))
    return redirect(_home(row))


@require_POST
@for_people
def resume(request: HttpRequest, kind: Kind[Any], job_id: UUID) -> HttpResponse:
    """Put one that failed or was stopped back in line."""
    row = find(request, kind, job_id)
    long_work.resume(row, user=person(request))
    tasks.wake_long_job(row)
    messages.success(request, _("{name} is in line.").format(name=row))
    return redirect(_home(row))


@require_POST
@for_people
def remove(request: HttpRequest, kind: Kind[Any], job_id: UUID) -> HttpResponse:
    """Forget one with its files."""
    long_work.remove(find(request, kind, job_id), user=person(request))
    messages.success(request, _("It is gone with its files; what was made of it stays."))
    return redirect(LISTS.get(kind.name, f"web:{kind.name}"))


def find(request: HttpRequest, kind: Kind[Any], job_id: UUID) -> Any:
    """Return one that the person may follow."""
    return long_work.get(kind, job_id, user=person(request))


def listed(request: HttpRequest, kind: Kind[Any]) -> dict[str, Any]:
    """Return what the list of a kind shows. Raises Forbidden."""
    rows = list(long_work.listing(kind, user=person(request))[:SHOWN])
    lines = [_line(row) for row in rows]
    return {"kind": kind, "lines": lines, "going": any(row.going for row in rows), "empty": EMPTY.get(kind.name, "")}


def everything(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the lists of all kinds of which this person may follow some."""
    kinds = long_work.KINDS
    ours = kinds.values() if rights.administrator(request.user) else [kinds[name] for name in OWN]
    return [found for kind in ours if (found := listed(request, kind))["lines"]]


def shown(row: LongJob) -> dict[str, Any]:
    """Return what the line of one shows, with the curves of a training run."""
    drawn = curves(row.curve) if isinstance(row, TrainingRun) else []
    return {"line": _line(row, drawn), "box": f"0 0 {WIDTH} {HEIGHT}"}


def _home(row: LongJob) -> str:
    return _line(row).page or reverse(LISTS[long_work.kind_of(row).name])


def _line(row: LongJob, drawn: list[Curve] | None = None) -> Line:
    name = long_work.kind_of(row).name
    page = reverse(PAGES[name], args=[row.pk]) if name in PAGES else ""
    return Line(row, name, words.stage(row.stage), _note(row), page, drawn or [])


def _note(row: LongJob) -> str:
    """What the list says of one beside its name, collection and person."""
    if isinstance(row, Evaluation):
        judged = [words.name(row.labels)] if row.labels == Labels.JUDGEMENTS else []
        return " · ".join([*judged, words.name(row.measure)])
    if isinstance(row, CopyScan):
        return ngettext("{n} pair", "{n} pairs", row.pairs).format(n=intcomma(row.pairs))
    if isinstance(row, ArchiveImport):
        return _("{done} put in · {failed} refused · {skipped} already here").format(
            done=intcomma(row.done), failed=intcomma(row.failed), skipped=intcomma(row.skipped)
        )
    if isinstance(row, PictureMap):
        return row.encoder
    return row.recipe if isinstance(row, TrainingRun) else ""
