"""A person's own page: sessions, tokens, language, theme, password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from retrieval import conf
from retrieval.errors import InvalidInput
from retrieval.services.images import members
from retrieval.services.people import (
    accounts,
    own_address,
    passwords,
    posting,
    provider_sign_in,
    second_factor,
    sessions,
)
from retrieval.services.searching import history
from retrieval.web import agents, asking_again
from retrieval.web.forms.people import AddressForm, PasswordForm, TokenForm
from retrieval.web.pages import for_anyone, for_people, person

THEMES = ("system", "light", "dark")
SEARCHES = 20
A_YEAR = 365 * 24 * 3600


@require_safe
@for_people
def page(request: HttpRequest) -> HttpResponse:
    """Show everything of one's own."""
    return render(request, "web/account.html", context(request))


@require_POST
@for_people
def make_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show its secret, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        raise InvalidInput.of("name", _("Say in a few words what the token is for."))
    secret, row = accounts.issue_token(person(request), **form.cleaned_data)
    return render(request, "web/account.html", {**context(request), "secret": secret, "made": row})


@require_POST
@for_people
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Make a token useless."""
    accounts.revoke_token(token_id, user=person(request))
    messages.success(request, _("The token opens nothing any more."))
    return redirect("web:account")


@require_POST
@for_people
def revoke_tokens(request: HttpRequest) -> HttpResponse:
    """Make all tokens useless."""
    accounts.revoke_tokens(person(request))
    messages.success(request, _("No token opens anything any more."))
    return redirect("web:account")


@require_POST
@for_people
def end_session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Sign one browser out, be it this one."""
    sessions.end(session_id, user=person(request))
    messages.success(request, _("That browser is signed out."))
    return redirect("web:account")


@require_POST
@for_people
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign every other browser out."""
    sessions.end_others(person(request), session_key=request.session.session_key)
    messages.success(request, _("All other browsers are signed out."))
    return redirect("web:account")


@require_POST
@for_people
def clear_searches(request: HttpRequest) -> HttpResponse:
    """Forget what one searched for."""
    history.clear(person(request))
    messages.success(request, _("Your searches are forgotten."))
    return redirect("web:account")


@sensitive_post_parameters()
@require_POST
@for_people
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; other sessions of the same person end, and all tokens."""
    form = PasswordForm(person(request), request.POST)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, form.user)
        messages.success(request, _("The password was changed. Other browsers are signed out, tokens open nothing."))
        return redirect("web:account")
    return render(request, "web/account.html", {**context(request), "password_form": form}, status=400)


@require_POST
@for_anyone
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark, or as the system has it."""
    wanted = request.POST.get("theme", "")
    response = HttpResponse(status=204) if request.headers.get("HX-Request") else redirect("web:account")
    response.set_cookie(
        settings.THEME_COOKIE_NAME, wanted if wanted in THEMES else "system", max_age=A_YEAR, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE, httponly=True,
    )  # fmt: skip
    return response


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows."""
    here = request.session.session_key
    found = sessions.sessions_of(person(request))
    return {
        "searches": [asking_again.again(row) for row in history.listing(person(request))[:SEARCHES]],
        "invitations": members.asked(person(request)),
        "sessions": [(row, agents.name(row.agent), sessions.is_same(row, here)) for row in found],
        "provider": conf.get().provider,
        "linked": provider_sign_in.is_linked(person(request)),
        "factor": second_factor.is_on(person(request)),
        "hours": conf.get().session_idle_hours,
        "session_days": conf.get().session_days,
        "address_waits": own_address.waiting(person(request)),
        "mail_on": posting.is_on(),
        "address_form": AddressForm(person(request), initial={"email": person(request).email}),
        "tokens": accounts.tokens_of(person(request)),
        "token_form": TokenForm(),
        "proves": passwords.prove(person(request)),
        "password_form": PasswordForm(person(request)),
        "themes": (("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))),
    }
