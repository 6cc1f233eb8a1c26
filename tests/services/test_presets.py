"""The recipes that ship as choices: what is chosen is in its place, everything else is as in the file."""

from __future__ import annotations

import tomllib

import pytest
from django.conf import settings

from retrieval import training
from retrieval.errors import InvalidInput
from retrieval.services.encoders import presets
from retrieval.services.encoders.presets import Choice
from retrieval.web.forms.training import RECIPES

NAMES = [*presets.LABELLED, *presets.UNLABELLED]


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize(("steps", "share", "every"), [(0, 0.1, None), (90, 0.25, 22), (2, 0.0, 0), (1, 0.5, 1)])
def test_a_choice_changes_four_lines_and_is_a_config_that_can_start(recipe, steps, share, every):
    shipped = tomllib.loads((settings.BASE_DIR / "recipes" / f"{recipe}.toml").read_text())
    found = tomllib.loads(presets.toml(Choice(recipe, "mine", steps, share)))
    expected = {part: dict(each) if isinstance(each, dict) else each for part, each in shipped.items()}
    expected["name"] = "mine"
    expected["data"]["held_out_share"] = share
    expected["optimiser"]["steps"] = steps or shipped["optimiser"]["steps"]
    expected["schedule"]["evaluate_every"] = shipped["optimiser"]["steps"] // 4 if every is None else every
    assert found == expected
    config = training.RunConfig.from_dict(found)
    training.require_recipe(config)
    assert bool(config.start.weights) == (recipe in presets.LABELLED)


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (Choice("magic", "x"), "recipe"), (Choice("../words", "x"), "recipe"), (Choice("triplet", "x", -1), "steps"),
        (Choice("triplet", "x", 10**6), "steps"), (Choice("triplet", "x", 5, 0.6), "held_out"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_refused_by_its_field(choice, field):
    with pytest.raises(InvalidInput) as refused:
        presets.toml(choice)
    assert list(refused.value.fields) == [field]


def test_every_choice_has_a_sentence():
    assert list(RECIPES) == NAMES
