"""The form that starts a training run: a collection, its labels, and a config as TOML."""

from __future__ import annotations

import tomllib
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from retrieval.models import Collection

# A short fine-tune that begins from the encoder that ships with the product; only its last stages learn.
EXAMPLE = """name = "mine"
recipe = "arcface"

[start]
weights = "compact-v1.safetensors"
kept = 0.3                # share of the first weights in the result

[encoder]
backbone = "mobilenet_v2"
projection = "linear"
dimension = 256
image_size = 224

[options]
frozen_stages = 15        # of 19
margin = 0.2

[sampling]
kind = "shuffled"
batch = 16

[augment]
smallest_crop = 0.6
brightness = 0.2
contrast = 0.2

[optimiser]
steps = 200
lr = 3e-4
warmup_steps = 20
ema = 0.97

[schedule]
sizes = [[0.0, 160]]
evaluate_every = 50
checkpoint_every = 50
"""


class TrainingForm(forms.Form):
    """What to train on, by which labels, and how."""

    collection = forms.ModelChoiceField(Collection.objects.none())
    by = forms.ChoiceField(choices=[("tags", _("first tag")), ("group_key", _("belongs to"))])
    config = forms.CharField(max_length=20_000)

    def __init__(self, *args: Any, collections: QuerySet[Collection], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]

    def clean_config(self) -> dict[str, Any]:
        """Read the TOML; the service checks what is in it."""
        try:
            return tomllib.loads(self.cleaned_data["config"])
        except tomllib.TOMLDecodeError as error:
            raise forms.ValidationError(str(error)) from error
