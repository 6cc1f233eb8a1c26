"""Makes the encoder that the settings name the active one, when no encoder is."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.services.encoders import weights


class Command(BaseCommand):
    """``manage.py first_encoder``: part of ``prepare``, apart from it because it alone has to load torch."""

    help = "Make the encoder named by IMAGESEARCH_ENCODER active, unless one is active already."
    requires_system_checks: list[str] = []

    def handle(self, **_options: Any) -> None:
        """Make the row; raises CommandError when the settings name no encoder that can be used."""
        try:
            encoder = weights.first_encoder()
        except RetrievalError as error:
            raise CommandError(f"IMAGESEARCH_ENCODER cannot be used: {error.message}") from None
        self.stdout.write(f"The active encoder is {encoder.name}{'' if encoder.trained else ', which is untrained'}.")
