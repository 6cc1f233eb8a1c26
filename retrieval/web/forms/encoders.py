"""The form that learns a projection: whose vectors, how, and on which pictures."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from retrieval.models import Collection, Encoder
from retrieval.models.bounds import ENCODER_NAME_LENGTH


class ProjectionForm(forms.Form):
    """An encoder, what to learn from its stored vectors, and the name of the draft."""

    encoder = forms.ModelChoiceField(Encoder.objects.none())
    name = forms.SlugField(max_length=ENCODER_NAME_LENGTH)
    method = forms.ChoiceField(
        choices=[
            ("supervised", _("pictures of one label together")), ("pca", _("shorter vectors, no labels needed")),
            ("neighbourhood", _("smoothed by their neighbours, no labels needed")),
        ]
    )  # fmt: skip
    dimension = forms.IntegerField(min_value=1, max_value=4000)
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    by = forms.ChoiceField(
        choices=[
            ("tags", _("first tag")), ("group_key", _("belongs to")), ("judgements", _("what people judged")),
            ("clicks", _("the concepts that I taught")),
        ]
    )  # fmt: skip

    def __init__(
        self, *args: Any, encoders: QuerySet[Encoder], collections: QuerySet[Collection], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["encoder"].queryset = encoders  # type: ignore[attr-defined]
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]
