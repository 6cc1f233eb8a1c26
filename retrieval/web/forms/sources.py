"""What is set of a source: what is read, how often, and how long what comes in is kept."""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from retrieval.models import SourceKind
from retrieval.models.bounds import SOURCE_NAME_LENGTH, SOURCE_PASSWORD_LENGTH, URL_LENGTH, USERNAME_LENGTH
from retrieval.models.sources import LEAST_MINUTES, MOST_DAYS, MOST_MINUTES
from retrieval.services.sources.sources import SourceRequest
from retrieval.web.forms import refusal


class SourceForm(forms.Form):
    """All of a source; ``keep_days`` left empty is for ever, and a password left empty stays as it is."""

    name = forms.CharField(label=_("Name"), max_length=SOURCE_NAME_LENGTH)
    kind = forms.ChoiceField(choices=SourceKind.choices, required=False)
    place = forms.CharField(label=_("Folder or address"), max_length=URL_LENGTH)
    every_minutes = forms.IntegerField(
        label=_("Every so many minutes"), min_value=LEAST_MINUTES, max_value=MOST_MINUTES
    )
    keep_days = forms.IntegerField(label=_("Keep for so many days"), min_value=1, max_value=MOST_DAYS, required=False)
    username = forms.CharField(label=_("Name at the camera"), max_length=USERNAME_LENGTH, required=False)
    password = forms.CharField(
        label=_("Password at the camera"), max_length=SOURCE_PASSWORD_LENGTH, required=False, strip=False
    )

    @property
    def sent(self) -> dict[str, Any]:
        """What the fields show: what was sent, else what is usual; a password is not shown again."""
        return {name: self[name].value() for name in self.fields if name != "password"}

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read what was sent. Raises InvalidInput naming the field at fault."""
        form = cls(data)
        if not form.is_valid():
            raise refusal(form)
        return form

    def wanted(self) -> SourceRequest:
        """Return what is to be read."""
        return SourceRequest(**self.cleaned_data)

    def changes(self) -> dict[str, Any]:
        """Return what to change: without a name at the camera there is no password either."""
        said = {name: value for name, value in self.cleaned_data.items() if name != "kind"}
        if said["username"] and not said["password"]:
            del said["password"]
        return said
