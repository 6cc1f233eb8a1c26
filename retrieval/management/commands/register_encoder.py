"""Makes an encoder of a weights file on this machine."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management import encoder_options
from retrieval.services.encoders import weights


class Command(BaseCommand):
    """``manage.py register_encoder NAME FILE``: for weights trained here or brought along."""

    help = "Add a draft encoder from a local weights file (.safetensors, or a .pth state dict)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name, file, and its spec where the file does not carry one."""
        parser.add_argument("name")
        parser.add_argument("file", type=Path)
        parser.add_argument("--sha256", default="", help="refuse the file when it has another one")
        parser.add_argument("--backbone", default="", help="needed for a plain torchvision state dict")
        encoder_options.add(parser)

    def handle(self, *, name: str, file: Path, sha256: str, backbone: str, **options: Any) -> None:
        """Register; every expected failure is one sentence."""
        try:
            spec = encoder_options.spec(backbone, options) if backbone else None
            row = weights.register(name, file, spec=spec, sha256=sha256)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{row.name}: {row.dimension} dimensions, SHA-256 {row.weights_sha256}, state {row.state}.")
