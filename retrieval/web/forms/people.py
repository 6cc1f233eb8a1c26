"""Forms about people: signing in, collections and their members, tokens."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from retrieval.models import ApiToken, Visibility
from retrieval.models.bounds import (
    COLLECTION_NAME_LENGTH,
    DESCRIPTION_LENGTH,
    LINK_NAME_LENGTH,
    LINK_PASSWORD_LENGTH,
    MAIL_LENGTH,
    TOKEN_NAME_LENGTH,
    USERNAME_LENGTH,
)
from retrieval.services.images import share_links
from retrieval.services.images.collections import CollectionChanges
from retrieval.services.images.share_links import LinkRequest
from retrieval.services.people import passwords
from retrieval.web import words


class SignInForm(AuthenticationForm):
    """Name and password; the same answer for a wrong name and a wrong password."""

    error_messages = {
        "invalid_login": _("That name and password do not fit together."),
        "inactive": _("That name and password do not fit together."),
    }


class PasswordForm(PasswordChangeForm):
    """The old password, looked at through the one door, and twice the new one."""

    def clean_old_password(self) -> str:
        """Return it when it is right. Raises ValidationError, and TooMany for who guesses."""
        said = str(self.cleaned_data["old_password"])
        if not passwords.confirm(self.user, said):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return said


class CodeForm(forms.Form):
    """The figures of an app, or a recovery code."""

    code = forms.CharField(max_length=40, label=_("Sign-in code"))


class PasswordAskingForm(forms.Form):
    """The password too, looked at through the one door: a browser left open must not lock its owner out.

    Who signs in by the house's identity provider alone has none that could be asked for.
    """

    password = forms.CharField(max_length=4096, strip=False, label=_("Password"), widget=forms.PasswordInput)

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user
        if not passwords.prove(user):
            del self.fields["password"]

    def clean_password(self) -> str:
        """Return it when it is right. Raises ValidationError, and TooMany for who guesses."""
        said = str(self.cleaned_data["password"])
        if not passwords.confirm(self.user, said):
            raise ValidationError(PasswordForm.error_messages["password_incorrect"], code="password_incorrect")
        return said


class SecondFactorForm(PasswordAskingForm, CodeForm):
    """A code and the password."""


class ForgottenForm(forms.Form):
    """Whose password it is, by name or address of mail."""

    asked = forms.CharField(max_length=MAIL_LENGTH, label=_("Name or mail address"))


class AddressForm(PasswordAskingForm):
    """One's own address of mail; the password too, as a new password can be had by it."""

    email = forms.EmailField(max_length=MAIL_LENGTH, required=False, label=_("Mail address"))


class CollectionForm(forms.Form):
    """What a collection is called and who sees it."""

    name = forms.CharField(max_length=COLLECTION_NAME_LENGTH, label=_("Name"))
    description = forms.CharField(
        max_length=DESCRIPTION_LENGTH, required=False, label=_("Description"), widget=forms.Textarea(attrs={"rows": 3})
    )
    visibility = forms.ChoiceField(choices=Visibility.choices, initial=Visibility.PRIVATE, required=False)


class SettingsForm(CollectionForm):
    """The same of a collection that is there; the page sends along what it showed, so that only changes are written."""

    local_features = forms.BooleanField(required=False)
    regions = forms.BooleanField(required=False)
    read_text = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.show_hidden_initial = True

    def changes(self) -> CollectionChanges:
        """Return what the person changed of what the page showed; call after ``is_valid``."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        if not changed.get("visibility"):
            changed.pop("visibility", None)
        return CollectionChanges(**changed)


class MemberForm(forms.Form):
    """A person and a role."""

    username = forms.CharField(max_length=USERNAME_LENGTH, label=_("Name of the person"))
    role = forms.ChoiceField(choices=[(value, name) for value, name, _text in words.ROLES], label=_("Role"))


class ShareLinkForm(forms.Form):
    """What a link is called here, until the end of which day (UTC) it is good, its password, whether it gives files."""

    name = forms.CharField(max_length=LINK_NAME_LENGTH, required=False, label=_("For whom?"))
    until = forms.DateField(required=False, label=_("Until"))
    password = forms.CharField(max_length=LINK_PASSWORD_LENGTH, required=False, strip=False, label=_("Password"))
    downloads = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        now = timezone.now()
        self.usual, self.last = (now + share_links.USUAL).date(), (now + share_links.LONGEST).date()

    def wanted(self) -> LinkRequest:
        """Return the link to be made; call after ``is_valid``. The last day that there is ends a year from now."""
        said = dict(self.cleaned_data)
        day = said.pop("until")
        ends = datetime.combine(day, time.max, tzinfo=UTC) if day else None
        return LinkRequest(expires_at=timezone.now() + share_links.LONGEST if day == self.last else ends, **said)


class TokenForm(forms.Form):
    """What a token is for, and how far it reaches."""

    name = forms.CharField(max_length=TOKEN_NAME_LENGTH, label=_("What is it for?"))
    scope = forms.ChoiceField(
        choices=[(ApiToken.Scope.WRITE, _("Read and write")), (ApiToken.Scope.READ, _("Read only"))],
        label=_("May"),
    )
