"""What is set of a watch: on or off, its name, and from where on it fires."""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.http import QueryDict

from retrieval.models import Watch
from retrieval.models.bounds import COLLECTION_NAME_LENGTH
from retrieval.services.watching.watches import Least
from retrieval.web.forms import refusal


class SettingsForm(forms.Form):
    """Any of them; what is not sent stays."""

    active = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], required=False)
    name = forms.CharField(max_length=COLLECTION_NAME_LENGTH, required=False)
    least = forms.FloatField(required=False)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Read what was sent. Raises InvalidInput naming the field at fault."""
        form = cls(data)
        if not form.is_valid():
            raise refusal(form)
        return form

    def changes(self, row: Watch) -> dict[str, Any]:
        """Return what to change of this watch: its threshold is a probability where it had one, else a cosine."""
        said, changed = self.cleaned_data, {}
        if said["active"]:
            changed["active"] = said["active"] == "on"
        if said["name"]:
            changed["name"] = said["name"]
        if said["least"] is not None:
            by_score = row.min_probability is None
            changed["least"] = Least(score=said["least"]) if by_score else Least(probability=said["least"])
        return changed
