"""Putting pictures in: the upload page, one file, archive or address at a time from its script, many without it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retrieval import conf, tasks
from retrieval.errors import Forbidden, InvalidInput, NotFound, RetrievalError, Unavailable
from retrieval.ingest import extras
from retrieval.models import Collection, LongJobState
from retrieval.services.images import addresses, archives, collections, images
from retrieval.services.images.images import ImageFilters, Upload
from retrieval.services.operations import long_work
from retrieval.web import words
from retrieval.web.pages import for_people, may_add, person

ASKED_AT_ONCE = 200
ISSUES = 50
ARCHIVE = b"PK\x03\x04"


@dataclass(frozen=True)
class Outcome:
    """What became of a file or address: pending, known, refused, or an archive being unpacked; and where it went."""

    name: str
    collection: str
    state: str
    id: str = ""
    message: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show the upload page; without scripts its form posts everything here at once."""
    outcomes: list[Outcome] = []
    if request.method == "POST":
        home = _home(request)
        address, files = _address(request), cast("list[UploadedFile[bytes]]", request.FILES.getlist("file"))
        things: list[UploadedFile[bytes] | str] = [address, *files] if address else [*files]
        outcomes = [_put_in(thing, user=person(request), home=home) for thing in things]
    return render(request, "web/upload.html", {**_choices(request), "outcomes": outcomes})


@require_POST
@for_people
def one(request: HttpRequest) -> HttpResponse:
    """Take one file or address from the page's script and say in words what became of it."""
    thing = _address(request) or request.FILES.get("file")
    if not isinstance(thing, UploadedFile | str):
        raise InvalidInput.of("file", _("There is no file in the request."))
    return JsonResponse(asdict(_put_in(thing, user=person(request), home=_home(request))))


@require_POST
@for_people
def states(request: HttpRequest) -> HttpResponse:
    """Say how far some pictures are, at most 200 at once; those that one may not see are left out."""
    ids = [key for key in map(_uuid, request.POST.getlist("id")[:ASKED_AT_ONCE]) if key]
    found = images.listing(request.user, filters=ImageFilters()).filter(pk__in=ids)
    return JsonResponse({"states": {str(row.pk): _state(row) for row in found}})


@require_safe
@for_people
def archive(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Say how far an archive is, and what of it was refused."""
    job = long_work.get(archives.KIND, import_id, user=person(request))
    issues = [
        {"name": issue.name, "message": words.reason(issue.code, issue.message)} for issue in job.issues.all()[:ISSUES]
    ]
    numbers = {name: getattr(job, name) for name in ("total", "done", "failed", "skipped")}
    message = words.reason(job.error_code, job.error_text) if job.state == LongJobState.FAILED else ""
    return JsonResponse({"state": job.state, "message": message, "issues": issues, **numbers})


def _put_in(thing: UploadedFile[bytes] | str, *, user: User, home: Collection) -> Outcome:
    """Add a file, or what lies at an address. What is wrong with it is its outcome; troubles of the site are raised."""
    name, place = thing if isinstance(thing, str) else str(thing.name or ""), str(home.pk)
    try:
        if isinstance(thing, str):
            added = addresses.add(thing, user=user, collection=home)
        elif _is_archive(thing):
            job = archives.start(cast(Any, thing), name=name, user=user, collection=home)
            tasks.wake_long_job(job)
            return Outcome(name, place, "archive", str(job.pk))
        else:
            added = images.add(Upload(file=cast(Any, thing), name=name), user=user, collection=home)
    except (Forbidden, NotFound, Unavailable):
        raise
    except RetrievalError as error:
        return Outcome(name, place, "refused", message=words.reason(error.code, error.message))
    if not added.created:
        return Outcome(name, place, "known", str(added.image.pk))
    tasks.wake_for("images" if added.image.document is None else "documents")
    return Outcome(name, place, "pending", str(added.image.pk))


def _address(request: HttpRequest) -> str:
    return str(request.POST.get("url", "")).strip()


def _is_archive(file: UploadedFile[bytes]) -> bool:
    start = file.read(len(ARCHIVE))
    file.seek(0)
    return bool(start == ARCHIVE)


def _state(image: Any) -> dict[str, str]:
    return {"state": image.status, "message": words.reason(image.error_code or "", image.error_text or "")}


def _home(request: HttpRequest) -> Collection:
    """Return the collection to put pictures into, made now when a new name was given."""
    new = str(request.POST.get("new", "")).strip()
    if new:
        return collections.create(owner=person(request), name=new)
    chosen = _uuid(str(request.POST.get("collection", "")))
    if chosen is None:
        raise InvalidInput.of("collection", _("Choose a collection first."))
    return collections.find(chosen, user=request.user)


def _choices(request: HttpRequest) -> dict[str, Any]:
    homes = [row for row in collections.with_roles(request.user) if may_add(row)]
    chosen = _uuid(request.GET.get("collection", "") or str(request.POST.get("collection", "")))
    found = {"homes": homes, "chosen": chosen, "limits": conf.get().limits, "fetches": conf.get().fetch}
    return {**found, "more": "".join(f", {name}" for name in map(_bounded, extras.readable()))}


def _bounded(name: str) -> str:
    """What people call a kind of file; of videos how large they may be, which is more than a picture."""
    return f"{name} ({filesizeformat(conf.get().limits.file_bytes)})" if name == extras.VIDEO else name


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
