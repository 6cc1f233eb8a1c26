"""The front page: search by a picture, a part of one, several, or words; without a question, the newest pictures."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from retrieval import conf
from retrieval.errors import RetrievalError, TooMany, Unavailable
from retrieval.models import Image
from retrieval.services.images import addresses, browse, collections, images
from retrieval.services.images.images import ImageFilters
from retrieval.services.people import limits
from retrieval.services.searching import concepts, history, search
from retrieval.services.searching.search_request import MOST_FILES
from retrieval.web import bands, paging, words
from retrieval.web.forms.searching import FURTHER, SIZES, Asked, asked
from retrieval.web.pages import address, for_readers, may_add

RESULTS = "web/parts/results.html"
MORE = "web/parts/more.html"
NEWEST = "web/parts/browse.html"


@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def front(request: HttpRequest) -> HttpResponse:
    """Answer a search as a page, or as the part of it that a script asked for."""
    question = asked(request.POST if request.method == "POST" else request.GET, request.FILES)
    part = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-History-Restore-Request")
    if request.method == "POST" and not question.file and not part:
        return HttpResponseRedirect(question.address(), status=303)
    return _part(request, question) if part else _page(request, question)


def _part(request: HttpRequest, question: Asked) -> HttpResponse:
    """Render only the results, or only what comes after those that are shown already.

    A picture that cannot be searched for is refused in the place of the results; what passes by is left to a notice.
    """
    goes_on = question.offset or question.after
    template = RESULTS if not goes_on else NEWEST if question.is_empty else MORE
    status, result = (200, _answered(request, question)) if goes_on else _tried(request, question)
    response = render(request, template, result, status=status)
    if not goes_on:
        response["HX-Push-Url"] = "/" if question.file else question.address()
    return response


def _page(request: HttpRequest, question: Asked) -> HttpResponse:
    """Render the whole page; a refusal is shown in its place, with everything that was asked still there."""
    try:
        status, result = _tried(request, question)
    except RetrievalError as error:
        status, result = error.status, {"refusal": words.reason(error.code, error.message)}
    return render(request, "web/search.html", {**_panel(request, question), **result}, status=status)


def _tried(request: HttpRequest, question: Asked) -> tuple[int, dict[str, Any]]:
    """Return the status and what to show. Raises what may be different a moment later: TooMany, Unavailable."""
    try:
        return 200, _answered(request, question)
    except (TooMany, Unavailable):
        raise
    except RetrievalError as error:
        return error.status, {"question": question, "refusal": words.reason(error.code, error.message)}


def _answered(request: HttpRequest, question: Asked) -> dict[str, Any]:
    if question.is_empty:
        page = paging.page(images.listing(request.user, filters=ImageFilters()), after=question.after)
        return {"question": question, "page": page, "selects": _selects(request)}
    _slow_down(request, question)
    fetched = (addresses.fetched(question.url, user=request.user).data,) if question.url else ()
    wanted = question.request(fetched=fetched)
    answer = search.run(wanted, user=request.user, address=address(request))
    history.note(wanted, user=request.user, url=question.url)
    shown = question.offset + len(answer.hits)
    more = shown if len(answer.hits) == question.k and shown < answer.candidates else None
    return {
        "question": question,
        "answer": answer,
        "selects": _selects(request),
        "title": _title(request, question),
        "compares": question.compares,
        "grid": list(bands.shown(answer, after=question.band, ordered=not question.values["varied"])),
        "likely": bands.likely(answer.hits),
        "verified": bands.verified(answer.hits),
        "shown": shown,
        "more": more,
        "scored": answer.query_kind != "text",
    }


def _panel(request: HttpRequest, question: Asked) -> dict[str, Any]:
    """Collect what the search panel offers: where to look, which tags, by which measure."""
    values, usual = question.values, browse.usual()
    everywhere = list(collections.listing(request.user))
    chosen = {
        image.id: image
        for image in images.listing(request.user, filters=ImageFilters()).filter(
            pk__in=[*values["image"], *values["no"]]
        )
    }
    return {
        "question": question,
        "liked": [chosen[key] for key in values["image"] if key in chosen],
        "concept": concepts.listing(request.user).filter(pk=values["concept"]).first() if values["concept"] else None,
        "disliked": [chosen[key] for key in values["no"] if key in chosen],
        "collections": everywhere,
        "homes": [row for row in everywhere if may_add(row)],
        "tags": browse.tags(request.user, keep=values["tag"]),
        "measures": words.MEASURES,
        "modes": [mode for mode in words.MODES if mode[0] != FURTHER or usual.calibrated],
        "usual": usual.measure,
        "measure": question.measure or usual.measure,
        "sides": [(side, values[side]) for side in "xywh"],
        "sizes": SIZES,
        "most": conf.get().limits.image_bytes,
        "most_files": MOST_FILES,
    }


def _selects(request: HttpRequest) -> bool:
    """Tell whether pictures can be selected: by whoever may do something to them."""
    return request.user.is_authenticated


def _title(request: HttpRequest, question: Asked) -> str:
    """Return what was asked in few words, for the tab of the browser: the words, the file, or the first picture."""
    if question.values["concept"] and not question.name:
        row = concepts.listing(request.user).filter(pk=question.values["concept"]).first()
        return row.name if row else ""
    if question.name or not question.values["image"]:
        return question.name
    wanted = question.values["image"][0]
    image = Image.objects.visible_to(request.user).filter(pk=wanted).only("title").first()
    return _("Like {name}").format(name=image.title or str(wanted)[-12:]) if image else ""


def _slow_down(request: HttpRequest, question: Asked) -> None:
    """Count the search for the person or the address. Raises TooMany."""
    limits.search(request.user, address=address(request), uploaded=bool(question.file or question.url))
