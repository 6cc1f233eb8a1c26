"""Encoders: what each is made of, how it scores beside the others, how far it is built; and its life, for staff."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.errors import Conflict, InvalidInput
from retrieval.models import Encoder, EncoderState, IndexKind
from retrieval.services.encoders import encoders, indexes, origins, projections
from retrieval.services.encoders.encoders import Progress
from retrieval.services.encoders.projections import ProjectionRequest
from retrieval.services.images import collections
from retrieval.services.people import rights
from retrieval.web import words
from retrieval.web.forms.encoders import ProjectionForm
from retrieval.web.pages import for_people, person

# How services.labelled calls what an encoder was measured on.
OF_A_COLLECTION = re.compile(r"collection ([0-9a-f-]{36}) by (\w+)(.*)")


@dataclass(frozen=True)
class Row:
    """One encoder as the page shows it: progress only while it is built, one card per set (None: not measured).

    ``choices`` are the kinds of index, for administrators; how large one is tells of pictures that others do not see.
    """

    encoder: Encoder
    state: str
    progress: Progress | None
    scores: list[dict[str, Any] | None]
    choices: list[indexes.Choice]


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show all of them side by side."""
    return _page(request, _form(request))


@require_safe
@for_people
def now(request: HttpRequest) -> HttpResponse:
    """Render only the table, which asks for itself again while something is being built."""
    return render(request, "web/parts/encoders.html", _table(request))


@require_POST
@for_people
def build(request: HttpRequest, encoder_id: UUID) -> HttpResponse:
    """Begin to embed every picture with it."""
    encoder = encoders.build(encoders.get(encoder_id, seen_by=person(request)), user=person(request))
    tasks.wake_for("encoders")
    messages.success(request, _("{name} is being built beside the active encoder.").format(name=encoder.name))
    return redirect("web:encoders")


@require_POST
@for_people
def activate(request: HttpRequest, encoder_id: UUID) -> HttpResponse:
    """Make it the one that searches use."""
    reason = request.POST.get("reason", "")
    found = encoders.get(encoder_id, seen_by=person(request))
    encoder = encoders.activate(found, user=person(request), force_reason=reason)
    tasks.wake_for("encoders")
    messages.success(request, _("Searches use {name} now.").format(name=encoder.name))
    if learned := _learned_sets(request, encoder):
        told = _("It learned from these pictures, so its figures on them do not show that it finds more: {sets}.")
        messages.warning(request, told.format(sets=", ".join(learned)))
    return redirect("web:encoders")


@require_POST
@for_people
def index(request: HttpRequest, encoder_id: UUID) -> HttpResponse:
    """Let searches find by another kind of index, once it is built."""
    wanted, kind = encoders.get(encoder_id, seen_by=person(request)), request.POST.get("kind", "")
    if kind not in IndexKind.values:
        raise InvalidInput.of("kind", f"The kind is one of {', '.join(IndexKind.values)}.")
    indexes.choose(wanted, IndexKind(kind), user=person(request))
    tasks.wake_for("indexes")
    messages.success(request, _("The index is being built; until then searches use the one there is."))
    return redirect("web:encoders")


@require_POST
@for_people
def drop(request: HttpRequest, encoder_id: UUID) -> HttpResponse:
    """Remove it for good, with its vectors."""
    encoder = encoders.get(encoder_id, seen_by=person(request))
    encoders.drop(encoder, user=person(request))
    messages.success(request, _("{name} is gone.").format(name=encoder.name))
    return redirect("web:encoders")


@require_POST
@for_people
def project(request: HttpRequest) -> HttpResponse:
    """Learn a projection on stored vectors, and make a draft encoder with it."""
    rights.require_administrator(person(request))
    form = _form(request, request.POST)
    if form.is_valid() and _learned(request, form):
        return redirect("web:encoders")
    return _page(request, form, status=400)


def _learned_sets(request: HttpRequest, encoder: Encoder) -> list[str]:
    """Name the sets that it was measured on and learned from, as far as this person sees them."""
    cards = origins.as_seen_by(request.user, encoder).scores.items()
    return _titles([name for name, card in cards if card["learned_from_these"]], request)


def _form(request: HttpRequest, said: QueryDict | None = None) -> ProjectionForm:
    trained = encoders.listing().filter(trained=True).exclude(state=EncoderState.DRAFT)
    active = trained.filter(state=EncoderState.ACTIVE).values_list("pk", flat=True).first()
    return ProjectionForm(
        said, initial={"encoder": active}, encoders=trained, collections=collections.listing(request.user)
    )


def _page(request: HttpRequest, form: ProjectionForm, *, status: int = 200) -> HttpResponse:
    return render(request, "web/encoders.html", {**_table(request), "form": form}, status=status)


def _learned(request: HttpRequest, form: ProjectionForm) -> bool:
    """Learn what a valid form says; what does not fit becomes an error of its field."""
    said = dict(form.cleaned_data)
    source = said.pop("encoder")
    try:
        draft = projections.learn(source, ProjectionRequest(**said), user=person(request))
    except (InvalidInput, Conflict) as error:
        known = [name for name in error.fields if name in form.fields]
        form.add_error(known[0] if known else "name", words.reason(error.code, error.message))
        return False
    messages.success(request, _("{name} is a draft encoder now. Build it, then compare.").format(name=draft.name))
    return True


def _table(request: HttpRequest) -> dict[str, Any]:
    rows = [origins.as_seen_by(request.user, encoder) for encoder in encoders.listing(seen_by=request.user)]
    sets = sorted({name for encoder in rows for name in encoder.scores})
    shown = [_row(encoder, sets, request) for encoder in rows]
    building = any(row.progress and not row.progress.complete for row in shown)
    choices = any(row.choices for row in shown)
    return {"rows": shown, "sets": _titles(sets, request), "building": building, "choices": choices}


def _titles(sets: list[str], request: HttpRequest) -> list[str]:
    """Return what to call the sets: a collection by its name."""
    names = {str(row.pk): row.name for row in collections.listing(request.user)}
    unknown = _("a collection")
    found = [OF_A_COLLECTION.match(name) for name in sets]
    return [
        f"{names.get(match[1], unknown)} · {words.name(match[2])}{match[3]}" if match else name
        for name, match in zip(sets, found, strict=True)
    ]


def _row(encoder: Encoder, sets: list[str], request: HttpRequest) -> Row:
    building = encoder.state == EncoderState.BUILDING
    scores = [encoder.scores.get(name) for name in sets]
    progress = encoders.progress(encoder, seen_by=request.user) if building else None
    can_choose = rights.administrator(request.user) and encoder.state != EncoderState.DRAFT
    state = encoders.standing(encoder, progress=progress)
    return Row(encoder, state, progress, scores, indexes.choices(encoder) if can_choose else [])
