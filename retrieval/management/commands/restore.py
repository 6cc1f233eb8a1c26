"""manage.py restore FILE: fill an empty system from a backup, then audit it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.operations import backup


class Command(BaseCommand):
    """Read a backup, with progress; the audit has the last word."""

    help = "Fill an empty system from a backup, and check that everything is there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file that manage.py backup wrote")

    def handle(self, *_: Any, file: Path, **options: Any) -> None:
        try:
            with Bars() as progress:
                manifest = backup.restore(file, progress=progress)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{manifest.images} pictures of {manifest.created_at} are back. The audit:")
        call_command("audit", strict=True, stdout=self.stdout)
