"""Fills a collection with drawn pictures of a few kinds, so that a first look at the site is not empty."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from retrieval.management import scenes
from retrieval.models import Collection


class Command(BaseCommand):
    """``manage.py demo``: draws the pictures and imports them like any folder. Repeating it adds none."""

    help = "Put drawn pictures of six kinds, each tagged with its kind, into the collection Demo."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--each", type=int, default=20, help="pictures of each kind (default 20)")
        parser.add_argument("--user", help="who puts them in; needed when there are several administrators")

    def handle(self, *, each: int, user: str | None = None, **_options: Any) -> None:
        """Draw into a temporary folder and import it; before the first start, first do what that would do."""
        if Collection._meta.db_table not in connection.introspection.table_names():
            call_command("prepare", verbosity=0)
        with tempfile.TemporaryDirectory() as folder:
            for scene in scenes.SCENES:
                kind = Path(folder) / scene.__name__
                kind.mkdir()
                for number in range(each):
                    name = f"{scene.__name__} {number + 1}.jpg"
                    scenes.draw(scene, number).save(kind / name, quality=90)
            call_command("import_images", folder, collection="Demo", tag_by_folder=True, user=user)
