"""The form that asks for an evaluation: a collection, its labels, the encoders, and how alike is measured."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from retrieval.models import Collection, Encoder
from retrieval.web.words import MEASURES


class EvaluationForm(forms.Form):
    """Which encoders to measure on which pictures; the service checks that there is something to measure."""

    collection = forms.ModelChoiceField(Collection.objects.none())
    labels = forms.ChoiceField(
        choices=[("tags", _("first tag")), ("group_key", _("belongs to")), ("judgements", _("judgements"))]
    )
    measure = forms.ChoiceField(choices=[(measure.value, name) for measure, name, _text in MEASURES])
    encoders = forms.ModelMultipleChoiceField(Encoder.objects.none(), to_field_name="name")

    def __init__(
        self, *args: Any, encoders: QuerySet[Encoder], collections: QuerySet[Collection], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["encoders"].queryset = encoders  # type: ignore[attr-defined]
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]
