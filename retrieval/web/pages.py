"""What every page shares: who may open it, no copies in caches, and each expected error as a page in one manner."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from retrieval import conf
from retrieval.errors import AdministratorsOnly, RetrievalError, TooMany, Unavailable
from retrieval.models import Collection, Role
from retrieval.services.people import limits, rights
from retrieval.web import words

View = Callable[..., HttpResponseBase]

DATABASE_AWAY = Unavailable("The database does not answer.", retry_after=5)


def for_people(view: View) -> View:
    """Open a page to those who are signed in; others are sent to sign in and come back."""
    return _guarded(view, lambda request: request.user.is_authenticated)


def for_readers(view: View) -> View:
    """Open a page also to visitors, where the operator opened public search."""
    return _guarded(view, lambda request: request.user.is_authenticated or conf.get().public_search)


def for_anyone(view: View) -> View:
    """Open a page to everybody: signing in, and files whose own check answers 404."""
    return _guarded(view, lambda _request: True)


def wants_json(request: HttpRequest) -> bool:
    """Tell whether one of our scripts asks, which reads JSON, and not a person."""
    return request.headers.get("Accept", "").startswith("application/json")


def person(request: HttpRequest) -> User:
    """Return who is signed in; for pages that only people may open."""
    return cast(User, request.user)


def may_add(collection: Collection) -> bool:
    """Tell whether to offer putting pictures into one of ``collections.with_roles``; the service checks again."""
    return rights.at_least(getattr(collection, "role", None), Role.CONTRIBUTOR)


def address(request: HttpRequest) -> str:
    """Return the address of the caller, for the limits."""
    return limits.address_of(
        request.META.get("REMOTE_ADDR", ""), forwarded=request.META.get("HTTP_X_FORWARDED_FOR", "")
    )


def failure(request: HttpRequest, error: RetrievalError) -> HttpResponse:
    """Turn an expected error into a page, a notice in the page (htmx), or JSON, with its status."""
    status, message = error.status, words.reason(error.code, error.message)
    if wants_json(request):
        response: HttpResponse = JsonResponse({"error": {"code": error.code, "message": message}}, status=status)
    elif request.headers.get("HX-Request"):
        response = HttpResponse(render_to_string("web/parts/notice.html", {"message": message}), status=status)
        response["HX-Retarget"], response["HX-Reswap"] = "#notice", "innerHTML"
    else:
        response = _error_page(request, error, message)
    if isinstance(error, (TooMany, Unavailable)):
        response["Retry-After"] = str(error.retry_after)
    return response


def _error_page(request: HttpRequest, error: RetrievalError, message: str) -> HttpResponse:
    code = words.ADMINISTRATORS if isinstance(error, AdministratorsOnly) else error.code
    status, (title, way_on) = error.status, words.error_page(error.status, code)
    context = {"status": status, "title": title, "message": message, "way_on": way_on, "code": error.code}
    if status in {503, 507}:  # the frame would ask the database who is there
        return HttpResponse(render_to_string("error.html", context), status=status)
    return render(request, "error.html", context, status=status)


def _guarded(view: View, may_enter: Callable[[HttpRequest], bool]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            enters = may_enter(request)
            response: HttpResponseBase = view(request, *args, **kwargs) if enters else _sign_in_first(request)
        except RetrievalError as error:
            response = failure(request, error)
        except (OperationalError, InterfaceError):
            response = failure(request, DATABASE_AWAY)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True, private=True)
        return response

    return guarded


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": {"code": "signed_out", "message": _("Please sign in again.")}}, status=401)
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect("/login/")
    return redirect_to_login(request.get_full_path())
