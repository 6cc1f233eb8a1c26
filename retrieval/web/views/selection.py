"""What is done to the pictures that were selected in a grid, and taken back: for the page's script, or by its form."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from retrieval import downloads, tasks
from retrieval.services.images import bulk, bulk_undo, originals
from retrieval.services.images.bulk import Outcome
from retrieval.web import words
from retrieval.web.forms.selection import ChoiceForm, SelectionForm, selected
from retrieval.web.pages import for_people, person, wants_json


@require_POST
@for_people
def act(request: HttpRequest) -> HttpResponse:
    """Do one thing to all of them; what may not be changed is left as it is, and said."""
    form = selected(SelectionForm, request.POST)
    done = bulk.run(form.choice(), user=person(request), acts=form.acts())
    kind = str(form.cleaned_data["act"])
    if kind == "embed":
        tasks.wake_for("failed")
    return _told(request, done, said=words.outcome(kind, done))


@require_POST
@for_people
def download(request: HttpRequest) -> StreamingHttpResponse:
    """Send their originals as one ZIP."""
    found = originals.bundle(selected(ChoiceForm, request.POST).choice(), user=person(request))
    return downloads.zipped(found.stream(), filename=f"pictures-{found.made_at:%Y-%m-%d-%H%M}.zip")


@require_POST
@for_people
def undo(request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Take an act back."""
    done = bulk_undo.undo(act_id, user=person(request))
    tasks.wake_for("images")
    return _told(request, done, said=words.outcome("undo", done))


def _told(request: HttpRequest, done: Outcome, *, said: str) -> HttpResponse:
    """Say it to the script, or on the page that one came from."""
    if wants_json(request):
        ids = [str(image) for image, _code in done.refused]
        return JsonResponse({"message": said, "undo": done.undo, "done": done.done, "refused": ids})
    messages.success(request, said, extra_tags=f"undo_act {done.undo}" if done.undo else "")
    back = str(request.POST.get("next", ""))
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else "/")
