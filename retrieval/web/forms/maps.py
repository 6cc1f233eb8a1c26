"""The form that asks for a map: of which pictures, and by which encoder."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from retrieval.models import Collection, Encoder


class MapForm(forms.Form):
    """What to lay out; without a collection all that the person sees."""

    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    encoder = forms.ModelChoiceField(Encoder.objects.none(), to_field_name="name")

    def __init__(
        self, *args: Any, encoders: QuerySet[Encoder], collections: QuerySet[Collection], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["encoder"].queryset = encoders  # type: ignore[attr-defined]
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]
