"""Runs one program of the site in the foreground, for a container or a service manager of its own."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from imagesearch.embedded import site


class Command(BaseCommand):
    """``manage.py program NAME``: becomes that program, with the same options as under ``up``."""

    help = "Run one program of the site in the foreground."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the program's name."""
        parser.add_argument("name", choices=sorted(site.programs()))

    def handle(self, *, name: str, **_options: Any) -> None:
        """Replace this process by the program."""
        program = site.programs()[name]
        os.execve(program.argv[0], list(program.argv), {**os.environ, **program.env})
