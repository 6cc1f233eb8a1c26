"""Judging: draw a pool of answers, grade them one by one without knowing whose they are; for staff."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from retrieval.errors import InvalidInput, NotFound
from retrieval.models import EncoderState, Pool
from retrieval.services.encoders import encoders
from retrieval.services.evaluation import judgements, pools
from retrieval.services.evaluation.judgements import Said
from retrieval.services.evaluation.pools import PoolRequest
from retrieval.services.images import collections
from retrieval.web.forms.judging import GradeForm, PoolForm
from retrieval.web.pages import for_people, person

SHOWN = 20
FURTHEST = 9  # digits of a place in an address


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the pools and how far each is judged, and draw one."""
    user = person(request)
    rows = [(row, pools.standing(row, user=user)) for row in pools.listing(user)[:SHOWN]]
    measurable = encoders.listing().exclude(state=EncoderState.DRAFT)
    said = request.POST if request.method == "POST" else None
    form = PoolForm(said, encoders=measurable, collections=collections.listing(user))
    if said is not None and form.is_valid() and (drawn := _drawn(request, form)):
        return redirect("web:judging_pool", drawn.pk)
    context = {"rows": rows, "form": form, "encoders": encoders.with_standing(measurable, seen_by=user)}
    return render(request, "web/judging.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def show(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """Show the next answer beside its query; keep the grade of one, and go on behind it."""
    pool = pools.get(pool_id, user=person(request))
    if request.method == "POST":
        return _next(request, pool, after=_kept(request, pool))
    return _answer(request, pool, after=_number(request.GET.get("after", "")))


@require_POST
@for_people
def undo(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """Take the latest judgement back, and show its answer again."""
    pool = pools.get(pool_id, user=person(request))
    place = judgements.take_back(pool, user=person(request))
    return _next(request, pool, after=-1 if place is None else place - 1)


def _drawn(request: HttpRequest, form: PoolForm) -> Pool | None:
    """Draw what a valid form asks for; what cannot be drawn becomes an error of its field."""
    said = dict(form.cleaned_data)
    names = tuple(encoder.name for encoder in said.pop("encoders"))
    try:
        return pools.draw(PoolRequest(encoders=names, **said), user=person(request))
    except InvalidInput as error:
        form.add_error(next(iter(error.fields)), error.message)
        return None


def _kept(request: HttpRequest, pool: Pool) -> int:
    """Keep the grade that was sent; return its place."""
    form = GradeForm(request.POST)
    user = person(request)
    pair = pools.places(pool, user=user).get(form.cleaned_data["place"]) if form.is_valid() else None
    if pair is None:
        raise NotFound("There is no such answer.")
    judgements.keep([Said(*pair, form.cleaned_data["grade"])], user=user)
    return int(form.cleaned_data["place"])


def _next(request: HttpRequest, pool: Pool, *, after: int) -> HttpResponse:
    """Go on behind a place: in the page, or by another page where no script is."""
    if request.headers.get("HX-Request"):
        return _answer(request, pool, after=after)
    return redirect(f"{reverse('web:judging_pool', args=[pool.pk])}?after={after}")


def _answer(request: HttpRequest, pool: Pool, *, after: int) -> HttpResponse:
    user = person(request)
    context: dict[str, Any] = {
        "pool": pool,
        "step": pools.upcoming(pool, user=user, after=after),
        "standing": pools.standing(pool, user=user),
        "queries": len(pool.queries),
    }
    part = request.headers.get("HX-Request")
    return render(request, "web/parts/judging.html" if part else "web/judging_pool.html", context)


def _number(text: str) -> int:
    """Read a place; whatever is none begins at the start."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= FURTHEST else -1
