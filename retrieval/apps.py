"""The Django application."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """Names the app and registers its start-up checks."""

    name = "retrieval"
    verbose_name = "imagesearch"

    def ready(self) -> None:
        """Register the checks and the watch over accounts; only now, as they need the models."""
        import_module("retrieval.checks")
        import_module("retrieval.services.people.account_changes")
