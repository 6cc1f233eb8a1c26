"""Copies on pages: one pair after the other with keys, all of a verdict at once, and undo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from retrieval import tasks
from retrieval.models import CopyScan, CopyVerdict, Decided, Image
from retrieval.services.copies import decisions, groups, resolving, scans
from retrieval.services.copies.groups import Copy, Group
from retrieval.services.copies.resolving import Wish
from retrieval.services.copies.scans import ScanRequest
from retrieval.services.images import bulk_undo, collections
from retrieval.services.operations import long_work
from retrieval.web import words
from retrieval.web.forms.copies import CopiesForm, PairForm, UndoForm
from retrieval.web.pages import for_people, person
from retrieval.web.views import long_jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEPT = 10  # decisions that can be undone from the page
DONE = "copies"  # the session's list of them


@dataclass(frozen=True)
class Side:
    """One of two pictures, with the corners of what they share, in pixels of a box as wide and high as it."""

    image: Image
    outline: str


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the pair at this place of the list, what can be done to all of a verdict, and what was decided last."""
    form, user = CopiesForm(request.GET), person(request)
    scope, at = form.scope(), form.place()
    found = groups.find(scope, user=user)
    steps = [(group, copy) for group in found for copy in group.others]
    at = min(at, max(len(steps) - 1, 0))
    context: dict[str, Any] = {
        "form": form.shown(), "collections": collections.listing(user),
        "verdicts": _verdicts(found, user=user),
        "total": len(steps), "at": at, "number": at + 1, "next": _address(request.GET, n=at + 1),
        "done": list(reversed(request.session.get(DONE, []))), **long_jobs.listed(request, scans.KIND),
    }  # fmt: skip
    return render(request, "web/copies.html", {**context, **(_pair(*steps[at], user=user) if steps else {})})


@require_POST
@for_people
def scan(request: HttpRequest) -> HttpResponse:
    """Look for copies again, in the collections that the list is of."""
    scope = CopiesForm(request.POST).scope()
    tasks.wake_long_job(scans.start(ScanRequest(scope.collection, scope.against), user=person(request)))
    messages.success(request, _("It is being looked through; the list fills as it goes on."))
    return redirect(_address(request.POST))


@require_safe
@for_people
def scanned(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show what a scan found: the list of the collections that it looked through."""
    row: CopyScan = long_work.get(scans.KIND, job_id, user=person(request))
    said = {"collection": row.within[0]} if row.name else {}
    crossed = {"against": row.against[0]} if row.within != row.against else {}
    return redirect(_address({**said, **crossed}))


@require_POST
@for_people
def decide(request: HttpRequest) -> HttpResponse:
    """Keep one of two pictures, or say that they are no copies; then show what stands at the same place."""
    form, user = PairForm(request.POST), person(request)
    group, (keep, other), act = form.said()
    if act == "both":
        [row] = decisions.decide([(keep, other)], decision=Decided.DIFFERENT, user=user)
        _note(request, undo=str(row.pk), kind="decision", text=_("Not copies"))
    else:
        kept, gone = (keep, other) if act == "left" else (other, keep)
        wish = Wish(CopiesForm(request.POST).scope(), (group,), keep=(kept,), goes=(gone,))
        _tell(request, resolving.resolve(wish, user=user))
    return redirect(_address(request.POST, n=CopiesForm(request.POST).place()))


@require_POST
@for_people
def decide_all(request: HttpRequest) -> HttpResponse:
    """Keep one of each group of a verdict."""
    _tell(request, resolving.resolve(Wish(CopiesForm(request.POST).scope()), user=person(request)))
    return redirect(_address(request.POST))


@require_POST
@for_people
def undo(request: HttpRequest) -> HttpResponse:
    """Take one of the last decisions back."""
    form, user = UndoForm(request.POST), person(request)
    token, kind = form.said()
    if kind == "decision":
        decisions.take_back(token, user=user)
    else:
        bulk_undo.undo(token, user=user)
        tasks.wake_for("images")
    request.session[DONE] = [each for each in request.session.get(DONE, []) if each["undo"] != str(token)]
    messages.success(request, _("Taken back."))
    return redirect(_address(request.POST, n=CopiesForm(request.POST).place()))


def _pair(group: Group, copy: Copy, *, user: User) -> dict[str, Any]:
    """What is shown of one pair; nothing of one that is gone since it was listed."""
    whole = groups.shown([replace(group, others=[copy])], user=user)
    if not whole:
        return {"total": 0}
    keep, copy = whole[0].keep, whole[0].others[0]
    sides = [
        Side(keep, _corners(keep, copy.keep_outline)),
        Side(copy.image, _corners(copy.image, copy.outline)),
    ]
    edits = ", ".join(words.edit(edit) for edit in copy.edit)
    facts = [(_("Size"), *(f"{side.image.width} × {side.image.height}" for side in sides)),
             (_("Format"), *(side.image.format for side in sides)),
             (_("Bytes"), *(f"{side.image.bytes:,}" for side in sides)),
             (_("Title"), *(side.image.title for side in sides)),
             (_("Tags"), *(", ".join(side.image.tags) for side in sides))]  # fmt: skip
    return {"group": group, "copy": copy, "sides": sides, "edits": edits, "facts": facts}


def _corners(image: Image, outline: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{x * image.width:.1f},{y * image.height:.1f}" for x, y in outline)


def _verdicts(found: Sequence[Group], *, user: User) -> list[dict[str, Any]]:
    """Each verdict with its groups, and what would go if all of them were resolved at once."""
    counts, goes = Counter(group.verdict for group in found), resolving.would_go(found, user=user)
    return [
        {"value": verdict.value, "groups": counts[verdict], "goes": goes[verdict]}
        for verdict in CopyVerdict
        if counts[verdict]
    ]


def _tell(request: HttpRequest, done: resolving.Resolution) -> None:
    text = ngettext("{n} picture is in the trash.", "{n} pictures are in the trash.", done.trashed).format(
        n=intcomma(done.trashed)
    )
    if done.undo:
        _note(request, undo=str(done.undo), kind="act", text=text)
        messages.success(request, text)
    else:
        messages.info(request, _("Nothing of this is yours to delete."))


def _note(request: HttpRequest, **said: str) -> None:
    request.session[DONE] = [*request.session.get(DONE, []), said][-KEPT:]


def _address(said: Any, **more: Any) -> str:
    kept = {name: said[name] for name in ("collection", "against", "verdict") if said.get(name)}
    return f"{reverse('web:copies')}?{urlencode({**kept, **more})}"
