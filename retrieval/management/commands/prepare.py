"""Brings database, static files, encoder and administrator into the state that this version needs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from retrieval.models import Encoder
from retrieval.services import first_link


class Command(BaseCommand):
    """``manage.py prepare``: what each start needs done once, before the programs run. Safe to repeat."""

    help = "Migrate the database, collect static files, make administrator and encoder on the first start."
    requires_system_checks: list[str] = []

    def handle(self, *, verbosity: int, **_options: Any) -> None:
        """Do it all; raises CommandError when a check fails."""
        call_command("migrate", verbosity=verbosity, interactive=False, skip_checks=True)
        call_command("collect_static")
        first_link.prepare_admin(settings.ADMIN_PASSWORD)
        if Encoder.objects.active() is None:
            call_command("first_encoder")
        self.check(tags=["database", "retrieval", "security"], databases=["default"])
