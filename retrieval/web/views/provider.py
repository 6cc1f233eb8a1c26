"""Signing in at the house's identity provider: the way there, the way back, and letting it open one's own account."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from retrieval import conf, openid
from retrieval.services.people import provider_sign_in
from retrieval.web.forms.people import PasswordAskingForm
from retrieval.web.pages import for_anyone, for_people, person
from retrieval.web.views.entry import BACKEND, goal_of

# What the session keeps: questions that are open, each for so many seconds, in so many tabs; whom the provider named
# while somebody is signed in, until they agree.
OPEN, NAMED = "provider_questions", "provider_named"
GOOD_FOR, MOST_OPEN = 600, 5


@require_http_methods(["GET"])
@for_anyone
def begin(request: HttpRequest) -> HttpResponse:
    """Go to the provider. By GET, as browsers let no form of this site lead to another one."""
    linking = request.user.is_authenticated and "link" in request.GET
    provider_sign_in.provider()
    if request.user.is_authenticated and not linking:
        return redirect(goal_of(request))
    address, kept = provider_sign_in.begin(back=_back(request))
    question = {**asdict(kept), "goal": goal_of(request), "until": time.time() + GOOD_FOR}
    question["person"] = request.user.pk if linking else None
    still = {state: each for state, each in _open(request).items() if each["until"] > time.time()}
    request.session[OPEN] = dict([*still.items(), (kept.state, question)][-MOST_OPEN:])
    return redirect(address)


@require_http_methods(["GET"])
@for_anyone
def done(request: HttpRequest) -> HttpResponse:
    """Come back: each question is answered once, in the browser that asked it."""
    provider_sign_in.provider()
    questions = _open(request)
    question = questions.pop(request.GET.get("state", ""), None)
    request.session[OPEN] = questions
    if question is None or question["until"] < time.time():
        raise provider_sign_in.refused("Nothing was asked of the provider from here.")
    kept = openid.Kept(**{name: question[name] for name in ("state", "nonce", "verifier", "back")})
    who = provider_sign_in.finish(kept, request.GET.dict())
    if question["person"] is not None:
        request.session[NAMED] = {**asdict(who), "person": question["person"], "until": time.time() + GOOD_FOR}
        return redirect("web:provider_link")
    login(request, provider_sign_in.enter(who), backend=BACKEND)
    return redirect(question["goal"])


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def link(request: HttpRequest) -> HttpResponse:
    """Ask whether whom the provider named shall open this account; the password shows whose it is."""
    named = request.session.get(NAMED)
    if not named or named["person"] != person(request).pk or named["until"] < time.time():
        provider_sign_in.provider()
        return redirect("web:account")
    form = PasswordAskingForm(person(request), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        provider_sign_in.link(person(request), _who(request.session.pop(NAMED)))
        messages.success(request, _("You can sign in with {name} from now on.").format(name=_name()))
        return redirect("web:account")
    context = {"form": form, "named": named["name"] or named["subject"], "provider": _name()}
    return render(request, "web/provider_link.html", context, status=400 if form.errors else 200)


def _who(named: dict[str, Any]) -> openid.Who:
    fields = {name: named[name] for name in ("issuer", "subject", "name", "email")}
    return openid.Who(**fields, groups=tuple(named["groups"]))


def _open(request: HttpRequest) -> dict[str, dict[str, Any]]:
    return dict(request.session.get(OPEN, {}))


def _name() -> str:
    found = provider_sign_in.provider()
    return found.name


def _back(request: HttpRequest) -> str:
    """The address to come back to, as the browser says it; an origin that the operator names counts before ``Host``."""
    path, here = reverse("web:provider_done"), request.build_absolute_uri("/")
    named = [origin for origin in conf.get().origins if urlsplit(origin).hostname == urlsplit(here).hostname]
    return f"{named[0]}{path}" if named else request.build_absolute_uri(path)
