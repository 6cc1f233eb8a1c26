"""The form that starts a training run: a collection, its labels, and a recipe that ships or a config as TOML."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from retrieval.errors import InvalidInput
from retrieval.models import Collection
from retrieval.models.bounds import ENCODER_NAME_LENGTH
from retrieval.services.encoders import presets
from retrieval.services.encoders.presets import Choice

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


# Of each recipe that ships: its name for people, and what to choose it for.
RECIPES = {
    "arcface": (_("Classes on a sphere (ArcFace)"), _("The usual choice for many labels of some pictures each.")),
    "triplet": (_("Triplets"), _("For many labels of few pictures: one of the label is to be nearer than others.")),
    "contrastive": (_("Pairs"), _("The simplest: pairs of one label near, others a distance apart.")),
    "classify": (_("Classes (cross-entropy)"), _("For a few labels of many pictures each.")),
    "distill": (_("Held to what it knew"), _("Learns your labels and forgets least of what it found before.")),
    "simclr": (_("Views find their partner (SimCLR)"), _("Without labels; wants thousands of pictures and time.")),
    "vicreg": (_("Views agree (VICReg)"), _("Without labels; wants thousands of pictures, not large batches.")),
    "swav": (_("Views agree on a cluster (SwAV)"), _("Without labels; for pictures that fall into groups.")),
    "autoencoder": (_("Redraw the picture"), _("Without labels; for a look at what a vector keeps.")),
}
FINE_TUNED, FROM_NOTHING = _("By labels, from the bundled encoder"), _("Without labels, from random weights")


class TrainingForm(forms.Form):
    """What to train on, by which labels, and how: by a recipe, or by a config that says everything."""

    collection = forms.ModelChoiceField(Collection.objects.none())
    by = forms.ChoiceField(choices=[("tags", _("first tag")), ("group_key", _("belongs to"))])
    recipe = forms.ChoiceField(
        choices=[
            (FINE_TUNED, [(name, RECIPES[name][0]) for name in presets.LABELLED]),
            (FROM_NOTHING, [(name, RECIPES[name][0]) for name in presets.UNLABELLED]),
        ],
        required=False,
    )
    name = forms.SlugField(max_length=ENCODER_NAME_LENGTH, required=False)
    steps = forms.IntegerField(min_value=1, max_value=presets.MOST_STEPS, required=False)
    held_out = forms.IntegerField(min_value=0, max_value=50, required=False)
    config = forms.CharField(max_length=20_000, required=False)

    def __init__(self, *args: Any, collections: QuerySet[Collection], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["collection"].queryset = collections  # type: ignore[attr-defined]

    def clean(self) -> None:
        """Read the TOML, else that of the recipe chosen; the service checks what is in it."""
        said = self.cleaned_data
        text = said.get("config") or self.written()
        try:
            said["config"] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.add_error("config", str(error))

    def written(self) -> str:
        """The recipe that is chosen as TOML; empty where something of the choice is amiss, which is told beside it."""
        said = self.cleaned_data
        if not said.get("name") and "name" not in self.errors:
            self.add_error("name", _("Give the run a name."))
        share = said.get("held_out")
        try:
            chosen = Choice(said.get("recipe") or "", said.get("name") or "", said.get("steps") or 0)
            return presets.toml(chosen if share is None else replace(chosen, held_out_share=share / 100))
        except InvalidInput as error:
            self.add_error(next(iter(error.fields)), error.message)
            return ""

    @property
    def by_recipe(self) -> bool:
        """Whether the recipe counts, as no settings were written."""
        return not self.data.get("config", "").strip()
