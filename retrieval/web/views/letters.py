"""What goes by mail: a link for who forgot the password, and one that confirms an address."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from retrieval import conf
from retrieval.errors import InvalidInput
from retrieval.services.people import letters, own_address, posting
from retrieval.tasks import wake_for
from retrieval.web import words
from retrieval.web.forms.people import AddressForm, ForgottenForm
from retrieval.web.pages import for_anyone, for_people, person
from retrieval.web.views import account


@require_http_methods(["GET", "HEAD", "POST"])
@for_anyone
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask whose password it is; the answer is the same whoever that is. Without a mail server, say whom to ask."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    done = request.method == "POST" and form.is_valid()
    if done:
        letters.forgotten(form.cleaned_data["asked"])
        wake_for("letters")
    context = {"form": form, "done": done, "mail_on": posting.is_on(), "passwords": conf.get().passwords}
    return render(request, "web/forgotten.html", context, status=400 if form.errors else 200)


@sensitive_post_parameters("password")
@require_POST
@for_people
def ask(request: HttpRequest) -> HttpResponse:
    """Have a link mailed to one's new address; an empty one counts at once."""
    form = AddressForm(person(request), request.POST)
    if form.is_valid():
        address = form.cleaned_data["email"]
        try:
            own_address.ask(person(request), address)
        except InvalidInput as error:
            form.add_error("email", words.reason(error.code, error.message))
        else:
            wake_for("letters")
            said = _("A mail is on its way to {address}.").format(address=address)
            messages.success(request, said if address else _("Your account has no mail address any more."))
            return redirect("web:account")
    return render(request, "web/account.html", {**account.context(request), "address_form": form}, status=400)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def confirm(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the button of the link in the mail; only pressing it confirms, as mail programs open links too."""
    if request.method != "POST":
        found = own_address.by_link(person(request), secret)
        return render(request, "web/address.html", {"secret": secret, "address": found.address})
    address = own_address.confirm(person(request), secret)
    wake_for("letters")
    messages.success(request, _("{address} is your mail address now.").format(address=address))
    return redirect("web:account")
