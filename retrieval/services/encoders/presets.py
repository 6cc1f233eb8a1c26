"""The recipes that ship, as configs in which the few things that people choose are changed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings

from retrieval.errors import InvalidInput

LABELLED = ("arcface", "triplet", "contrastive", "classify", "distill")
"""They train the bundled encoder further, by labels."""
UNLABELLED = ("simclr", "vicreg", "swav", "autoencoder")
"""They begin with random weights and need no labels."""
MOST_STEPS = 100_000
SCORED = 4  # times on the way


@dataclass(frozen=True)
class Choice:
    """A recipe by name, the name of the run, how many steps (0: as it ships), and which share is held out."""

    recipe: str
    name: str
    steps: int = 0
    held_out_share: float = 0.1


def toml(choice: Choice) -> str:
    """The shipped recipe as text, comments and all, with what was chosen in its place.

    Raises InvalidInput naming the field for another recipe, and for steps and shares that none can have.
    """
    if choice.recipe not in (*LABELLED, *UNLABELLED):
        raise InvalidInput.of("recipe", f"The recipe is one of {', '.join((*LABELLED, *UNLABELLED))}.")
    if not 0 <= choice.steps <= MOST_STEPS:
        raise InvalidInput.of("steps", f"The steps are 1 to {MOST_STEPS}, or 0 for as many as the recipe says.")
    if not 0 <= choice.held_out_share <= 0.5:
        raise InvalidInput.of("held_out", "At most half of the pictures can be held out.")
    text = (settings.BASE_DIR / "recipes" / f"{choice.recipe}.toml").read_text(encoding="utf-8")
    steps = choice.steps or int(re.findall(r"^steps = (\d+)$", text, re.MULTILINE)[0])
    changes = {
        "name": f'"{choice.name}"',
        "steps": str(steps),
        "held_out_share": f"{choice.held_out_share:g}",
        "evaluate_every": str(max(1, steps // SCORED)) if choice.held_out_share else "0",
    }
    for name, value in changes.items():
        text, times = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        if times != 1:
            raise ValueError(f"{choice.recipe}.toml must say {name} once.")
    return text
