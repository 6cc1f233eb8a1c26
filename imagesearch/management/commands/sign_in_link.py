"""Prints a one-time link that signs the administrator in."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from imagesearch.embedded import site
from retrieval.services.people import sign_in_link


class Command(BaseCommand):
    """``manage.py sign_in_link``: for whoever has the terminal but no password."""

    help = "Print a link that signs the administrator in, once."
    requires_system_checks: list[str] = []

    def handle(self, **_options: Any) -> None:
        """Issue the link and print it."""
        token = sign_in_link.issue(sign_in_link.prepare_admin(), by_terminal=True)
        self.stdout.write(f"{site.address()}first/{token}")
