"""manage.py backup FILE: everything in one file, while the site runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management.bars import Bars
from retrieval.services.operations import backup


class Command(BaseCommand):
    """Write a backup, with progress."""

    help = "Write pictures, vectors, people and settings into one file, while the site runs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write; it must not exist")

    def handle(self, *_: Any, file: Path, **options: Any) -> None:
        try:
            with Bars() as progress:
                manifest = backup.backup(file, progress=progress)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{file}: {manifest.images} pictures, {manifest.files} files, {file.stat().st_size} bytes.")
