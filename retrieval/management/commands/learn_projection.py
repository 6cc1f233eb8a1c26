"""Makes a draft encoder of another one and a projection learned on the vectors that are stored by it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.errors import RetrievalError
from retrieval.services.encoders import projections
from retrieval.services.encoders.projections import LABELS, METHODS, ProjectionRequest
from retrieval.services.evaluation import evaluation
from retrieval.services.images import collections


class Command(BaseCommand):
    """``manage.py learn_projection NAME --method supervised --dimension 128``: no picture is read."""

    help = "Learn a projection on the stored vectors of an encoder, and make a draft encoder with it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The encoder, the method, and the pictures."""
        parser.add_argument("encoder", metavar="NAME", help="the encoder whose vectors are stored")
        parser.add_argument("--method", choices=METHODS, required=True)
        parser.add_argument(
            "--dimension",
            type=int,
            help="length of the new vectors (default: the old ones', as neighbourhood needs it)",
        )
        parser.add_argument("--collection", help="name or id; without it, all pictures")
        parser.add_argument("--by", choices=LABELS, default="tags", help="what supervised takes for labels")
        parser.add_argument("--name", help="of the draft (default: NAME-METHOD-DIMENSION, NAME-neighbourhood)")

    def handle(self, **options: Any) -> None:
        """Learn; every expected failure is one sentence."""
        try:
            source = evaluation.named(options["encoder"])
            dimension = source.dimension if options["dimension"] is None else options["dimension"]
            shorter = "" if options["method"] == "neighbourhood" else f"-{dimension}"
            request = ProjectionRequest(
                name=options["name"] or f"{source.name}-{options['method']}{shorter}",
                dimension=dimension,
                method=options["method"],
                collection=collections.named(options["collection"]) if options["collection"] else None,
                by=options["by"],
            )
            row = projections.learn(source, request, user=None)
        except RetrievalError as error:
            raise CommandError(error.message) from error
        learned = f"{row.dimension} dimensions, " + (
            f"smoothed of {source.name}" if row.smooths_id else f"learned on {row.origin['vectors']} vectors"
        )
        self.stdout.write(f"{row.name} is a draft encoder now: {learned}.")
