"""Compression: ask for smaller versions of an encoder, watch them being measured, adopt one; for staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import floatformat
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval import tasks
from retrieval.compression import Row, Table
from retrieval.errors import Conflict, InvalidInput
from retrieval.models import Compression, Labels
from retrieval.services.encoders import compressions, encoders
from retrieval.services.encoders.compression import Wanted
from retrieval.services.encoders.compressions import Adoption, CompressionRequest
from retrieval.services.images import collections
from retrieval.web import words
from retrieval.web.forms.compressions import CompressionForm
from retrieval.web.pages import for_people, person
from retrieval.web.views import long_jobs


@dataclass(frozen=True)
class Line:
    """A row of the table as the page shows it; ``name`` is what an encoder of it may be called, empty for none."""

    row: Row
    what: str
    megabytes: float
    name: str
    adopted: str
    cautions: list[str]
    error: str


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the compressions, and put one in line."""
    context = long_jobs.listed(request, compressions.KIND)
    said = request.POST if request.method == "POST" else None
    form = CompressionForm(said, encoders=encoders.listing(), collections=collections.listing(request.user))
    if request.method == "POST" and form.is_valid() and (row := _started(request, form)):
        return redirect("web:compression", row.pk)
    return render(request, "web/compressions.html", {**context, "form": form}, status=400 if form.errors else 200)


@require_safe
@for_people
def show(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show how far one is, or its table."""
    return render(
        request, "web/compression.html", _context(request, long_jobs.find(request, compressions.KIND, job_id))
    )


@require_POST
@for_people
def adopt(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Make a draft encoder of a row; a name that cannot be taken is told beside it."""
    row = long_jobs.find(request, compressions.KIND, job_id)
    name, called = request.POST.get("row", ""), request.POST.get("name", "")
    try:
        wanted = Adoption(name, called.strip(), again="again" in request.POST)
        draft = compressions.adopt(row, wanted, user=person(request))
    except (InvalidInput, Conflict) as error:
        refused = {name: (called, words.reason(error.code, error.message))}
        return render(request, "web/compression.html", _context(request, row, refused=refused), status=400)
    messages.success(request, _("{name} is a draft encoder now. Build it, then compare.").format(name=draft.name))
    return redirect("web:encoders")


def _started(request: HttpRequest, form: CompressionForm) -> Compression | None:
    """Put a valid form in line; what cannot be made becomes an error of its field."""
    said = form.cleaned_data
    wanted = Wanted(said["dimensions"], said["int8"], said["keep"], said["steps"])
    wish = CompressionRequest(
        said["encoder"].name, said["collection"], Labels(said["labels"]), said["calibration"], wanted
    )
    try:
        row = compressions.start(wish, user=person(request))
    except InvalidInput as error:
        form.add_error(next(iter(error.fields)), words.reason(error.code, error.message))
        return None
    tasks.wake_long_job(row)
    messages.success(request, _("The measuring is in line."))
    return row


def _context(
    request: HttpRequest, row: Compression, *, refused: dict[str, tuple[str, str]] | None = None
) -> dict[str, Any]:
    """What one shows; ``refused`` is the name that was asked for a row, and why it was not given."""
    table = compressions.table(row)
    seen = collections.listing(request.user).filter(pk=row.calibration).first() if row.calibration else row.collection
    return {
        "row": row,
        **long_jobs.shown(row),
        "calibrated_on": seen,
        "learned": table is not None and compressions.learned_from_these(table),
        "unreadable": len(table.unreadable) if table else 0,
        "table": _lines(row, table, refused or {}) if table else [],
    }


def _lines(row: Compression, table: Table, refused: dict[str, tuple[str, str]]) -> list[Line]:
    names, adopted = compressions.suggested(table), compressions.adopted(row)
    return [
        Line(
            row=each,
            what=meaning(each.name),
            megabytes=each.weights_bytes / 1e6,
            name=refused.get(each.name, (names.get(each.name, ""), ""))[0],
            adopted=adopted.get(each.name, ""),
            cautions=[_caution(name, table.rows[0]) for name in table.cautions(each)],
            error=refused.get(each.name, ("", ""))[1],
        )
        for each in table.rows
    ]


def _caution(name: str, full: Row) -> str:
    """What to know before adopting a row."""
    if name == "slower":
        pace = floatformat(full.pictures_per_second, 0)
        return _("Slower than the first line, which does {pace} pictures/s.").format(pace=pace)
    return _("Runs by another program than the first line ({runtime}).").format(runtime=full.runtime)


def meaning(name: str) -> str:
    """Return what a row of the table is."""
    said = {
        "full": _("as it is, vectors in single precision"),
        "half": _("vectors in half precision, as search stores them"),
        "bits": _("one bit for each number finds 800, half precision puts them in order"),
        "int8": _("the network in 8 bits"),
        "pca": _("shorter vectors"),
        "pruned": _("fewer channels, then a short fine-tune"),
    }
    return said.get(name) or said.get(name.partition("-")[0], "")
