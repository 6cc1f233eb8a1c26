"""Receipts of searches: kept from the search page, shown to be printed, run again, removed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from retrieval.services.images import addresses, images
from retrieval.services.images.images import ImageFilters
from retrieval.services.people import limits
from retrieval.services.searching import query_pictures, receipts
from retrieval.web.forms.searching import asked
from retrieval.web.pages import address, for_people, person


@require_POST
@for_people
def keep(request: HttpRequest) -> HttpResponse:
    """Search once more, keep a receipt of it, and go to that."""
    question = asked(request.POST, request.FILES)
    limits.search(person(request), address=address(request), uploaded=bool(question.file or question.url))
    fetched = (addresses.fetched(question.url, user=person(request)).data,) if question.url else ()
    wanted = question.request(fetched=fetched)
    _, row = receipts.searched(wanted, user=person(request), address=address(request))
    to = reverse("web:receipt", args=[row.pk])
    return HttpResponseClientRedirect(to) if request.headers.get("HX-Request") else redirect(to)


@require_safe
@for_people
def show(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    """Show one; pictures that the person no longer sees are named by their ids alone."""
    return render(request, "web/receipt.html", _context(request, receipt_id))


@require_safe
@for_people
def download(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    """Send the file that ``manage.py verify_receipt`` reads."""
    row = receipts.get(receipt_id, user=person(request))
    response = JsonResponse({"id": row.pk, "document": row.document, "signature": row.signature})
    response["Content-Disposition"] = f'attachment; filename="receipt-{row.pk}.json"'
    return response


@require_POST
@for_people
def repeat(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    """Ask the same again, and show what changed."""
    sent = request.FILES.getlist("file")
    limits.search(person(request), address=address(request), uploaded=bool(sent))
    files = [query_pictures.sent(file) for file in sent]
    changes = receipts.repeat(receipt_id, user=person(request), files=files, address=address(request))
    return render(request, "web/receipt.html", {**_context(request, receipt_id), "changes": changes})


@require_POST
@for_people
def remove(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    """Remove one for good."""
    receipts.remove(receipt_id, user=person(request))
    return redirect("web:search")


def _context(request: HttpRequest, receipt_id: UUID) -> dict[str, Any]:
    row = receipts.get(receipt_id, user=person(request))
    ids = [UUID(hit["image"]) for hit in row.document["hits"]]
    seen = images.listing(request.user, filters=ImageFilters()).in_bulk(ids)
    hits = [(hit, seen.get(pk)) for hit, pk in zip(row.document["hits"], ids, strict=True)]
    return {"row": row, "said": row.document, "hits": hits, "digest": receipts.digest(row.document)}
