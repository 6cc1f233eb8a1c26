"""The project's settings with faults to be switched on, and with searches by the index from a hundred pictures on."""

from __future__ import annotations

from dataclasses import replace

from imagesearch.settings import *  # noqa: F403
from imagesearch.settings import IMAGESEARCH as USUAL
from imagesearch.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "tests.chaos.hooks.Hooks"]
IMAGESEARCH = replace(USUAL, exact_candidates=100)
