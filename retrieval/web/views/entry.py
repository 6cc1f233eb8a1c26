"""Ways in and out: signing in, the one-time first link, choosing a password, signing out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME, get_user_model, login, logout, update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from retrieval import conf
from retrieval.errors import CodeNeeded, NotFound
from retrieval.services.people import passwords, second_factor, sign_in_link
from retrieval.web import half_way, words
from retrieval.web.forms.people import CodeForm, SignInForm
from retrieval.web.pages import for_anyone, for_people

BACKEND = "retrieval.services.people.passwords.Door"
MAY_CHOOSE = "may_choose_password"
LINK_USED = NotFound("This link was used already, or it is too old.", code="link_used")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@for_anyone
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; afterwards go where the person was going."""
    if request.user.is_authenticated:
        return redirect(goal_of(request))
    form = SignInForm(request, request.POST or None)
    try:
        if request.method == "POST" and form.is_valid():
            login(request, form.get_user())
            return redirect(goal_of(request))
    except CodeNeeded:
        user = get_user_model().objects.get(username=form.cleaned_data["username"])
        half_way.begin(request, user, goal=goal_of(request))
        return redirect("web:code")
    status = 400 if form.errors else 200
    context = {
        "form": form,
        "next": goal_of(request),
        "provider": conf.get().provider,
        "passwords": conf.get().passwords,
    }
    return render(request, "web/sign_in.html", context, status=status)


@for_anyone
def to_admin(request: HttpRequest, *, page: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """Show the administration's own page; where there is an identity provider, the one that offers it."""
    if conf.get().provider is None:
        return page(request)
    goal = request.GET.get(REDIRECT_FIELD_NAME, reverse("admin:index"))
    return redirect(f"{reverse('web:sign_in')}?{urlencode({'next': goal})}")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@for_anyone
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the second factor, after the right password or link."""
    half = half_way.who(request)
    if half is None:
        return redirect("web:sign_in")
    user, step = half
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            passwords.enter(user, code=form.cleaned_data["code"])
        except CodeNeeded as error:
            form.add_error("code", words.reason(error.code, error.message))
        else:
            half_way.end(request)
            login(request, user, backend=BACKEND)
            request.session.update({MAY_CHOOSE: True} if step.may_choose else {})
            return redirect("web:welcome" if step.may_choose else step.goal)
    return render(request, "web/code.html", {"form": form}, status=400 if form.errors else 200)


@require_POST
@for_anyone
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, and have the browser forget what it kept of it."""
    logout(request)
    response = redirect("web:sign_in")
    response["Clear-Site-Data"] = '"cache", "storage"'  # not the cookies: theme and language stay
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@for_anyone
def first(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button of the one-time link; only pressing it signs in, as mail and chat programs open links too."""
    if request.method != "POST":
        if not sign_in_link.is_good(token):
            raise LINK_USED
        return render(request, "web/first.html", {"token": token})
    user = sign_in_link.redeem(token)
    if user is None:
        raise LINK_USED
    request.session.flush()  # else somebody who is signed in already keeps the old session's key
    if second_factor.is_on(user):
        half_way.begin(request, user, goal="/", may_choose=True)
        return redirect("web:code")
    login(request, user, backend=BACKEND)
    request.session[MAY_CHOOSE] = True
    return redirect("web:welcome")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def welcome(request: HttpRequest) -> HttpResponse:
    """Choose a password right after the first link; later the account page asks for the old one first."""
    if not request.session.get(MAY_CHOOSE) or not conf.get().passwords:
        return redirect("web:account")
    form: SetPasswordForm[Any] = SetPasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        request.session.pop(MAY_CHOOSE)
        update_session_auth_hash(request, form.user)
        return redirect("web:search")
    return render(request, "web/welcome.html", {"form": form}, status=400 if form.errors else 200)


def goal_of(request: HttpRequest) -> str:
    """Return where to go next; only addresses of this site are followed."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else "/"
