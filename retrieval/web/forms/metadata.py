"""The form by which a table that was tried is taken in."""

from __future__ import annotations

from uuid import UUID

from django import forms

from retrieval.web.forms import refusal


class TakingForm(forms.Form):
    """Which table."""

    table = forms.UUIDField()

    def token(self) -> UUID:
        """Return its token. Raises InvalidInput."""
        if not self.is_valid():
            raise refusal(self)
        found: UUID = self.cleaned_data["table"]
        return found
