"""A person's second factor: set up with an app, recovery codes shown once, turned off."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import segno
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from retrieval.errors import InvalidInput
from retrieval.services.people import second_factor
from retrieval.web import words
from retrieval.web.forms.people import CodeForm, SecondFactorForm
from retrieval.web.pages import for_people, person


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Say whether it is on, and what can be done."""
    return _page(request, CodeForm())


@require_POST
@for_people
def begin(request: HttpRequest) -> HttpResponse:
    """Show what the app needs."""
    setup = second_factor.begin(person(request))
    return _setup(request, SecondFactorForm(person(request)), setup=setup)


@sensitive_post_parameters("password", "code")
@require_POST
@for_people
def turn_on(request: HttpRequest) -> HttpResponse:
    """Ask for codes from now on, once one is right; show the recovery codes, this once."""
    form = SecondFactorForm(person(request), request.POST)
    if form.is_valid():
        key = request.session.session_key
        try:
            codes = second_factor.turn_on(person(request), code=form.cleaned_data["code"], session_key=key)
        except InvalidInput as error:
            form.add_error("code", words.reason(error.code, error.message))
        else:
            return _page(request, CodeForm(), codes=codes)
    return _setup(request, form, setup=second_factor.begun(person(request)))


@sensitive_post_parameters("code")
@require_POST
@for_people
def turn_off(request: HttpRequest) -> HttpResponse:
    """Ask for none any more."""

    def gone(_nothing: None) -> HttpResponse:
        messages.success(request, _("The second factor is off: name and password are enough."))
        return redirect("web:account")

    return _by_code(request, second_factor.turn_off, then=gone)


@sensitive_post_parameters("code")
@require_POST
@for_people
def renew(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them, this once."""
    return _by_code(request, second_factor.renew, then=lambda codes: _page(request, CodeForm(), codes=codes))


def _by_code(request: HttpRequest, act: Callable[..., Any], *, then: Callable[[Any], HttpResponse]) -> HttpResponse:
    """Do what a right code allows, and answer; a wrong one is said beside its field."""
    form = CodeForm(request.POST)
    if form.is_valid():
        try:
            done = act(person(request), code=form.cleaned_data["code"])
        except InvalidInput as error:
            form.add_error("code", words.reason(error.code, error.message))
        else:
            return then(done)
    return _page(request, form)


def _page(request: HttpRequest, form: Form, *, codes: list[str] | None = None) -> HttpResponse:
    user = person(request)
    on = second_factor.is_on(user)
    context = {"form": form, "on": on, "codes": codes, "left": second_factor.codes_left(user)}
    return render(request, "web/second_factor.html", context, status=400 if form.errors else 200)


def _setup(request: HttpRequest, form: Form, *, setup: second_factor.Setup) -> HttpResponse:
    context = {"form": form, "setup": setup, "picture": _drawn(setup.address)}
    return render(request, "web/second_factor.html", context, status=400 if form.errors else 200)


def _drawn(text: str) -> SafeString:
    """Return a QR code as SVG; it is dark on white also on a dark page, as some cameras read no other."""
    out = io.BytesIO()
    code = segno.make_qr(text, error="m")
    code.save(out, kind="svg", scale=4, xmldecl=False, light="#fff", svgclass="qr", lineclass=None)
    return SafeString(out.getvalue().decode())
