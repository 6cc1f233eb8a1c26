"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """Names the app."""

    name = "retrieval"
    verbose_name = "imagesearch"
