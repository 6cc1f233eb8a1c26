"""Draws what a training config's augmentation does to pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval import training
from retrieval.errors import RetrievalError
from retrieval.ingest import sandbox
from retrieval.services.encoders import drawings


class Command(BaseCommand):
    """``manage.py draw_views CONFIG.toml sheet.png --data DIR``."""

    requires_system_checks: list[str] = []  # they ask the database, which drawing does not need
    help = "Draw pictures as they are, and beside each how training by CONFIG.toml would see it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Config, file, pictures, and how many."""
        parser.add_argument("config", metavar="CONFIG.toml", type=Path)
        parser.add_argument("out", metavar="OUT", type=Path, help="the sheet to write, .png or .webp")
        parser.add_argument("--data", type=Path, required=True, help="a folder of class folders, or a CSV manifest")
        parser.add_argument("--count", type=int, default=6, help="pictures, evenly over all (default: 6)")
        parser.add_argument("--views", type=int, default=7, help="views of each (default: 7)")

    def handle(self, **options: Any) -> None:
        """Draw; every expected failure is one sentence."""
        try:
            self._draw(options)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{options['out']} is drawn.")

    def _draw(self, options: dict[str, Any]) -> None:
        drawings.require_count(options["count"], options["views"])
        config = training.RunConfig.from_toml(options["config"])
        entries = training.listed(options["data"], groups=config.data.groups)
        some = entries[:: max(1, len(entries) // options["count"])][: options["count"]]
        pictures = training.from_entries(some, side=config.data.stored_size, read=sandbox.pixels)
        drawings.save(training.augmented(config, pictures, views=options["views"]), options["out"])
