"""The Django application."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """Names the app and registers its start-up checks."""

    name = "retrieval"
    verbose_name = "imagesearch"

    def ready(self) -> None:
        """Register the checks; only now, as they need the models."""
        import_module("retrieval.checks")
