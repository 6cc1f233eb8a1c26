"""Takes the second factor from somebody who lost the app and the recovery codes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from retrieval.errors import NotFound
from retrieval.services.people import second_factor


class Command(BaseCommand):
    """``manage.py remove_second_factor NAME``: whoever has the terminal may."""

    help = "Let somebody sign in by name and password alone again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Ask for the name."""
        parser.add_argument("name", help="of the account")

    def handle(self, *, name: str, **_options: Any) -> None:
        """Remove it and say so."""
        person = get_user_model().objects.filter(username=name).first()
        if person is None:
            raise CommandError(f"There is no account {name}.")
        try:
            second_factor.remove(person, actor=None)
        except NotFound as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{name} signs in by name and password alone.")
