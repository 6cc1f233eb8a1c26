"""Draws pictures with the generator of a finished GAN run: any, or such as are like given ones."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.encoders import drawings
from retrieval.services.encoders.drawings import DrawingRequest

ARGUMENTS = {"run_folder": "RUN_FOLDER", "out": "OUT"}  # the others are options


class Command(BaseCommand):
    """``manage.py draw_pictures RUN_FOLDER sheet.webp --like photo.jpg``."""

    requires_system_checks: list[str] = []  # they ask the database, which drawing does not need
    help = "Draw pictures with the generator that a run of the recipe gan left in RUN_FOLDER."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The run, the file, and what to draw."""
        parser.add_argument("run_folder", metavar="RUN_FOLDER", type=Path, help="the --output of train_encoder")
        parser.add_argument("out", metavar="OUT", type=Path, help="the sheet to write, .png or .webp")
        parser.add_argument(
            "--like",
            metavar="PICTURE",
            type=Path,
            action="append",
            default=[],
            help="a row for this picture: itself, what the generator makes of it, others near that (repeat for more)",
        )
        parser.add_argument(
            "--count", type=int, default=DrawingRequest.count, help="pictures to draw, for each --like (default: 16)"
        )
        parser.add_argument("--seed", type=int, default=DrawingRequest.seed, help="other seeds draw others")
        parser.add_argument(
            "--spread", type=float, default=DrawingRequest.spread, help="how far from --like, 0 to 1 (default: 0.4)"
        )
        parser.add_argument(
            "--steps", type=int, default=DrawingRequest.steps, help="of the search for --like (default: 200)"
        )

    def handle(self, **options: Any) -> None:
        """Draw; every expected failure is one sentence that names the argument."""
        wanted = {name: options[name] for name in ("count", "like", "seed", "spread", "steps")}
        try:
            with Bars(quiet=options["verbosity"] == 0) as bars:
                request = DrawingRequest(**wanted)
                drawings.draw(options["run_folder"], request, out=options["out"], progress=bars)
        except RetrievalError as error:
            raise CommandError(_named(error)) from error
        self.stdout.write(f"{options['out']} is drawn.")


def _named(error: RetrievalError) -> str:
    name = next(iter(error.fields), "")
    return f"{ARGUMENTS.get(name, f'--{name}')}: {error.message}" if name else error.message
