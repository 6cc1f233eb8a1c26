"""Measurements; each is a module that is run by itself."""

import imagesearch  # noqa: F401  (before numpy, as the programs load it: what it sets is read then)
