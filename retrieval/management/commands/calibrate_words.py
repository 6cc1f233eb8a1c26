"""Measures what the scores of an encoder's words mean, and keeps it on the encoder."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval import whole_files
from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.management.commands.make_word_table import add_recipe, recipe_of
from retrieval.services.encoders import word_calibrations
from retrieval.services.evaluation import calibrations, evaluation


class Command(BaseCommand):
    """``manage.py calibrate_words NAME`` with the options that its word table was made by."""

    help = (
        "Fit how likely a hit of a word's score is right, on the table's own labelled pictures: each source of them is "
        "asked by a table that is made without it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, what its table was made of, and a file."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        add_recipe(parser)
        parser.add_argument("--file", metavar="FILE", type=Path, help="write all of the calibration here too")

    def handle(self, **options: Any) -> None:
        """Fit, keep, and write the file; every expected failure is one sentence."""
        recipe = recipe_of(options)
        try:
            encoder = evaluation.named(options["name"])
            with Bars(quiet=options["verbosity"] == 0) as bars:
                found = word_calibrations.measure(encoder, recipe, progress=bars)
            calibrations.save_words(encoder, found)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        if options["file"]:
            whole_files.write(options["file"], json.dumps(encoder.calibration, indent=1, allow_nan=False) + "\n")
        self.stdout.write(f"The words of {encoder.name} are calibrated on {found.fitted_on['words']} names.")
