"""The form that asks for smaller versions of an encoder: of which, on which pictures, and what is tried."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from retrieval.models import Collection, Encoder
from retrieval.services.encoders.compression import Wanted

# As a share of the channels, and as people read it.
SHARES = [("1", gettext_lazy("no pruning")), ("0.9", "90 %"), ("0.75", "75 %"), ("0.5", "50 %")]


class CompressionForm(forms.Form):
    """What to make smaller and how; the service checks that it is possible."""

    encoder = forms.ModelChoiceField(Encoder.objects.none(), to_field_name="name")
    collection = forms.ModelChoiceField(Collection.objects.none())
    labels = forms.ChoiceField(choices=[("tags", gettext_lazy("first tag")), ("group_key", gettext_lazy("belongs to"))])
    calibration = forms.ModelChoiceField(Collection.objects.none(), required=False)
    int8 = forms.BooleanField(required=False, initial=True)
    dimensions = forms.CharField(max_length=100, required=False, initial=", ".join(map(str, Wanted.dimensions)))
    keep = forms.TypedChoiceField(choices=SHARES, coerce=float, initial="1")
    steps = forms.IntegerField(min_value=1, max_value=1000, initial=Wanted.steps)

    def __init__(
        self, *args: Any, encoders: QuerySet[Encoder], collections: QuerySet[Collection], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["encoder"].queryset = encoders  # type: ignore[attr-defined]
        for name in ("collection", "calibration"):
            self.fields[name].queryset = collections  # type: ignore[attr-defined]

    def clean_dimensions(self) -> tuple[int, ...]:
        """Read numbers with anything but digits between them."""
        said = self.cleaned_data["dimensions"]
        if re.search(r"[^\d\s,;，；、]", said):
            raise forms.ValidationError(_("Write numbers with commas between them."))
        return tuple(int(number) for number in re.findall(r"\d+", said))
