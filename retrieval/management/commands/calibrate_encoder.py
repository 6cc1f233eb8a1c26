"""Measures what the scores of an encoder mean, on folders of labelled pictures, and keeps it on the encoder."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval import whole_files
from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.evaluation import calibrations, evaluation
from retrieval.services.evaluation.evaluation import Folder


class Command(BaseCommand):
    """``manage.py calibrate_encoder NAME DIR [DIR ...]``: pictures of two folders are strangers to each other."""

    help = (
        "Fit on DIR/class/picture how likely a hit of a score is right, and how many strangers score as high; "
        "a class folder called _ holds pictures without a label."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, the pictures, and a file."""
        parser.add_argument("name", metavar="NAME", help="the encoder's name")
        parser.add_argument("folders", metavar="DIR", type=Path, nargs="+", help="folders of class folders")
        parser.add_argument("--file", metavar="FILE", type=Path, help="write it here too, to lie beside the weights")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Fit, keep, and write the file; every expected failure is one sentence."""
        try:
            encoder = evaluation.named(options["name"])
            with Bars(quiet=options["verbosity"] == 0) as bars:
                sources = [Folder(path) for path in options["folders"]]
                found = calibrations.measure(encoder, sources, progress=bars)
            calibrations.save(encoder, found)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        if options["file"]:
            whole_files.write(options["file"], json.dumps(encoder.calibration, indent=1, allow_nan=False) + "\n")
        said = ", ".join(f"{number} {name}" for name, number in calibrations.counts(found).items())
        self.stdout.write(f"{encoder.name} is calibrated on {said}.")
