"""The forms of judging: what to draw, and the grade of one answer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from retrieval.models import Collection, Encoder, Grade
from retrieval.services.evaluation.pools import HIGHEST_SEED, MOST_QUERIES, USUAL_QUERIES


class PoolForm(forms.Form):
    """Which encoders' answers to judge, on how many queries; the service checks that there are some."""

    collection = forms.ModelChoiceField(Collection.objects.none())
    encoders = forms.ModelMultipleChoiceField(Encoder.objects.none(), to_field_name="name")
    queries = forms.IntegerField(min_value=1, max_value=MOST_QUERIES, initial=USUAL_QUERIES)
    seed = forms.IntegerField(min_value=0, max_value=HIGHEST_SEED, initial=0)

    def __init__(
        self, *args: Any, encoders: QuerySet[Encoder], collections: QuerySet[Collection], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["encoders"].queryset = encoders  # type: ignore[attr-defined]
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]


class GradeForm(forms.Form):
    """A grade for the answer at a place of the pool."""

    place = forms.IntegerField(min_value=0)
    grade = forms.TypedChoiceField(choices=Grade.choices, coerce=int)
