"""Downloads the official weights of a backbone, checks them, and makes an encoder of them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.management import encoder_options
from retrieval.management.bars import Bars
from retrieval.services.encoders import weights


class Command(BaseCommand):
    """``manage.py fetch_weights resnet50``: the only thing here that ever downloads weights."""

    help = "Download torchvision's official weights of a backbone (checked by SHA-256) and add a draft encoder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Backbone, where else to find the file, and what to build on top."""
        parser.add_argument("backbone", help="resnet18, resnet50, vgg16, mobilenet_v2 ...")
        parser.add_argument("--name", default="", help="name of the encoder; the backbone's when left out")
        parser.add_argument("--mirror", default="", help="another address of the same file")
        encoder_options.add(parser)

    def handle(self, *, backbone: str, name: str, mirror: str, **options: Any) -> None:
        """Fetch and register; every expected failure is one sentence."""
        try:
            spec = encoder_options.spec(backbone, options)
            with Bars(leave=False, unit="B") as bars:
                file = weights.fetch(backbone, progress=bars, mirror=mirror)
            row = weights.register(name or backbone, file, spec=spec)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{row.name}: {row.dimension} dimensions, weights {row.weights_name}, state {row.state}.")
